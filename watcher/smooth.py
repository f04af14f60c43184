"""Smoothing that does not lag."""

import numpy as np

from parsers.batch import Floats


def centred_mean(values: Floats, window: int) -> Floats:
    """Mean of the finite values in a window around each point; shape (n,).

    The window shrinks at both ends so that it stays centred: the first and the last
    value are themselves.  NaN where a window holds no finite value.
    """
    n = len(values)
    if window <= 1 or n == 0:
        return values.astype(np.float64)
    finite = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(finite)])
    at = np.arange(n)
    half = np.minimum(np.minimum(at, n - 1 - at), window // 2)
    low, high = at - half, at + half + 1
    many = count[high] - count[low]
    means: Floats = np.full(n, np.nan)
    np.divide(total[high] - total[low], many, out=means, where=many > 0)
    return means
