r"""Informer and what grew out of it: Autoformer, FEDformer, PatchTST, iTransformer.

        iters: 100, epoch: 1 | loss: 0.4123
    Epoch: 1, Steps: 261 | Train Loss: 0.4512 Vali Loss: 0.7123 Test Loss: 0.4234

`Vali` is the validation; the test set stands beside it.  A log that prints iterations
counts these on over the epochs, each of which has as many as the second line states.
Small data sets print epochs only: these are the steps then.
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


_ITERATION: Final = re.compile(
    rb"\biters: (\d{1,15}), epoch: (\d{1,9}) \| loss: (" + NUMBER + rb")"
)
_EPOCH: Final = re.compile(
    rb"\bEpoch: (\d{1,9}), Steps: (\d{1,15}) \| Train Loss: (" + NUMBER + rb")"
    rb"(?: Vali Loss: (" + NUMBER + rb"))?(?: Test Loss: (" + NUMBER + rb"))?"
)


class Epochs:
    """Reads iterations and epochs.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._size = 0  # iterations of an epoch; 0 until stated
        self._iterations = False  # whether the log prints iterations

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        if b"iters: " not in piece.data and b"Steps: " not in piece.data:
            return []
        records = Records()
        for line, text in enumerate(piece.lines, piece.first):
            if b"iters: " in text and (found := _ITERATION.search(text)):
                self._iterations = True
                step = int(found[1]) + (int(found[2]) - 1) * self._size
                self._add("iters:", line, step, {"loss": number(found[3])}, records)
            elif b"Steps: " in text and (found := _EPOCH.search(text)):
                self._epoch(line, found, records)
        return records.batches()

    def flush(self) -> list[Batch]:
        """Nothing: each line is whole."""
        return []

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"size": self._size, "iterations": self._iterations}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._size, self._iterations = state["size"], state["iterations"]

    def _epoch(self, line: int, found: re.Match[bytes], records: Records) -> None:
        epoch, self._size = int(found[1]), int(found[2])
        values = {
            "epoch_loss" if self._iterations else "loss": number(found[3]),
            "val_loss": number(found[4] or b""),
            "test_loss": number(found[5] or b""),
            "epoch": float(epoch),
        }
        step = epoch * self._size if self._iterations else epoch
        self._add("Epoch:", line, step, values, records)

    def _add(
        self,
        pattern: str,
        line: int,
        step: int,
        values: dict[str, float | None],
        records: Records,
    ) -> None:
        self.taken.append(line)
        known = {name: value for name, value in values.items() if value is not None}
        records.add(pattern, line, step, known)


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
