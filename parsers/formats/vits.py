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

import numpy as np

from parsers.batch import Batch, Floats
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.engine.sieve import Sieve
from parsers.engine.templates import Raw, Templates
from parsers.format import Fields, Format, LinePattern
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

_CELL: Final = re.compile(rb"[^\s,](?:[^,]*[^\s,])?")


class Losses:
    """Reads lists of the parts of the loss.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._step: int | None = None
        self._lr = 0.0
        pattern = LinePattern("list", _located, step="none")
        self._lists = Templates((Format("lists", "", (), (pattern,)),))
        self._others = Sieve(_is_other)

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        if not (b"loss_" in piece.outline or _ANY_LIST.search(piece.outline)):
            return []
        batches = [_summed(raw) for raw in self._lists.read(piece).taken[0]]
        self.taken += [line for batch in batches for line in batch.lines.tolist()]
        records = Records()
        for i in self._others.lines(piece):
            line, text = i + piece.first, piece.line(i)
            if b"loss_gen=" in text:
                self._named(line, text, records)
            elif found := _STEP.search(text):
                self._step, self._lr = int(found[1]), number(found[2]) or 0.0
        return batches + records.batches()

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


def _list(text: bytes) -> re.Match[bytes] | None:
    """The parts of the loss, the step and the learning rate."""
    found = _LOSSES.search(text) if b"Losses: [" in text else None
    return found or (_LIST.search(text) if text.endswith(b"]") else None)


def _is_other(text: bytes) -> bool:
    """Whether a line is no list and matters."""
    named = b"loss_gen=" in text
    return named or (
        text.endswith(b"]") and _list(text) is None and bool(_STEP.search(text))
    )


def _located(text: bytes) -> Fields | None:
    """Where the numbers of a list stand; None where some part is none."""
    found = _list(text) if b"loss_gen=" not in text else None
    if found is None:
        return None
    cells = [cell.span() for cell in _CELL.finditer(text, *found.span(1))]
    parts = cells[1:]
    if not parts or any(number(text[slice(*span)]) is None for span in parts):
        return None
    named = [(f"part{k}", *span) for k, span in enumerate(parts)]
    return [*named, ("step", *found.span(2)), ("lr", *found.span(3))]


def _summed(raw: Raw) -> Batch:
    """The records of lists with as many parts."""
    columns = dict(raw.columns)
    steps, lr = columns.pop("step").astype(np.int64), columns.pop("lr")
    loss: Floats = sum(columns.values(), np.zeros(len(steps)))
    return Batch("list", raw.lines, steps, {"loss": loss, "lr": lr})


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
