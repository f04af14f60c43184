"""Which points of a curve go to a server that takes seconds for each thousand."""

import math
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.model import Curve


# As many points of a metric as a server gets unless all are asked for.
POINTS: Final = 5000
# Of each stretch: the first, the lowest, the highest and the last value (M4).
_PER_STRETCH: Final = 4
# Metrics of evaluations, which are few and are what a run is judged by.
_EVALUATED: Final = ("val_", "train_loss", "test_")


def chosen(curve: Curve, limit: int | None) -> Ints:
    """Indices of finite points, at most `limit` of them; all of evaluations.

    Stretches have a power of two of points, so that those chosen of a longer log were
    mostly chosen before.
    """
    finite = np.flatnonzero(np.isfinite(curve.values))
    if limit is None or len(finite) <= limit or curve.metric.startswith(_EVALUATED):
        return finite
    stretches = max(1, limit // _PER_STRETCH)
    size = 1 << math.ceil(math.log2(len(finite) / stretches))
    return finite[_extremes(curve.values[finite], size)]


def _extremes(values: Floats, size: int) -> Ints:
    """First, lowest, highest and last of each `size` values; rising, each once."""
    whole = len(values) // size * size
    rows = values[:whole].reshape(-1, size)
    starts = np.arange(0, whole, size)
    ends = (starts, starts + rows.argmin(axis=1), starts + rows.argmax(axis=1))
    found = [*ends, starts + size - 1]
    if whole < len(values):
        rest = values[whole:]
        places = (0, int(rest.argmin()), int(rest.argmax()), len(rest) - 1)
        found.append(whole + np.array(places))
    return np.unique(np.concatenate(found))
