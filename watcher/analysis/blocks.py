"""Sums of a curve in blocks of one size, as many as stay few however long it is."""

from collections.abc import Iterator

import numpy as np

from parsers.batch import Floats, Ints


class Blocks:
    """Complete blocks of a curve: when there are `most`, two each become one.

    Sums are taken one value after the other: they are the same wherever the curve was
    cut.

    Attributes:
        size: records in a block.
        sums: of values and of their squares in each complete block, shape (n, 2).
        first_steps: step of the first record of each.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = 1
        self._complete: list[tuple[float, float, int]] = []
        self._open = (0.0, 0.0, 0)
        self._filled = 0

    def __len__(self) -> int:
        return len(self._complete)

    def sums(self, last: int) -> Floats:
        """Sums of values and of their squares, of the last blocks; shape (last, 2)."""
        return np.array([block[:2] for block in self._complete[-last:]])

    def first_step(self, block: int) -> int:
        """The step of the first record of a block."""
        return self._complete[block][2]

    def add(self, steps: Ints, values: Floats) -> Iterator[int]:
        """Takes in finite values; yields the last step of each block they complete."""
        at = 0
        while at < len(values):
            end = min(at + self.size - self._filled, len(values))
            self._extend(steps[at:end], values[at:end])
            at = end
            if self._filled == self.size:
                self._close()
                yield int(steps[at - 1])

    def _extend(self, steps: Ints, values: Floats) -> None:
        total, squares, step = self._open
        if len(values) == 1:
            value = float(values[0])
            total, squares = total + value, squares + value * value
        else:
            total = float(np.cumsum(np.append(total, values))[-1])
            squares = float(np.cumsum(np.append(squares, values * values))[-1])
        self._open = total, squares, step if self._filled else int(steps[0])
        self._filled += len(values)

    def _close(self) -> None:
        self._complete.append(self._open)
        self._open, self._filled = (0.0, 0.0, 0), 0
        if len(self._complete) == self._most:
            pairs = zip(self._complete[::2], self._complete[1::2], strict=True)
            self._complete = [
                (a + b, c + d, first) for (a, c, first), (b, d, _) in pairs
            ]
            self.size *= 2
