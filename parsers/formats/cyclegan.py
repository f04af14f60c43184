"""pytorch-CycleGAN-and-pix2pix, pix2pixHD, CUT and their relatives.

    (epoch: 1, iters: 100, time: 0.321, data: 0.002) D_A: 0.2 G_A: 0.3 cycle_A: 1.1 ...
    (epoch: 1, iters: 100, time: 0.321) G_GAN: 0.612 G_L1: 12.1 D_real: 0.7 D_fake: 0.6

What does not begin with `D` is a part of the generators' loss: their sum is the loss,
as in the program, unless it is printed (`G: 13.1`).  Iterations are those of an epoch;
the axis counts on.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from parsers.batch import Batch
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.format import Format
from parsers.keyvalue.records import Records
from parsers.metrics import ANY_LOSS
from parsers.patterns import NUMBER


_HEAD: Final = re.compile(rb"\(epoch: (\d{1,9}), iters: (\d{1,15}), time: [\d.]{1,16}")
_PART: Final = re.compile(
    rb"[ ,)]([A-Z]\w{0,31}|[a-z]+_[A-Z]\w{0,31}): (" + NUMBER + rb")"
)


class Losses:
    """Reads the parts of the losses.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._epoch = 0
        self._iteration = 0
        self._before = 0  # iterations of the epochs before

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        if b"(epoch: " not in piece.outline:
            return []
        records = Records()
        for line, text in enumerate(piece.lines, piece.first):
            head = _HEAD.search(text) if b"(epoch: " in text else None
            if head is None:
                continue
            values = _losses(text[head.end() :])
            if values:
                self.taken.append(line)
                step = self._step(int(head[1]), int(head[2]))
                records.add("(epoch: N, iters: N)", line, step, values)
        return records.batches()

    def flush(self) -> list[Batch]:
        """Nothing: each line is whole."""
        return []

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "epoch": self._epoch,
            "iteration": self._iteration,
            "before": self._before,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._epoch, self._iteration = state["epoch"], state["iteration"]
        self._before = state["before"]

    def _step(self, epoch: int, iteration: int) -> int:
        if epoch > self._epoch and iteration <= self._iteration:
            self._before += self._iteration
        elif epoch < self._epoch:
            self._before = 0  # another run
        self._epoch, self._iteration = epoch, iteration
        return self._before + iteration


def _losses(text: bytes) -> dict[str, float]:
    shown = {
        name.decode(): value
        for name, printed in _PART.findall(text)
        if (value := number(printed)) is not None
    }
    generators = {n: v for n, v in shown.items() if not n.startswith("D")}
    if not generators:
        return {}
    loss = generators.get("G", sum(generators.values()))
    values = {"loss": loss, "generator_loss": loss}
    discriminator = _discriminator(shown)
    return (
        values
        if discriminator is None
        else values | {"discriminator_loss": discriminator}
    )


def _discriminator(shown: Mapping[str, float]) -> float | None:
    """The loss of the discriminators: the mean of a real and a fake half."""
    parts = {n: v for n, v in shown.items() if n.startswith("D")}
    if not parts:
        return None
    halved = parts.keys() >= {"D_real", "D_fake"}
    return parts.get("D", sum(parts.values()) / (2 if halved else 1))


CYCLEGAN = Format(
    name="cyclegan",
    units=ANY_LOSS,
    written_by="pytorch-CycleGAN-and-pix2pix, pix2pixHD, CUT",
    samples=(
        "(epoch: 1, iters: 100, time: 0.321, data: 0.002) D_A: 0.2 G_A: 0.3 cycle_A: 1",
        "(epoch: 1, iters: 100, time: 0.3) G_GAN: 0.6 G_L1: 12 D_real: 0.7 D_fake: 0.6",
    ),
    rows=Losses,
)
