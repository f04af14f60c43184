"""A few training losses stand out far above the ones before."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.between_restarts import BetweenRestarts
from watcher.analysis.rules.settings import Spike
from watcher.analysis.rules.state import folded
from watcher.analysis.tail import Tail


_WINDOW: Final = 64
_MIN_WINDOW: Final = 32
# Points processed at a time: temporaries stay small however long the log.
_CHUNK: Final = 1 << 17
_MIN_RECORDS: Final = 2
# After so many in a row it is a new level, no spike.
_MAX_RECORDS: Final = 20


class SpikeState(BetweenRestarts[Spike]):
    """Training losses far above what the last 64 make likely, two or more in a row.

    The logarithm exceeds the mean of the window by so many standard deviations and by
    the minimum rise; flagged values do not enter the window, nor losses
    before a restart.  One high loss alone is an odd batch: the model did not change.
    """

    def _begin(self) -> "_Segment":
        return _Segment()

    def _curve(self, new: Measured) -> Curve | None:
        return None if new.smoothed_loss else new.train


def spike(run: Measured, settings: Spike) -> list[Finding]:
    """The spikes of a whole run."""
    return folded(SpikeState(settings), run)


class _Segment:
    """A part of a run between restarts."""

    def __init__(self) -> None:
        self._tail = Tail(_WINDOW + _MAX_RECORDS)
        self._usual = np.empty(0, dtype=bool)  # of the tail: no spikes
        self._found: list[Finding] = []
        self._at = 0  # the next point to judge
        self._until = 0  # the plain statistics hold a spike up to here
        self._open: Finding | None = None  # may go on

    def add(self, steps: Ints, values: Floats, settings: Spike) -> None:
        """Judges new points.

        A cheap pass with plain rolling statistics finds the few candidates that the
        exact, slower rule has to check.  After a spike, which the plain statistics hold
        and the exact ones do not, every higher point is a candidate.
        """
        above = values > 0
        steps, y = steps[above], np.log(values[above])
        self._tail.extend(steps, y)
        self._usual = np.append(self._usual, np.ones(len(y), dtype=bool))
        self._open = None
        first = self._tail.first
        start = max(self._at, _MIN_WINDOW)
        high, far_above = _candidates(self._tail.values, start - first, settings)
        goes_on = False
        while not goes_on:
            near, far = (
                int(np.searchsorted(c, self._at - first)) for c in (high, far_above)
            )
            if near < len(high) and high[near] + first <= self._until:
                goes_on = self._check(int(high[near]), settings)
            elif far < len(far_above):
                goes_on = self._check(int(far_above[far]), settings)
            else:
                self._at = max(self._at, self._tail.end)
                break
        self._tail.trim()
        self._usual = self._usual[self._tail.first - first :]

    def findings(self) -> list[Finding]:
        """Those of this segment."""
        return [*self._found, self._open] if self._open else self._found

    def _check(self, i: int, settings: Spike) -> bool:
        """The exact rule at a candidate; whether a spike goes on at the last point.

        Then it is found again when there are more.
        """
        y, first = self._tail.values, self._tail.first
        spiked = _spike_at(y, i, self._usual, settings)
        self._at = first + i + 1
        if spiked is None:
            return False
        _, end, _ = spiked
        several = end - i >= _MIN_RECORDS
        finding = _finding(self._tail.steps, y, spiked) if several else None
        if end == len(y) and end - i < _MAX_RECORDS:
            self._usual[i:] = True
            self._at, self._open = first + i, finding
            return True
        self._at, self._until = first + end, first + end + _WINDOW
        self._found += [finding] if finding else []
        return False


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


def _candidates(y: Floats, begin: int, settings: Spike) -> tuple[Ints, Ints]:
    """Points from `begin` on that are candidates.

    Those above the rolling mean by half the minimum rise, and those far above it.
    """
    jump = math.log1p(settings.rise)
    high, far_above = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start in range(begin, len(y), _CHUNK):
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
