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
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from parsers.batch import Batch, Floats
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.engine.templates import Raw, Templates
from parsers.format import Fields, Format, LinePattern
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
_NO_LINES: Final = np.empty(0, np.int64)


class Losses:
    """Reads lists of the parts of the loss.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken = _NO_LINES
        self._step: int | None = None
        self._lr = 0.0
        self._lines = Templates((_LINES,))

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = _NO_LINES
        if not (b"loss_" in piece.outline or _ANY_LIST.search(piece.outline)):
            return []
        read: dict[str, list[Raw]] = {"list": [], "parts": [], "step": []}
        for raw in self._lines.read(piece).taken[0]:
            read[raw.pattern.name].append(raw)
        lists = [_summed("list", raw, raw.columns) for raw in read["list"]]
        found = [*lists, *self._named(read["parts"], read["step"])]
        batches = [batch for batch in found if len(batch)]
        self.taken = np.concatenate([_NO_LINES, *(batch.lines for batch in batches)])
        return batches

    def flush(self) -> list[Batch]:
        """Nothing: each line is whole."""
        return []

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"step": self._step, "lr": self._lr}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._step, self._lr = state["step"], state["lr"]

    def _named(self, parts: Sequence[Raw], steps: Sequence[Raw]) -> Iterator[Batch]:
        """Records of named parts: each has the last step that was stated above it."""
        lines = np.concatenate([_NO_LINES, *(raw.lines for raw in steps)])
        order = lines.argsort()
        lines = np.append(-1, lines[order])
        before = {"step": np.nan if self._step is None else self._step, "lr": self._lr}
        stated = {}
        for name, first in before.items():
            found = np.concatenate([[], *(raw.columns[name] for raw in steps)])
            stated[name] = np.append(first, found[order])
        for raw in parts:
            at = lines.searchsorted(raw.lines) - 1
            above = {name: column[at] for name, column in stated.items()}
            whole = _summed("loss_gen=", raw, raw.columns | above)
            yield whole.take(~np.isnan(above["step"]))
        if steps:
            self._step, self._lr = int(stated["step"][-1]), float(stated["lr"][-1])


def _list(text: bytes) -> re.Match[bytes] | None:
    """The parts of the loss, the step and the learning rate."""
    found = _LOSSES.search(text) if b"Losses: [" in text else None
    return found or (_LIST.search(text) if text.endswith(b"]") else None)


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


def _parts(text: bytes) -> Fields | None:
    """The parts of the loss by their names."""
    found = _NAMED.finditer(text)
    return [(f"part{k}", *part.span(2)) for k, part in enumerate(found)] or None


def _stated(text: bytes) -> Fields | None:
    """The step and the learning rate, on a line of their own."""
    if b"loss_gen=" in text or not text.endswith(b"]") or _list(text):
        return None
    found = _STEP.search(text)
    return [("step", *found.span(1)), ("lr", *found.span(2))] if found else None


_LINES: Final = Format(
    "lists",
    "",
    (),
    (
        LinePattern("parts", _parts, needs=(b"loss_gen=",), step="none"),
        LinePattern("list", _located, step="none"),
        LinePattern("step", _stated, needs=(b"]",), step="none"),
    ),
)


def _summed(name: str, raw: Raw, columns: Mapping[str, Floats]) -> Batch:
    """Records whose loss is the sum of their parts, in order."""
    parts = [column for key, column in columns.items() if key.startswith("part")]
    loss: Floats = sum(parts, np.zeros(len(raw.lines)))
    values = {"loss": loss, "lr": columns["lr"]}
    with np.errstate(invalid="ignore"):
        steps = columns["step"].astype(np.int64)
    return Batch(name, raw.lines, steps, values)


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
