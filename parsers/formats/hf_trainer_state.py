"""`trainer_state.json` of the Hugging Face `Trainer`, as it is written: over lines.

    {
      "global_step": 10,
      "log_history": [
        {
          "epoch": 0.02,
          "learning_rate": 9.99e-05,
          "loss": 3.5663,
          "step": 10
        },
        {
          "epoch": 0.02,
          "eval_loss": 3.25,
          "eval_runtime": 13.8654,
          "step": 10
        }
      ],
      "max_steps": 11900
    }

Each innermost object is a record, its line the one that closes it.  The last, with
`train_runtime`, is a summary.  The whole file may also stand on one line.
"""

import json
import re
from typing import Any, Final

from parsers.batch import Batch
from parsers.engine.pieces import Piece
from parsers.format import Format
from parsers.formats.jsonl import meaning
from parsers.keyvalue.records import Axis, Records
from parsers.metrics import ANY_LOSS


_PAIR: Final = re.compile(rb'"([^"\\]{1,64})"\s*:\s*("(?:[^"\\]|\\.)*"|[-+.\w]+),?')
_OBJECT: Final = re.compile(rb"\{[^{}]*\}")
_HISTORY: Final = b'"log_history"'
_FIELDS_MAX: Final = 512  # more is no record of a training


_MARKS: Final = (b"{", b"}", b'"')


class Objects:
    """Reads objects that span lines.

    Attributes:
        taken: see `parsers.format.RowReader`.
        planned: number of steps that the file plans, None where it is not stated.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.planned: int | None = None
        self._axis = Axis()
        self._open: dict[str, Any] | None = None

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        if not any(mark in piece.outline for mark in _MARKS):
            return []
        records = Records()
        for line, text in enumerate(piece.lines, piece.first):
            bare = text.strip()
            if bare == b"{":
                self._open = {}
            elif bare[:1] == b'"':
                self._field(line, bare)
            elif bare[:1] == b"}":
                self._close(line, records)
            elif bare[:1] == b"{" and _HISTORY in bare:
                self._whole(line, bare, records)
        return records.batches()

    def flush(self) -> list[Batch]:
        """Nothing: an object that is not closed is no record."""
        return []

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "axis": self._axis.state(),
            "open": self._open,
            "planned": self.planned,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._axis.restore(state["axis"])
        self._open, self.planned = state["open"], state["planned"]

    def _field(self, line: int, bare: bytes) -> None:
        found = _PAIR.fullmatch(bare)
        if found is None:
            if bare[-1:] in {b"{", b"["}:
                self._open = None if bare[-1:] == b"[" else {}
            return
        name = found[1].decode("utf-8", "replace")
        value = _scalar(found[2])
        if name == "max_steps" and isinstance(value, int) and 0 < value < 1 << 62:
            self.planned = value
        if self._open is not None and len(self._open) < _FIELDS_MAX:
            self._open[name] = value
            self.taken.append(line)

    def _close(self, line: int, records: Records) -> None:
        row, self._open = self._open, None
        if row:
            self._record("object", line, row, records)

    def _record(
        self, pattern: str, line: int, row: dict[str, Any], records: Records
    ) -> None:
        found = meaning(row)
        # Settings have no step.
        if "train_runtime" not in row and found.curve and found.step is not None:
            self.taken.append(line)
            records.add(pattern, line, self._axis.step(found), found.values)

    def _whole(self, line: int, bare: bytes, records: Records) -> None:
        """A file without line breaks; a line of a pattern holds one record."""
        for at, found in enumerate(_OBJECT.finditer(bare, bare.find(_HISTORY))):
            row = {
                pair[1].decode("utf-8", "replace"): _scalar(pair[2])
                for pair in _PAIR.finditer(found[0])
            }
            self._record(f"object {at}", line, row, records)


def _scalar(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


HF_TRAINER_STATE = Format(
    name="hf_trainer_state",
    units=ANY_LOSS,
    written_by="Hugging Face Trainer, trainer_state.json",
    samples=(
        '{\n"loss": 3.5663,\n"step": 10\n}',
        '{\n"eval_loss": 3.25,\n"step": 10\n}',
    ),
    rows=Objects,
)
