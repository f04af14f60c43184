r"""llama.cpp: `llama-finetune` (2025) and `finetune`, `train-text-from-scratch` (2023).

    train: [###] data=0000512/0000512 loss=3.10220±0.01101 acc=41.02±0.08% t=00:10:11
    val:   [###] data=0000027/0000027 loss=3.20110±0.04401 acc=40.11±0.29% t=00:00:09
    train_opt_callback: iter=    12 sample=49/1000 sched=0.001 loss=3.1022 dt=00:00:10

The bar of 2025 is drawn again and again; a full one is the record of an epoch, of
which none is named: they are counted.
"""

import re
from typing import Any, Final

from parsers.batch import Batch
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.format import Format, line
from parsers.keyvalue.records import Records
from parsers.patterns import NUMBER, STEP, named


_BAR: Final = re.compile(
    rb"\b(train|val): +\[[^\]\[]{0,200}\] data=(\d{1,15})/(\d{1,15}) loss=("
    + NUMBER
    + rb")(?:\xc2\xb1\S{0,32}+)?(?: acc=("
    + NUMBER
    + rb"))?"
)
_NAMES: Final = {
    b"train": ("loss", "accuracy"),
    b"val": ("val_loss", "val_accuracy"),
}


class Epochs:
    """Reads full bars.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._epochs = {"train": 0, "val": 0}
        self._full = {"train": False, "val": False}  # whether the last bar was

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        if b" data=" not in piece.outline:
            return []
        records = Records()
        for at, text in enumerate(piece.lines, piece.first):
            if b" data=" in text and (found := _BAR.search(text)):
                self.taken.append(at)
                self._bar(at, found, records)
        return records.batches()

    def flush(self) -> list[Batch]:
        """Nothing: a full bar is whole."""
        return []

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"epochs": self._epochs, "full": self._full}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._epochs, self._full = state["epochs"], state["full"]

    def _bar(self, at: int, found: re.Match[bytes], records: Records) -> None:
        kind, other = found[1].decode(), "val" if found[1] == b"train" else "train"
        full = int(found[2]) == int(found[3])
        again, self._full[kind] = full and self._full[kind], full
        self._full[other] = False
        if not full or again:
            return
        self._epochs[kind] += 1
        shown = (found[4], found[5] or b"")
        values = dict(zip(_NAMES[found[1]], map(number, shown), strict=True))
        if values.get("accuracy") is not None:
            values["accuracy"] = (values["accuracy"] or 0.0) / 100
        if values.get("val_accuracy") is not None:
            values["val_accuracy"] = (values["val_accuracy"] or 0.0) / 100
        known = {n: v for n, v in values.items() if v is not None}
        records.add(kind, at, self._epochs[kind], known)


LLAMACPP = Format(
    name="llamacpp",
    written_by="llama.cpp llama-finetune, finetune",
    samples=(
        "train: [###] data=0000512/0000512 loss=3.10220±0.01101 acc=41.02±0.08%",
        "train_opt_callback: iter=  12 sample=49/1000 sched=0.001 loss=3.1022 dt=00:00",
    ),
    rows=Epochs,
    patterns=(
        line(
            "train_opt_callback: iter=",
            rb"\btrain_opt_callback: iter= *"
            + STEP
            + rb" .{0,200}?\bloss="
            + named("loss"),
            needs=(b"train_opt_callback: ",),
        ),
    ),
)
