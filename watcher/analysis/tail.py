"""The last points of a curve: what a fold has to look back on."""

from typing import Final

import numpy as np

from parsers.batch import Floats, Ints


_NO_STEPS: Final = np.empty(0, np.int64)
_NO_VALUES: Final = np.empty(0)


class Tail:
    """Points at the end of a stretch of a curve, and how many came before them.

    Attributes:
        first: index in the stretch of the first point that is kept, a multiple of
            `align`.
        steps, values: of the points that are kept; shape (n,).
    """

    def __init__(self, keep: int, *, align: int = 1) -> None:
        self._keep = keep
        self._align = align
        self.first = 0
        self.steps: Ints = _NO_STEPS
        self.values: Floats = _NO_VALUES

    @property
    def end(self) -> int:
        """How many points the stretch has."""
        return self.first + len(self.values)

    def extend(self, steps: Ints, values: Floats) -> None:
        """Appends points; all are kept until `trim`."""
        if len(self.values):
            steps = np.concatenate([self.steps, steps])
            values = np.concatenate([self.values, values])
        self.steps, self.values = steps, values

    def trim(self) -> None:
        """Drops what nothing looks back on."""
        extra = (len(self.values) - self._keep) // self._align * self._align
        extra = max(extra, 0)
        self.first += extra
        # Copies: a view would keep the whole array in memory.
        if extra or self.steps.base is not None:
            self.steps = self.steps[extra:].copy()
        if extra or self.values.base is not None:
            self.values = self.values[extra:].copy()
