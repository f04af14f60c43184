"""Training loss goes back up."""

from dataclasses import replace
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.noise import BLOCK, trailing_sigma
from watcher.analysis.rules.settings import Divergence
from watcher.analysis.rules.state import folded
from watcher.analysis.segments import SegmentCursor
from watcher.analysis.tail import Tail


# The level is the median of three values, the usual level that of nine: one low value
# makes no minimum.
_MEDIAN_OF: Final = 3
_USUAL_OF: Final = 9
_SIGMAS: Final = 5.0
# Early losses are no baseline, and the noise is not known yet.  With fewer records
# only so many in a row far above all before them count.
_MIN_RECORDS: Final = 16
_EARLY_RECORDS: Final = 5
_EARLY_FACTOR: Final = 1.5
# A running average of weight 0.9 attenuates second differences about fourfold.
_AVERAGED: Final = 4
# Points processed at a time: temporaries stay small however long the log.
_CHUNK: Final = 1 << 15
_FIRST_CHUNK: Final = 32
# Earlier points that decide of a point: the noise is that of eight blocks.
_LOOKS_BACK: Final = 12 * BLOCK


class DivergenceState:
    """Training loss has given back half of its drop.

    The median of the last three exceeds min + share * (start - min), the minimum by
    the factor, and its logarithm by five standard deviations of single values.  Where
    the log has training losses at evaluations only, those count; validation loss alone
    where there are none: while training loss falls, a validation loss that rises is
    overfitting.  A loss that reaches 0 or below has no scale, so nothing is relative
    to it from there on.
    """

    def __init__(self, settings: Divergence) -> None:
        self._settings = settings
        self._cursor = SegmentCursor()
        self._found: list[Finding] = []
        self._segment = _Segment()

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        curve = _curve(new)
        if curve is None:
            return
        keep = np.isfinite(curve.values)
        steps, values = curve.steps[keep], curve.values[keep]
        factor = _AVERAGED if new.smoothed_loss else 1
        for low, high, begun in self._cursor.parts(curve.lines[keep], new.segments):
            if begun:
                self._found += self._segment.findings()
                self._segment = _Segment()
            self._segment.metric = curve.metric
            self._segment.add(
                steps[low:high], values[low:high], factor, settings=self._settings
            )

    def findings(self, run: Measured) -> list[Finding]:
        """Every divergence, in the order of the log."""
        del run
        return [*self._found, *self._segment.findings()]


def divergence(run: Measured, settings: Divergence) -> list[Finding]:
    """The divergences of a whole run."""
    return folded(DivergenceState(settings), run)


def _curve(run: Measured) -> Curve | None:
    if run.train is not None or run.val is None or run.val_train is None:
        return run.train
    known = bool(np.isfinite(run.val_train).any())
    return replace(run.val, values=run.val_train if known else run.val.values)


class _Segment:
    """A part of a run between restarts.

    Attributes:
        metric: that is judged.
    """

    def __init__(self) -> None:
        self.metric = ""
        self._tail = Tail(_LOOKS_BACK, align=BLOCK)
        self._found: list[Finding] = []
        self._ended = False  # a value was not above 0
        self._done = 0  # points that were judged
        self._start = self._first = self._level = 0.0
        self._best, self._best_step = np.inf, 0
        self._firing: tuple[Finding, float] | None = None  # with its limit

    def add(
        self, steps: Ints, values: Floats, factor: float, *, settings: Divergence
    ) -> None:
        """Judges new points."""
        if self._ended:
            return
        positive = _positive(values)
        self._ended = positive < len(values)
        self._tail.extend(steps[:positive], values[:positive])
        if self._tail.end <= max(self._done, _EARLY_RECORDS):
            return
        self._judge(factor, settings)
        self._done = self._tail.end
        self._tail.trim()

    def findings(self) -> list[Finding]:
        """Those of this segment."""
        if self._firing is None:
            return self._found
        firing, _ = self._firing
        level = {**firing.evidence, "level": self._level}
        return [*self._found, replace(firing, evidence=_in_order(level))]

    def _judge(self, factor: float, settings: Divergence) -> None:
        values, first = self._tail.values, self._tail.first
        new = self._done - first
        levels, usual = _trailing_medians(values)
        if not first:
            self._start, self._first = float(levels[0]), float(values[0])
        best = np.minimum.accumulate(np.append(self._best, usual[new:]))[1:]
        lows = np.concatenate([np.full(new, np.nan), best])
        sigma = factor * trailing_sigma(np.log(values), begins=not first)
        beyond = _beyond(levels, lows, sigma, self._start, settings)
        beyond = beyond[beyond >= max(new, _MIN_RECORDS - first)]
        early = _early(values) if not first else beyond[:0]
        beyond = np.append(early[early >= new], beyond)
        at = new
        while at < len(values):
            at = (
                self._fire(beyond, at, lows, settings)
                if self._firing is None
                else self._resolve(levels, at)
            )
        self._best_step = self._place(float(best[-1]), len(values) - 1)
        self._best, self._level = float(best[-1]), float(levels[-1])

    def _fire(self, beyond: Ints, at: int, lows: Floats, settings: Divergence) -> int:
        """Fires at the next point that is too high, if there is one."""
        k = int(np.searchsorted(beyond, at))
        if k == len(beyond):
            return len(self._tail.values)
        i = int(beyond[k])
        low = float(lows[i])
        # Hysteresis: it resolves at half the rise, so that noise ends nothing.
        limit = low + float(_rise(lows[i], self._start, settings)) / 2
        evidence: dict[str, float | int | str | None] = {
            "metric": self.metric,
            "best": low,
        }
        if self._first >= low:
            evidence["start"] = self._first
        finding = Finding(
            "divergence",
            "critical",
            int(self._tail.steps[i]),
            since_step=self._place(low, i),
            evidence=evidence,
        )
        self._firing = finding, limit
        return i

    def _resolve(self, levels: Floats, at: int) -> int:
        """Resolves at the next point that is low enough, if there is one."""
        assert self._firing is not None
        finding, limit = self._firing
        back = _first_below(levels, at, limit)
        if back < len(levels):
            level = float(levels[back - 1]) if back else self._level
            evidence = _in_order({**finding.evidence, "level": level})
            cleared = int(self._tail.steps[back])
            self._found.append(
                replace(finding, evidence=evidence, cleared_step=cleared)
            )
            self._firing = None
        return back

    def _place(self, low: float, last: int) -> int:
        """Step of the last record with a level, which is a median of records."""
        same = np.flatnonzero(self._tail.values[: last + 1] == low)
        return int(self._tail.steps[same[-1]]) if len(same) else self._best_step


