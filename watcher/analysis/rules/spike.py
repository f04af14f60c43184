"""A few training losses stand out far above the ones before."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.settings import Spike
from watcher.analysis.segments import spans


_WINDOW: Final = 64
_MIN_WINDOW: Final = 32
# Points processed at a time: temporaries stay small however long the log.
_CHUNK: Final = 1 << 17
_MIN_RECORDS: Final = 2
# After so many in a row it is a new level, no spike.
_MAX_RECORDS: Final = 20


def spike(run: Measured, settings: Spike) -> list[Finding]:
    """Training losses far above what the last 64 make likely, two or more in a row.

    The logarithm exceeds the mean of the window by so many standard deviations and by
    the minimum rise; flagged values do not enter the window, nor losses
    before a restart.  One high loss alone is an odd batch: the model did not change.
    """
    curve = run.train
    if curve is None or run.smoothed_loss:
        return []
    good = np.flatnonzero(np.isfinite(curve.values) & (curve.values > 0))
    steps, y = curve.steps[good], np.log(curve.values[good])
    return [
        _finding(steps[low:high], y[low:high], found)
        for low, high in spans(curve.lines[good], run.segments)
        if high - low > _MIN_WINDOW
        for found in _spikes(y[low:high], settings)
        if found[1] - found[0] >= _MIN_RECORDS
    ]


def _finding(steps: Ints, y: Floats, found: tuple[int, int, float]) -> Finding:
    first, end, level = found
    over = end < len(y) and end - first < _MAX_RECORDS
    return Finding(
        "spike",
        "info",
        int(steps[first + _MIN_RECORDS - 1]),
        since_step=int(steps[first]),
        evidence={
            "peak": float(np.exp(y[first:end].max())),
            "usual": float(np.exp(level)),
            "records": end - first,
        },
        cleared_step=int(steps[end]) if over else None,
    )


def _spikes(y: Floats, settings: Spike) -> list[tuple[int, int, float]]:
    """(first, after the last, usual level) of each spike.

    A cheap pass with plain rolling statistics finds the few candidates that the exact,
    slower rule has to check.  After a spike, which the plain statistics hold and the
    exact ones do not, every higher point is a candidate.
    """
    high, far_above = _candidates(y, settings)
    usual = np.ones(len(y), dtype=bool)
    found: list[tuple[int, int, float]] = []
    at = until = 0
    while True:
        near, far = (int(np.searchsorted(c, at)) for c in (high, far_above))
        if near < len(high) and high[near] <= until:
            i = int(high[near])
        elif far < len(far_above):
            i = int(far_above[far])
        else:
            return found
        at = i + 1
        spiked = _spike_at(y, i, usual, settings)
        if spiked:
            at, until = spiked[1], spiked[1] + _WINDOW
            found.append(spiked)


def _candidates(y: Floats, settings: Spike) -> tuple[Ints, Ints]:
    """Points above the rolling mean by half the minimum rise; those far above it."""
    jump = math.log1p(settings.rise)
    high, far_above = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start in range(_MIN_WINDOW, len(y), _CHUNK):
        low = max(0, start - _WINDOW)
        part = y[low : start + _CHUNK]
        at = np.arange(start - low, len(part))
        first = np.maximum(at - _WINDOW, 0)
        sums = [np.concatenate([[0.0], np.cumsum(part**k)]) for k in (1, 2)]
        mean, square = ((t[at] - t[first]) / (at - first) for t in sums)
        deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
        above = part[at] - mean
        # A little less than the rule asks for: sums of many numbers are not exact.
        threshold = 0.99 * np.maximum(jump, settings.deviations * deviation)
        high.append(at[above > jump / 2] + low)
        far_above.append(at[above > threshold] + low)
    return np.concatenate(high), np.concatenate(far_above)


def _spike_at(
    y: Floats, i: int, usual: NDArray[np.bool_], settings: Spike
) -> tuple[int, int, float] | None:
    """The spike that begins at a point, if one does; marks what is not usual."""
    low = max(0, i - _WINDOW)
    window = y[low:i][usual[low:i]]
    centre = float(window.mean())
    jump = math.log1p(settings.rise)
    rise = max(jump, settings.deviations * float(window.std()))
    if y[i] - centre <= rise:
        return None
    end = i + 1
    while end < len(y) and y[end] > centre + rise and end - i < _MAX_RECORDS:
        end += 1
    # What lasts is a new level: it enters the window.
    usual[i:end] = end - i == _MAX_RECORDS
    return i, end, centre
