"""AReaL: after each step its number, and a table that frames keys and values.

    Epoch 1/2 Step 1/100 Train step 1/200 done.
    ╒═════════════════════╤════════════╕
    │ ppo_actor/loss/avg  │ 1.2345e-01 │
    ├─────────────────────┼────────────┤
    │ ppo_actor/reward    │ 3.2000e-01 │
    ╘═════════════════════╧════════════╛

Several pairs of key and value may stand in a row, and several tables behind one step.
"""

import re
from typing import Any, Final

from parsers.batch import Batch
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.format import Format
from parsers.keyvalue.records import Records, entry
from parsers.keyvalue.vocabulary import Key, key
from parsers.metrics import ANY_LOSS


_DONE: Final = re.compile(rb"\bTrain step (\d{1,15})/(\d{1,15}) done\b")
_BAR: Final = "│".encode()
_ROWS_MAX: Final = 1024
_ENDS: Final = tuple(sign.encode() for sign in "╘└╚┗")
_NAME: Final = re.compile(r"[A-Za-z][\w/.-]{0,120}")
_STATISTIC: Final = re.compile(r"/(?:avg|mean)$")
_OTHERS: Final = re.compile(r"/(?:min|max|sum|std)$")


class Tables:
    """Reads the tables behind each step.

    Attributes:
        taken: see `parsers.format.RowReader`.
        planned: number of steps, None before the first.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.planned: int | None = None
        self._step: int | None = None
        self._rows: dict[str, float] = {}
        self._line = 0  # the last row of the table

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        records = Records()
        if b"Train step " not in piece.outline and self._step is None:
            return []
        for line, text in enumerate(piece.lines, piece.first):
            if b"Train step " in text and (found := _DONE.search(text)):
                self._step, self.planned = int(found[1]), int(found[2])
            elif _BAR in text:
                self._row(line, text)
            elif self._rows and text.lstrip().startswith(_ENDS):
                self._close(records)
        return records.batches()

    def flush(self) -> list[Batch]:
        """The last table, if its end was cut off."""
        records = Records()
        self._close(records)
        return records.batches()

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {name: getattr(self, name) for name in _STATE}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        for name in _STATE:
            setattr(self, name, state[name])

    def _row(self, line: int, text: bytes) -> None:
        if self._step is None:
            return
        cells = [cell.strip() for cell in text.split(_BAR)[1:-1]]
        for name, shown in zip(cells[::2], cells[1::2], strict=False):
            value = number(shown)
            if value is not None and len(self._rows) < _ROWS_MAX:
                self._rows[name.decode("utf-8", "replace")] = value
                self._line = line
                self.taken.append(line)

    def _close(self, records: Records) -> None:
        rows, self._rows = self._rows, {}
        found = entry((k, v) for name, v in rows.items() if (k := _key(name)))
        if found.curve and self._step is not None:
            records.add("table", self._line, self._step, found.values)


def _key(name: str) -> Key | None:
    """`ppo_actor/loss/avg` is the loss; its least and greatest value are none."""
    if not _NAME.fullmatch(name) or _OTHERS.search(name):
        return None
    known = key(_STATISTIC.sub("", name)) or key(
        _STATISTIC.sub("", name).rpartition("/")[2]
    )
    return None if known and known.name in {"step", "max_steps"} else known


_STATE: Final = ("planned", "_step", "_rows", "_line")

AREAL = Format(
    name="areal",
    units=ANY_LOSS,
    written_by="AReaL: a framed table behind each step",
    samples=(
        "Epoch 1/2 Step 1/100 Train step 1/200 done.",
        "│ ppo_actor/loss/avg  │ 1.2345e-01 │",
    ),
    rows=Tables,
)
