r"""Ultralytics YOLO on the console: YOLOv5, v7, v8 and later; YOLOv9 and v10.

         Epoch   gpu_mem       box       obj       cls     total    labels  img_size
         0/299     1.81G   0.06945   0.03649         0    0.1059        37       640: 10
          Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size
          1/100      2.13G      1.596      2.455      1.443          1        640: 100%|
                   all        195        882    0.00955      0.359    0.00496   0.000785

A row is drawn again and again, with means of the epoch so far: the last one is its
record.  Without a column `total` the loss is the sum of its parts.  The row `all` holds
precision, recall and mean average precision; those of classes are left out.
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


_HEADER: Final = re.compile(
    rb"\bEpoch\s{1,32}(?:gpu_mem|GPU_mem)((?:\s{1,32}[A-Za-z_]\w{0,32})+)"
)
_ROW: Final = re.compile(
    rb"(?:^|[\s|])(\d{1,9})/(\d{1,9})\s{1,32}([\d.]{1,16}(?:[GM]|[GM]i?B)?)"
    rb"((?:\s{1,32}[-+.\dnaife]{1,24}){2,16}):\s{0,8}(\d{1,3})?"
)
_ALL: Final = re.compile(rb"^\s*+all((?:\s{1,32}[-+.\dnaife]{1,24}){2,16})\s*$")
_PARTS: Final = {
    "box": "box_loss",
    "giou": "box_loss",
    "obj": "obj_loss",
    "cls": "cls_loss",
    "dfl": "dfl_loss",
}
_TOP_1_AND_5: Final = 2
_SCORES: Final[tuple[str, ...]] = ("precision", "recall", "map50", "val_map")
# What ends the parts of the loss: counts and sizes.
_COUNTS: Final = ("labels", "instances", "size", "img_size", "targets", "total")


class Table:
    """Reads the last row of each epoch.

    Attributes:
        taken: see `parsers.format.RowReader`.
        planned: number of epochs, None before the first.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.planned: int | None = None
        self._names: list[str] = []
        self._epoch = -1
        self._kept: tuple[int, dict[str, float]] | None = None
        self._done = False  # whether the epoch has its record
        self._evaluated = True  # whether the epoch has its scores

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        if not self._names and b"_mem" not in piece.outline:
            return []
        records = Records()
        for line, text in enumerate(piece.lines, piece.first):
            if b"/" in text and b":" in text and (row := _ROW.search(text)):
                self._row(line, row, records)
            elif b"_mem" in text and (header := _HEADER.search(text)):
                self._names = header[1].decode().lower().split()
            elif b" all " in text and (scores := _ALL.search(text)):
                self._scores(line, scores[1].split(), records)
        return records.batches()

    def flush(self) -> list[Batch]:
        """The last epoch, if nothing ended it."""
        records = Records()
        self._release(records)
        return records.batches()

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "planned": self.planned,
            "names": self._names,
            "epoch": self._epoch,
            "kept": self._kept,
            "done": self._done,
            "evaluated": self._evaluated,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self.planned, self._names = state["planned"], state["names"]
        self._epoch, self._done = state["epoch"], state["done"]
        self._evaluated = state["evaluated"]
        self._kept = (state["kept"][0], state["kept"][1]) if state["kept"] else None

    def _row(self, line: int, row: re.Match[bytes], records: Records) -> None:
        if not self._names:
            return  # a table of something else
        self.taken.append(line)
        epoch, self.planned = int(row[1]), int(row[2])
        if epoch != self._epoch:
            self._release(records)
            self._epoch, self._done, self._evaluated = epoch, False, False
        elif self._done:
            return  # drawn again behind its end
        values = self._values(row[4].split())
        self._kept = (line, values) if "loss" in values else self._kept
        if row[5] == b"100":
            self._release(records)

    def _values(self, cells: Sequence[bytes]) -> dict[str, float]:
        shown = dict(zip(self._names, map(number, cells), strict=False))
        parts = [n for n in shown if n not in _COUNTS]
        values: dict[str, float] = {}
        for name in parts:
            known, value = _PARTS.get(name.removesuffix("_loss")), shown[name]
            if known and value is not None:
                values[known] = value
        total = shown.get("total", shown.get("loss"))
        found = [v for n in parts if (v := shown[n]) is not None]
        if total is not None or found:
            values["loss"] = sum(found) if total is None else total
        return values

    def _release(self, records: Records) -> None:
        kept, self._kept = self._kept, None
        if kept:
            self._done = True
            records.add("epoch", kept[0], self._epoch, kept[1])

    def _scores(self, line: int, cells: Sequence[bytes], records: Records) -> None:
        self._release(records)
        if self._epoch < 0 or self._evaluated:
            return
        self.taken.append(line)
        self._evaluated = True
        found = [number(cell) for cell in cells]
        of_classes = len(found) == _TOP_1_AND_5
        names = ("val_accuracy",) if of_classes else _SCORES
        shown = found if of_classes else found[2:]
        values = {n: v for n, v in zip(names, shown, strict=False) if v is not None}
        records.add("all", line, self._epoch, values)


ULTRALYTICS = Format(
    name="ultralytics",
    epochs=True,
    units=ANY_LOSS,
    written_by="Ultralytics YOLOv5 to YOLO26, YOLOv7, YOLOv9 on the console",
    samples=(
        (
            "Epoch GPU_mem box_loss cls_loss dfl_loss Instances Size\n"
            "1/100 2.13G 1.596 2.455 1.443 1 640: 100%|"
        ),
    ),
    rows=Table,
)