def _in_order(
    evidence: dict[str, float | int | str | None],
) -> dict[str, float | int | str | None]:
    """The evidence with its names in one order."""
    names = ("metric", "best", "level", "start")
    return {name: evidence[name] for name in names if name in evidence}


def _positive(values: Floats) -> int:
    """How many values stand before the first that is not above 0."""
    bad = np.flatnonzero(values <= 0)
    return int(bad[0]) if len(bad) else len(values)


def _early(values: Floats) -> Ints:
    """Indices of the first records at which the last five are far above all before."""
    found = [
        i
        for i in range(_EARLY_RECORDS + 1, min(_MIN_RECORDS, len(values)))
        if values[i - _EARLY_RECORDS + 1 : i + 1].min()
        > _EARLY_FACTOR * values[: i - _EARLY_RECORDS + 1].max()
    ]
    return np.array(found, dtype=np.int64)


def _beyond(
    levels: Floats, best: Floats, sigma: Floats, start: float, settings: Divergence
) -> Ints:
    """Indices at which the level is too far above the running minimum."""
    found = [np.empty(0, dtype=np.int64)]
    for at in range(0, len(levels), _CHUNK):
        part = slice(at, at + _CHUNK)
        level, low = levels[part], best[part]
        relative = level > low + _rise(low, start, settings)
        found.append(
            at
            + np.flatnonzero(relative & (np.log(level / low) > _SIGMAS * sigma[part]))
        )
    return np.concatenate(found)


def _rise(best: Floats, start: float, settings: Divergence) -> Floats:
    """Rise above the running minimum that is too much, by share and factor."""
    least = (settings.factor - 1) * best
    # Until the loss has dropped once there is nothing to give back.
    least = np.where(start - best > least, least, (_EARLY_FACTOR - 1) * best)
    return np.maximum(settings.share * (start - best), least)


def _first_below(levels: Floats, start: int, limit: float) -> int:
    """First index from `start` on at which a level is below a limit, else the end."""
    size = _FIRST_CHUNK
    while start < len(levels):
        below = np.flatnonzero(levels[start : start + size] < limit)
        if len(below):
            return start + int(below[0])
        start, size = start + size, 2 * size
    return len(levels)


def _trailing_medians(values: Floats) -> tuple[Floats, Floats]:
    """Medians of the last three and of the last nine values at each, or of all.

    The first two have that of the third.
    """
    # The lower median, which is one of the values.
    first = [
        float(np.sort(values[: max(i, 2) + 1])[max(i, 2) // 2])
        for i in range(_USUAL_OF - 1)
    ]
    levels, usual = np.empty((2, len(values)))
    levels[:2] = first[0]
    usual[: _USUAL_OF - 1] = first[: len(usual)]
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK + _USUAL_OF - 1]
        of_three, of_nine = _medians(part)
        levels[start + 2 : start + 2 + len(of_three)] = of_three
        usual[start + _USUAL_OF - 1 : start + _USUAL_OF - 1 + len(of_nine)] = of_nine
    return levels, usual


def _medians(values: Floats) -> tuple[Floats, Floats]:
    """Medians of every three and of every nine values in a row.

    That of nine is the median of three figures of its thirds: the highest of their
    minima, the median of their medians, the lowest of their maxima.
    """
    a, b, c = values[:-2], values[1:-1], values[2:]
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    middle = _median(a, b, c)
    n = max(0, len(values) - _USUAL_OF + 1)
    first, second, third = (slice(at, at + n) for at in (0, 3, 6))
    of_nine = _median(
        np.maximum(np.maximum(low[first], low[second]), low[third]),
        _median(middle[first], middle[second], middle[third]),
        np.minimum(np.minimum(high[first], high[second]), high[third]),
    )
    return middle, of_nine


def _median(a: Floats, b: Floats, c: Floats) -> Floats:
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
