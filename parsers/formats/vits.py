"""VITS and its relatives: RVC, so-vits-svc, Bert-VITS2, GPT-SoVITS.

    INFO:mi-test:Train Epoch: 1 [0%]
    INFO:mi-test:[0, 0.0001]
    INFO:mi-test:loss_disc=4.71, loss_gen=3.52, loss_fm=10.2,loss_mel=25.61, loss_kl=5.2
    INFO:base:[2.71, 2.32, 5.44, 25.1, 1.9, 4.7, 200, 0.0002]
    INFO:44k:Losses: [2.3, 2.5, 7.4, 22.1, 1.01], step: 200, lr: 0.0001, reference...

The loss is that of the generator: the sum of its parts, all but the first.  In RVC the
step stands on the line before, with the learning rate.
"""

import re
from typing import Any, Final

from parsers.batch import Batch
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.format import Format
from parsers.keyvalue.records import Records
from parsers.metrics import ANY_LOSS
from parsers.patterns import NUMBER


_STEP: Final = re.compile(rb"[:\s]\[(\d{1,15}), (" + NUMBER + rb")\]\s*$")
_NAMED: Final = re.compile(rb"\bloss_(gen|fm|mel|kl|dur)=(" + NUMBER + rb")")
_LOSSES: Final = re.compile(
    rb"\bLosses: \[([^\]]{3,400})\], step: (\d{1,15}), lr: (" + NUMBER + rb")"
)
# What every such list has.
_ANY_LIST: Final = re.compile(rb", " + NUMBER + rb"\][^\S\n]*+\n|Losses: \[")
_LIST: Final = re.compile(
    rb"[:\s]\[((?:[-+.\dnaife]{1,24}, ){3,12})(\d{1,15}), (" + NUMBER + rb")\]\s*$"
)


class Losses:
    """Reads lists of the parts of the loss.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._step: int | None = None
        self._lr = 0.0

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        if not (b"loss_" in piece.data or _ANY_LIST.search(piece.data)):
            return []
        records = Records()
        for line, text in enumerate(piece.lines, piece.first):
            if b"loss_gen=" in text:
                self._named(line, text, records)
            elif (b"Losses: [" in text and (found := _LOSSES.search(text))) or (
                text.endswith(b"]") and (found := _LIST.search(text))
            ):
                self._add(line, found[1], int(found[2]), number(found[3]), records)
            elif text.endswith(b"]") and (found := _STEP.search(text)):
                self._step, self._lr = int(found[1]), number(found[2]) or 0.0
        return records.batches()

    def flush(self) -> list[Batch]:
        """Nothing: each line is whole."""
        return []

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"step": self._step, "lr": self._lr}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._step, self._lr = state["step"], state["lr"]

    def _named(self, line: int, text: bytes, records: Records) -> None:
        parts = [number(shown) for _, shown in _NAMED.findall(text)]
        if self._step is not None:
            self.taken.append(line)
            loss = sum(part for part in parts if part is not None)
            values = {"loss": loss, "lr": self._lr}
            records.add("loss_gen=", line, self._step, values)

    def _add(
        self, line: int, shown: bytes, step: int, lr: float | None, records: Records
    ) -> None:
        cells = [cell.strip() for cell in shown.split(b",") if cell.strip()]
        parts = [number(cell) for cell in cells[1:]]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts) or not known:
            return
        self.taken.append(line)
        values = {"loss": sum(known)} | ({} if lr is None else {"lr": lr})
        records.add("list", line, step, values)


VITS = Format(
    name="vits",
    units=ANY_LOSS,
    written_by="VITS, RVC, so-vits-svc, GPT-SoVITS",
    samples=(
        "INFO:mi-test:loss_disc=4.71, loss_gen=3.52, loss_fm=10.2,loss_mel=25.61",
        "INFO:44k:Losses: [2.3, 2.5, 7.4, 22.1], step: 200, lr: 0.0001",
    ),
    rows=Losses,
)
