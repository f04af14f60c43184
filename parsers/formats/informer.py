r"""Informer and what grew out of it: Autoformer, FEDformer, PatchTST, iTransformer.

        iters: 100, epoch: 1 | loss: 0.4123
    Epoch: 1, Steps: 261 | Train Loss: 0.4512 Vali Loss: 0.7123 Test Loss: 0.4234

`Vali` is the validation; the test set stands beside it.  A log that prints iterations
counts these on over the epochs, each of which has as many as the second line states.
Small data sets print epochs only: these are the steps then.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from parsers.batch import Batch, Ints
from parsers.engine.pieces import Piece
from parsers.engine.templates import Raw, Templates
from parsers.format import Format, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, named


_ITERATION: Final = line(
    "iters:",
    rb"\biters: (?P<step>"
    + COUNT
    + rb"), epoch: (?P<epoch>"
    + COUNT
    + rb") \| loss: "
    + named("loss"),
    needs=(b"iters: ",),
    step="none",
)
_EPOCH: Final = line(
    "Epoch:",
    rb"\bEpoch: (?P<epoch>" + COUNT + rb"), Steps: (?P<size>" + COUNT + rb") \| "
    rb"Train Loss: "
    + named("loss")
    + rb"(?: Vali Loss: "
    + named("val_loss")
    + rb")?(?: Test Loss: "
    + named("test_loss")
    + rb")?",
    needs=(b"Steps: ",),
    step="none",
)
_NO_LINES: Final = np.empty(0, np.int64)
_NEVER: Final = 1 << 62
_LINES: Final = Format("lines", "", (), (_ITERATION, _EPOCH))


class Epochs:
    """Reads iterations and epochs.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken = _NO_LINES
        self._size = 0  # iterations of an epoch; 0 until stated
        self._iterations = False  # whether the log prints iterations
        self._lines = Templates((_LINES,))

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = _NO_LINES
        if b"iters: " not in piece.outline and b"Steps: " not in piece.outline:
            return []
        raws = self._lines.read(piece).taken[0]
        self.taken = np.concatenate([_NO_LINES, *(raw.lines for raw in raws)])
        iterations = [raw for raw in raws if raw.pattern is _ITERATION]
        epochs = [raw for raw in raws if raw.pattern is _EPOCH]
        begin = min((int(raw.lines[0]) for raw in iterations), default=_NEVER)
        begin = 0 if self._iterations else begin
        batches = [part for raw in epochs for part in _of_epochs(raw, begin)]
        lines, sizes = self._sizes(epochs)
        for raw in iterations:
            before = (raw.columns["epoch"].astype(np.int64) - 1) * sizes[
                lines.searchsorted(raw.lines)
            ]
            steps = raw.columns["step"].astype(np.int64) + before
            values = {"loss": raw.columns["loss"]}
            batches.append(Batch(raw.pattern.name, raw.lines, steps, values))
        self._size, self._iterations = int(sizes[-1]), begin < _NEVER
        return batches

    def _sizes(self, epochs: Sequence[Raw]) -> tuple[Ints, Ints]:
        """Lines that state how many iterations an epoch has; that, and the last."""
        if not epochs:
            return np.empty(0, np.int64), np.array([self._size])
        lines = np.concatenate([raw.lines for raw in epochs])
        sizes = np.concatenate([raw.columns["size"] for raw in epochs])
        order = lines.argsort()
        return lines[order], np.append(self._size, sizes[order].astype(np.int64))

    def flush(self) -> list[Batch]:
        """Nothing: each line is whole."""
        return []

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"size": self._size, "iterations": self._iterations}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._size, self._iterations = state["size"], state["iterations"]


def _of_epochs(raw: Raw, begin: int) -> Iterator[Batch]:
    """The records of epochs; from line `begin` on the log prints iterations."""
    epochs = raw.columns["epoch"].astype(np.int64)
    sizes = raw.columns["size"].astype(np.int64)
    columns = {n: c for n, c in raw.columns.items() if n not in {"size", "loss"}}
    loss, late = raw.columns["loss"], raw.lines >= begin
    for name, steps, where in (
        ("loss", epochs, ~late),
        ("epoch_loss", epochs * sizes, late),
    ):
        if where.any():
            values = {name: loss, **columns}
            yield Batch(raw.pattern.name, raw.lines, steps, values).take(where)


INFORMER = Format(
    name="informer",
    units=ANY_LOSS,
    written_by="Informer, Autoformer, PatchTST, Time-Series-Library",
    samples=(
        "\titers: 100, epoch: 1 | loss: 0.4123",
        "Epoch: 1, Steps: 261 | Train Loss: 0.4512 Vali Loss: 0.7123 Test Loss: 0.42",
    ),
    rows=Epochs,
)
