"""Fewer points, the same picture: what pixels can show, and every spike.

A curve of ten million points must cost what one of ten thousand costs, so everything
drawn passes through here first.  All of it is O(n) in numpy with Python only once a
bucket; points left out by `keep` do not exist, values that are not finite are missing.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints


Mask = NDArray[np.bool_]

# The widest panel has some 1,250 pixels; a bucket leaves two points, so this is one
# vertical stroke for every two pixels, which a line of a pixel's width fills.
BUCKETS = 600
# A trend that turns more often than this reads as noise: one point for 4 pixels.
TREND = 300
# Points that speak for one window of a running median: odd, and a window of 41 sorted
# 300 times takes two milliseconds.
SAMPLE = 41


def decimate(
    values: Floats,
    *,
    keep: Mask | None = None,
    buckets: int = BUCKETS,
    log: bool = False,
) -> Ints:
    """Choose indices to draw, rising: first, last, the extremes of every bucket.

    A bucket without any finite value leaves its first point, so that a gap in the
    curve stays a gap.  At most `2 * buckets + 2` indices; up to `2 * buckets` points
    all stay.

    Args:
        values: shape (n,).
        keep: True where a point may be drawn, shape (n,).
        buckets: how many stretches of the curve are looked at.
        log: whether the x axis will be logarithmic, so that early buckets are narrow.

    """
    n = len(values)
    if n <= 2 * buckets:
        return np.arange(n) if keep is None else np.flatnonzero(keep)
    found = list(_ends(n, keep))
    for start, stop in pairwise(edges(n, buckets, log=log)):
        mask = None if keep is None else keep[start:stop]
        found += (start + i for i in _extremes(values[start:stop], mask))
    return np.unique(np.array(found, dtype=np.int64))


def edges(n: int, buckets: int, *, log: bool = False) -> list[int]:
    """The starts of buckets of n points, and n; none is empty."""
    if log:
        marks = np.geomspace(1, n + 1, buckets + 1) - 1
    else:
        marks = np.linspace(0, n, buckets + 1)
    rising: list[int] = np.unique(np.rint(marks).astype(np.int64)).tolist()
    return rising


def _ends(n: int, keep: Mask | None) -> Iterator[int]:
    """Find the first and the last point that may be drawn."""
    if keep is None:
        yield from (0, n - 1)
    elif keep.any():
        yield int(keep.argmax())
        yield n - 1 - int(keep[::-1].argmax())


def _extremes(part: Floats, keep: Mask | None) -> tuple[int, ...]:
    """Find where a bucket is lowest and highest; the quick way must end finite.

    argmin and argmax stop at a NaN, and an infinity is an extreme: either way what
    they point to is not finite, and the slow way is taken.
    """
    if keep is None or keep.all():
        keep = None
        low, high = int(part.argmin()), int(part.argmax())
        if np.isfinite(part[low]) and np.isfinite(part[high]):
            return low, high
    return _finite_extremes(part, keep)


def _finite_extremes(part: Floats, keep: Mask | None) -> tuple[int, ...]:
    usable = np.isfinite(part)
    if keep is not None:
        if not keep.any():
            return ()
        usable &= keep
    if not usable.any():
        return (0 if keep is None else int(keep.argmax()),)
    low = np.where(usable, part, np.inf).argmin()
    high = np.where(usable, part, -np.inf).argmax()
    return int(low), int(high)


def averages(
    values: Floats,
    *,
    keep: Mask | None = None,
    buckets: int = TREND,
    log: bool = False,
) -> tuple[Ints, Floats]:
    """Draw a trend: indices and the mean of each bucket, first and last point as is.

    Up to `2 * buckets` points all stay, unaveraged.  A bucket without a finite value is
    NaN; one of which nothing is kept leaves no point.
    """
    n = len(values)
    if n <= 2 * buckets:
        at = np.arange(n) if keep is None else np.flatnonzero(keep)
        return at, values[at]
    middles, means = [], []
    for start, stop in pairwise(edges(n, buckets, log=log)):
        where = None if keep is None else start + np.flatnonzero(keep[start:stop])
        if where is None:
            middles.append((start + stop) // 2)
            means.append(_mean(values[start:stop]))
        elif len(where):
            middles.append(int(where[len(where) // 2]))
            means.append(_mean(values[where]))
    ends = list(_ends(n, keep))
    at = np.array([*ends[:1], *middles, *ends[1:]], dtype=np.int64)
    return at, np.concatenate([values[ends[:1]], means, values[ends[1:]]])


def _mean(part: Floats) -> float:
    """Average what is finite; NaN without any."""
    # A sum is not finite if one value is not: looking at every value comes after.
    with np.errstate(over="ignore", invalid="ignore"):
        quick = float(part.mean())
        if math.isfinite(quick):
            return quick
        usable = part[np.isfinite(part)]
        return float(usable.mean()) if len(usable) else math.nan


def running_median(
    values: Floats, *, keep: Mask | None = None, points: int = TREND
) -> tuple[Ints, Floats]:
    """Give indices and centred medians there; no pause or spike moves them.

    The window is a twelfth of the curve and is judged by at most SAMPLE points of
    it, so the cost does not depend on n.  Near the ends it stays whole and stops being
    centred: one that shrinks would end on a single noisy value, which is then read as
    the level.
    """
    n = len(values)
    if n == 0:
        return np.arange(0), np.empty(0)
    at = np.unique(np.linspace(0, n - 1, min(n, points)).astype(np.int64))
    half = max(n // 25, min(2, (n - 1) // 2))
    centre = np.clip(at, half, n - 1 - half)
    spread = np.rint(half * np.linspace(-1, 1, SAMPLE)).astype(np.int64)
    where = centre[:, None] + np.unique(spread)
    window = values[where]
    usable = np.isfinite(window) if keep is None else np.isfinite(window) & keep[where]
    return at, _row_medians(np.where(usable, window, np.nan))


def _row_medians(rows: Floats) -> Floats:
    """Take the median of each row without its NaNs; NaN where all are."""
    ordered = np.sort(rows, axis=1)  # NaNs go last
    count = np.isfinite(ordered).sum(axis=1)
    middle = np.maximum(count - 1, 0) // 2
    return np.asarray(ordered[np.arange(len(rows)), middle], dtype=np.float64)
