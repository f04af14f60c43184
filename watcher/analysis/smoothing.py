"""A moving average that neither lags, nor smears a spike, nor crosses a break."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints


# Points smoothed at a time: temporaries stay small however long the log.
BLOCK: Final = 1 << 16
# A robust window holds every value at once: fewer points at a time.
_ROBUST_BLOCK: Final = 1 << 12
# Further than this many deviations from the median of a window is a spike, or belongs
# to the other side of a jump.
_DEVIATIONS: Final = 6.0
# The range of 50 normal values is 4.5 deviations, that of three less than 7.
_RANGE: Final = 9.0
# The median absolute difference of neighbours, as a standard deviation of values.
_PER_DIFFERENCE: Final = 1.4826 / 2**0.5
# A deviation below this share of the level is invisible in a picture.
_INVISIBLE: Final = 0.01
# Differences that state the noise of a neighbourhood.
_SAMPLE: Final = 16


def centred_mean(values: Floats, window: int) -> Floats:
    """Robust moving average around each point; shape (n,).

    The window shrinks at both ends and beside what is not finite, so that it stays
    centred and never spans a gap: the first and the last value are themselves, and the
    average is NaN where the value is.  A value far from the median of its window, a
    spike or the other side of a jump, is left out: nothing rises before its cause.
    """
    n, half = len(values), window // 2
    if half < 1 or n == 0:
        return values.astype(np.float64)
    means: Floats = np.empty(n)
    for start in range(0, n, BLOCK):
        end = min(start + BLOCK, n)
        low, high = max(0, start - half), min(n, end + half)
        means[start:end] = smoothed(values[low:high], half)[start - low : end - low]
    return means


def smoothed(values: Floats, half: int) -> Floats:
    """One block with `half` a window of margin on both sides, as far as there are.

    Plain means where every window is quiet, trimmed ones where it is not.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        reach = _reach(values, half)
        means = _means(values, reach)
        unquiet = np.flatnonzero(_unquiet(values, half) & (reach > 0))
        for start in range(0, len(unquiet), _ROBUST_BLOCK):
            at = unquiet[start : start + _ROBUST_BLOCK]
            means[at] = _trimmed_means(values, at, reach[at], half)
        return means


def _reach(values: Floats, half: int) -> Ints:
    """Points on each side that a window may hold; -1 where the value is not finite."""
    n = len(values)
    at = np.arange(n)
    finite = np.isfinite(values)
    before = np.maximum.accumulate(np.where(finite, -1, at))
    after = np.minimum.accumulate(np.where(finite, n, at)[::-1])[::-1]
    return np.asarray(np.minimum(np.minimum(at - before, after - at) - 1, half))


def _means(values: Floats, reach: Ints) -> Floats:
    """Means of the windows; NaN where the value is not finite."""
    total = np.concatenate([[0.0], np.cumsum(np.where(np.isfinite(values), values, 0))])
    at, many = np.arange(len(values)), 2 * reach + 1
    means: Floats = np.full(len(values), np.nan)
    sums = total[at + np.maximum(reach, 0) + 1] - total[at - np.maximum(reach, 0)]
    np.divide(sums, many, out=means, where=many > 0)
    return means


def _unquiet(values: Floats, half: int) -> NDArray[np.bool_]:
    """Where a window may hold a spike or a jump.

    Neighbourhoods are blocks of a window's width: a test that costs little and may
    find too much, since a trimmed mean is right everywhere.
    """
    n, width = len(values), 2 * half + 1
    padded: Floats = np.full(-(-n // width) * width, values[-1])
    padded[:n] = values
    blocks = padded.reshape(-1, width)
    low, high = np.fmin.reduce(blocks, axis=1), np.fmax.reduce(blocks, axis=1)
    every = max(1, width // _SAMPLE)
    noise = _PER_DIFFERENCE * _medians(np.abs(np.diff(blocks, axis=1)[:, ::every]))
    allowed = np.fmax(_RANGE * noise, 2 * _INVISIBLE * np.abs(low + high))
    loud = ~(high - low <= allowed)
    # A jump between two blocks lies in neither.
    jumped = np.abs(np.diff(low + high)) / 2 > np.fmin(allowed[:-1], allowed[1:]) / 2
    loud[1:] |= jumped
    loud[:-1] |= jumped
    # A window reaches into the blocks beside its own.
    near = loud.copy()
    near[1:] |= loud[:-1]
    near[:-1] |= loud[1:]
    return np.repeat(near, width)[:n]


def _trimmed_means(values: Floats, at: Ints, reach: Ints, half: int) -> Floats:
    """Means of what is near the median of each window (modified trimmed mean)."""
    offsets = np.arange(-half, half + 1)
    where = (at[:, None] + offsets).clip(0, len(values) - 1)
    inside = np.where(np.abs(offsets) <= reach[:, None], values[where], np.nan)
    level = _medians(inside)
    noise = _PER_DIFFERENCE * _medians(np.abs(np.diff(inside, axis=1)))
    allowed = np.fmax(_DEVIATIONS * noise, _INVISIBLE * np.abs(level))
    near = ~(np.abs(inside - level[:, None]) > allowed[:, None]) & np.isfinite(inside)
    return np.asarray(np.where(near, inside, 0.0).sum(axis=1) / near.sum(axis=1))


def _medians(rows: Floats) -> Floats:
    """The lower median of each row without its NaNs; NaN where all are."""
    ordered = np.sort(rows, axis=1)  # NaNs go last
    count = np.isfinite(ordered).sum(axis=1)
    middle = np.maximum(count - 1, 0) // 2
    return np.asarray(ordered[np.arange(len(rows)), middle], dtype=np.float64)
