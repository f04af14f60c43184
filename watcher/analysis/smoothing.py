"""Smoothing that does not lag."""

from typing import Final

import numpy as np

from parsers.batch import Floats, Ints


# Points smoothed at a time: temporaries stay small however long the log.
_BLOCK: Final = 1 << 16


def centred_mean(values: Floats, window: int) -> Floats:
    """Mean of the finite values in a window around each point; shape (n,).

    The window shrinks at both ends so that it stays centred: the first and the last
    value are themselves.  NaN where a window holds no finite value.
    """
    n, half = len(values), window // 2
    if half < 1 or n == 0:
        return values.astype(np.float64)
    means: Floats = np.full(n, np.nan)
    for start in range(0, n, _BLOCK):
        end = min(start + _BLOCK, n)
        low, high = max(0, start - half), min(n, end + half)
        at = np.arange(start, end)
        reach = np.minimum(np.minimum(at, n - 1 - at), half)
        first, last = at - reach - low, at + reach + 1 - low
        means[start:end] = _means(values[low:high], first, last)
    return means


def _means(values: Floats, first: Ints, last: Ints) -> Floats:
    """Means of the finite values from `first` to before `last`, for many spans."""
    finite = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(finite)])
    many = count[last] - count[first]
    means: Floats = np.full(len(first), np.nan)
    np.divide(total[last] - total[first], many, out=means, where=many > 0)
    return means
