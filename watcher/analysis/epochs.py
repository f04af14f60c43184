"""Passes over the data: where a log counts them beside its steps."""

import math
from typing import Final

import numpy as np

from watcher.analysis.model import Measured


# So many records are kept; of a longer log every second, every fourth and so on.
_MOST: Final = 4096


class Epochs:
    """The epoch that a log states at its steps."""

    def __init__(self) -> None:
        self._steps = np.empty(0, np.int64)
        self._values = np.empty(0)
        self._records = 0
        self._every = 1

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        curve = new.curves.get("epoch")
        if curve is None or not len(curve):
            return
        which = slice(-self._records % self._every, None, self._every)
        self._records += len(curve)
        self._steps = np.append(self._steps, curve.steps[which])
        self._values = np.append(self._values, curve.values[which])
        while len(self._steps) > _MOST:
            self._steps, self._values = self._steps[::2], self._values[::2]
            self._every *= 2

    def at(self, step: int) -> float | None:
        """The epoch at a step, None where the log states none.

        Of several records of one step in a row that of the last: the evaluation.
        Between two records of a long log it is interpolated.
        """
        steps, values = self._steps, self._values
        found = np.flatnonzero(steps == step)
        if len(found):
            in_a_row = int(np.flatnonzero(np.diff(found, append=-2) != 1)[0])
            epoch = float(values[found[in_a_row]])
        elif self._every > 1 and len(
            before := np.flatnonzero((steps[:-1] < step) & (step < steps[1:]))
        ):
            i = slice(int(before[0]), int(before[0]) + 2)
            epoch = float(np.interp(step, steps[i], values[i]))
        else:
            return None
        return epoch if math.isfinite(epoch) else None
