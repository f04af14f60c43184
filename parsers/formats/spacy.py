"""spaCy `train` (3.x): a table whose header names the parts of the loss.

    E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  ENTS_P  ENTS_R  SCORE
    ---  ------  ------------  --------  ------  ------  ------  ------
      0       0          0.00     67.46    0.00    0.00    0.00    0.00
      3     200        148.15   2231.47   80.12   79.20   81.06    0.80

`#` is the step, the loss the sum of its parts since the row before.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from parsers.batch import Batch
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.format import Format
from parsers.keyvalue.records import Records
from parsers.metrics import ANY_LOSS


_HEADER: Final = re.compile(rb"(?:^|\s)E {1,8}# {1,12}([A-Z][^\n]{0,999})")
_GAP: Final = re.compile(r" {2,}")


class Table:
    """Reads rows below spaCy's header.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._names: list[str] = []

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        if not self._names and b" # " not in piece.outline:
            return []
        records = Records()
        for line, text in enumerate(piece.lines, piece.first):
            if b" # " in text and (header := _HEADER.search(text)):
                names = header[1].decode("utf-8", "replace").strip()
                self._names = _GAP.split(names)
            elif self._names:
                self._row(line, text.split(), records)
        return records.batches()

    def flush(self) -> list[Batch]:
        """Nothing: each row is whole."""
        return []

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"names": self._names}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._names = state["names"]

    def _row(self, line: int, cells: Sequence[bytes], records: Records) -> None:
        if len(cells) != len(self._names) + 2:
            return
        found = [number(cell) for cell in cells]
        if found[0] is None or found[1] is None or not found[1].is_integer():
            return
        shown = list(zip(self._names, found[2:], strict=True))
        losses = [v for n, v in shown if n.startswith("LOSS ") and v is not None]
        if not losses:
            return
        values = {"loss": sum(losses), "epoch": found[0]}
        scores = [v for n, v in shown if n == "SCORE" and v is not None]
        values |= {"val_score": scores[0]} if scores else {}
        self.taken.append(line)
        records.add("row", line, int(found[1]), values)


SPACY = Format(
    name="spacy",
    units=ANY_LOSS,
    written_by="spaCy train",
    samples=("E    #       LOSS NER  SCORE\n  3     200   2231.47    0.80",),
    rows=Table,
)
