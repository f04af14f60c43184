"""Rules on the losses: not finite, divergence, spike, plateau."""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Curve
from watcher.analysis.rules.settings import Divergence, Plateau, Spike


_MEDIAN_OF: Final = 3
# The usual level is the median of so many: a lucky value makes no best.
_USUAL: Final = 9
_DEVIATIONS: Final = 5.0
# Fewer second differences tell nothing of the noise.
_LEAST_BENDS: Final = 8
# Before the loss has fallen, or its noise is known, only such a rise is no start.
_DOUBTFUL: Final = 0.5
# A running average with a weight of 0.9 hides so much of its noise from differences.
_AVERAGED: Final = 4
_NOISE_BLOCK: Final = 32
_NOISE_BLOCKS: Final = 8
# Standard deviation over median absolute second difference, for normal noise.
_NOISE_OF_BENDS: Final = 1.4826 / math.sqrt(6)
_SPIKE_WINDOW: Final = 64
_SPIKE_LEAST: Final = 32
# Points looked at together: temporaries stay small however long the log.
_BLOCK: Final = 1 << 15
_SPIKE_BLOCK: Final = 1 << 17
_SPIKE_SHORTEST: Final = 2
# After so many in a row it is a new level, no spike.
_SPIKE_LONGEST: Final = 20
_PLATEAU_SHARE: Final = 3


def not_finite(analysis: Analysis) -> list[Finding]:
    """A loss that is NaN or infinite: at once, for each stretch of such points."""
    curves = [c for c in (analysis.train, analysis.val) if c is not None]
    events = sorted(
        (int(c.lines[i]), int(c.steps[i]), c.metric, bool(good))
        for c in curves
        for i, good in _turns(c)
    )
    return list(_stretches(events))


def _turns(curve: Curve) -> Iterator[tuple[int, bool]]:
    """Where a curve becomes not finite, and where it is finite again."""
    finite = np.isfinite(curve.values)
    changed = np.flatnonzero(np.diff(finite, prepend=np.True_))
    yield from ((int(i), bool(finite[i])) for i in changed)


def _stretches(events: list[tuple[int, int, str, bool]]) -> Iterator[Finding]:
    """From the first loss that is not finite until all are: there is one cause."""
    bad: set[str] = set()
    found: Finding | None = None
    for _, step, metric, good in events:
        if not good:
            evidence = {"metric": metric}
            bad.add(metric)
            found = found or Finding("not_finite", "critical", step, step, evidence)
            continue
        bad.discard(metric)
        if found and not bad:
            yield replace(found, cleared_step=step)
            found = None
    if found:
        yield found


def divergence(analysis: Analysis, settings: Divergence) -> list[Finding]:
    """Training loss is back on half its way up.

    The median of the last three exceeds best + share * (start - best), the best by
    the factor, and by five standard deviations of single values.  Where the log has
    training losses at evaluations only, those are judged; validation loss alone where
    there are none: while training loss falls, a validation loss that rises is
    overfitting.
    """
    curve = analysis.train
    if curve is None and analysis.val is not None and analysis.val_train is not None:
        known = bool(np.isfinite(analysis.val_train).any())
        values = analysis.val_train if known else analysis.val.values
        curve = replace(analysis.val, values=values)
    if curve is None:
        return []
    steps, values = curve.steps, curve.values
    keep = np.isfinite(values)
    if not keep.all():
        steps, values = steps[keep], values[keep]
    found: list[Finding] = []
    for low, high in _spans(steps):
        if high - low >= _MEDIAN_OF:
            span = slice(low, high)
            noise = _noise(values[span]) * (_AVERAGED if analysis.smoothed_loss else 1)
            found += _diverged(curve.metric, steps[span], values[span], noise, settings)
    return found


def _spans(steps: Ints) -> Iterator[tuple[int, int]]:
    """Stretches whose steps do not go back."""
    cuts = [0, *(np.flatnonzero(np.diff(steps) < 0) + 1).tolist(), len(steps)]
    yield from pairwise(cuts)


def _diverged(
    metric: str, steps: Ints, values: Floats, noise: Floats, settings: Divergence
) -> Iterator[Finding]:
    levels, best = _trailing(values)
    np.minimum.accumulate(best, out=best)
    start = float(levels[0])
    beyond = _beyond(levels, best, noise, settings)
    at = 0
    while at < len(beyond):
        first = int(beyond[at])
        low = len(best) - int(np.searchsorted(best[::-1], best[first], side="right"))
        # To be back asks for more than not to be beyond, so that noise ends nothing.
        rest, _ = _rests(best[first], noise[first], start, settings)
        back = _first_below(levels, first, best[first] + float(rest) / 2)
        yield Finding(
            "divergence",
            "critical",
            int(steps[first]),
            since_step=int(steps[low]),
            evidence={
                "metric": metric,
                "best": float(best[first]),
                "level": float(levels[back - 1]),
                "start": start,
            },
            cleared_step=int(steps[back]) if back < len(levels) else None,
        )
        at = int(np.searchsorted(beyond, back))


def _beyond(levels: Floats, best: Floats, noise: Floats, settings: Divergence) -> Ints:
    """Where the level is too far above the best."""
    found = []
    for at in range(0, len(levels), _BLOCK):
        part = slice(at, at + _BLOCK)
        _, room = _rests(best[part], noise[part], levels[0], settings)
        found.append(at + np.flatnonzero(levels[part] > best[part] + room))
    return np.concatenate(found)


def _rests(
    best: Floats, noise: Floats, start: float, settings: Divergence
) -> tuple[Floats, Floats]:
    """Rises above the best that are much of the way, and so much that noise is none."""
    known = np.isfinite(noise)
    least = (settings.factor - 1) * np.abs(best)
    least = np.where((start - best > least) & known, least, _DOUBTFUL * np.abs(best))
    rest = np.maximum(settings.share * (start - best), least)
    return rest, np.maximum(rest, _DEVIATIONS * np.where(known, noise, 0.0))


def _first_below(levels: Floats, start: int, limit: float) -> int:
    """First place from `start` on where a level is below a limit, else the end."""
    size = _NOISE_BLOCK
    while start < len(levels):
        below = np.flatnonzero(levels[start : start + size] < limit)
        if len(below):
            return start + int(below[0])
        start, size = start + size, 2 * size
    return len(levels)


def _trailing(values: Floats) -> tuple[Floats, Floats]:
    """Medians of the last three and of the last nine values at each, or of all.

    The first two have that of the third.
    """
    first = [float(np.median(values[: max(i, 2) + 1])) for i in range(_USUAL - 1)]
    levels, usual = np.empty((2, len(values)))
    levels[:2] = first[0]
    usual[: _USUAL - 1] = first[: len(usual)]
    for start in range(0, len(values), _BLOCK):
        part = values[start : start + _BLOCK + _USUAL - 1]
        of_three, of_nine = _medians(part)
        levels[start + 2 : start + 2 + len(of_three)] = of_three
        usual[start + _USUAL - 1 : start + _USUAL - 1 + len(of_nine)] = of_nine
    return levels, usual


def _medians(values: Floats) -> tuple[Floats, Floats]:
    """Medians of every three and of every nine values in a row.

    That of nine is the median of what its three thirds tell: the highest of their
    lowest, the median of their medians, the lowest of their highest.
    """
    a, b, c = values[:-2], values[1:-1], values[2:]
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    middle = _median(a, b, c)
    n = max(0, len(values) - _USUAL + 1)
    first, second, third = (slice(at, at + n) for at in (0, 3, 6))
    of_nine = _median(
        np.maximum(np.maximum(low[first], low[second]), low[third]),
        _median(middle[first], middle[second], middle[third]),
        np.minimum(np.minimum(high[first], high[second]), high[third]),
    )
    return middle, of_nine


def _median(a: Floats, b: Floats, c: Floats) -> Floats:
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))


def _noise(values: Floats) -> Floats:
    """Robust standard deviation of single values, as known before the last three.

    From second differences, which do not see a trend: of all, while they are few, then
    the most of the last eight whole blocks, as one may be quiet by chance.  Infinite
    where it is not known yet.
    """
    result = np.full(len(values), np.inf)
    early = _bends(values[: _NOISE_BLOCK + 1])
    for k in range(_LEAST_BENDS, min(_NOISE_BLOCK, len(values) - _MEDIAN_OF - 1)):
        result[k + _MEDIAN_OF + 1] = np.median(early[:k])
    most = _most(_block_noise(values))
    later = result[_NOISE_BLOCK + _MEDIAN_OF + 1 :]
    for at in range(0, len(later), _BLOCK):
        blocks = most[at // _NOISE_BLOCK : (at + _BLOCK) // _NOISE_BLOCK]
        part = later[at : at + _BLOCK]
        part[:] = np.repeat(blocks, _NOISE_BLOCK)[: len(part)]
    result *= _NOISE_OF_BENDS
    return result


def _block_noise(values: Floats) -> Floats:
    """Median size of the second differences in each whole block of 32."""
    last = (len(values) - 2) // _NOISE_BLOCK * _NOISE_BLOCK
    found = [np.empty(0)]
    for at in range(0, last, _BLOCK):
        bends = _bends(values[at : min(at + _BLOCK, last) + 2])
        found.append(np.median(bends.reshape(-1, _NOISE_BLOCK), axis=1))
    return np.concatenate(found)


def _most(blocks: Floats) -> Floats:
    """The highest of the last eight at each."""
    most = blocks.copy()
    for back in range(1, _NOISE_BLOCKS):
        np.maximum(most[back:], blocks[:-back], out=most[back:])
    return most


def _bends(values: Floats) -> Floats:
    """Sizes of the second differences."""
    return np.asarray(np.abs(values[2:] - 2 * values[1:-1] + values[:-2]))


def spike(analysis: Analysis, settings: Spike) -> list[Finding]:
    """Training losses far above what the last 64 make likely, two or more in a row.

    The logarithm exceeds the mean of the window by so many standard deviations and by
    the least rise; what was flagged does not enter the window, nor the losses of a
    training before.  One high loss alone is an odd batch: the model did not change.
    """
    curve = analysis.train
    if curve is None or analysis.smoothed_loss:
        return []
    good = np.flatnonzero(np.isfinite(curve.values) & (curve.values > 0))
    steps, y = curve.steps[good], np.log(curve.values[good])
    anew = np.flatnonzero((np.diff(steps) < 0) & (steps[1:] <= steps[:1])) + 1
    spans = [*pairwise([0, *anew.tolist(), len(steps)])]
    return [
        _spiked(steps[low:high], y[low:high], found)
        for low, high in spans
        if high - low > _SPIKE_LEAST
        for found in _suspects(y[low:high], settings)
        if found[1] - found[0] >= _SPIKE_SHORTEST
    ]


def _spiked(steps: Ints, y: Floats, found: tuple[int, int, float]) -> Finding:
    first, last, level = found
    over = last < len(y) and last - first < _SPIKE_LONGEST
    return Finding(
        "spike",
        "info",
        int(steps[first + _SPIKE_SHORTEST - 1]),
        since_step=int(steps[first]),
        evidence={
            "peak": float(np.exp(y[first:last].max())),
            "usual": float(np.exp(level)),
            "records": last - first,
        },
        cleared_step=int(steps[last]) if over else None,
    )


def _suspects(y: Floats, settings: Spike) -> list[tuple[int, int, float]]:
    """(first, after the last, usual level) of each spike.

    A cheap look at all points with plain rolling figures finds the few places that
    the exact, slower rule has to look at.  Behind a spike, which those figures hold
    and the exact ones do not, every higher point is looked at.
    """
    high, stand_out = _candidates(y, settings)
    usual = np.ones(len(y), dtype=bool)
    found: list[tuple[int, int, float]] = []
    at = until = 0
    while True:
        near, far = (int(np.searchsorted(c, at)) for c in (high, stand_out))
        if near < len(high) and high[near] <= until:
            i = int(high[near])
        elif far < len(stand_out):
            i = int(stand_out[far])
        else:
            return found
        at = i + 1
        spiked = _exactly(y, i, usual, settings)
        if spiked:
            at, until = spiked[1], spiked[1] + _SPIKE_WINDOW
            found.append(spiked)


def _candidates(y: Floats, settings: Spike) -> tuple[Ints, Ints]:
    """Points above the rolling mean by half the least rise; those that stand out."""
    jump = math.log1p(settings.rise)
    high, stand_out = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for start in range(_SPIKE_LEAST, len(y), _SPIKE_BLOCK):
        low = max(0, start - _SPIKE_WINDOW)
        part = y[low : start + _SPIKE_BLOCK]
        at = np.arange(start - low, len(part))
        first = np.maximum(at - _SPIKE_WINDOW, 0)
        sums = [np.concatenate([[0.0], np.cumsum(part**k)]) for k in (1, 2)]
        mean, square = ((t[at] - t[first]) / (at - first) for t in sums)
        deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
        above = part[at] - mean
        # A little less than the rule asks for: sums of many numbers are not exact.
        least = 0.99 * np.maximum(jump, settings.deviations * deviation)
        high.append(at[above > jump / 2] + low)
        stand_out.append(at[above > least] + low)
    return np.concatenate(high), np.concatenate(stand_out)


def _exactly(
    y: Floats, i: int, usual: NDArray[np.bool_], settings: Spike
) -> tuple[int, int, float] | None:
    """The spike that begins at a point, if one does; marks what is not usual."""
    low = max(0, i - _SPIKE_WINDOW)
    window = y[low:i][usual[low:i]]
    centre = float(window.mean())
    jump = math.log1p(settings.rise)
    rise = max(jump, settings.deviations * float(window.std()))
    if y[i] - centre <= rise:
        return None
    end = i + 1
    while end < len(y) and y[end] > centre + rise and end - i < _SPIKE_LONGEST:
        end += 1
    # What lasts is a new level: it enters the window.
    usual[i:end] = end - i == _SPIKE_LONGEST
    return i, end, centre


def plateau(analysis: Analysis, settings: Plateau) -> list[Finding]:
    """Neither validation nor training loss changes any more; told once a run.

    For so many evaluations, and for a third of them and of the steps: some programs
    evaluate more often towards the end.
    """
    val, train = analysis.val, analysis.val_train
    if val is None or train is None:
        return []
    y: list[float] = []
    t: list[float] = []
    steps: list[int] = []
    rows = zip(val.steps.tolist(), val.values.tolist(), train.tolist(), strict=True)
    for step, value, trained in rows:
        if not 0 < value < math.inf:
            continue
        while steps and steps[-1] >= step:  # trained again
            for column in (steps, y, t):
                column.pop()
        steps.append(step)
        y.append(math.log(value))
        t.append(math.log(trained) if 0 < trained < math.inf else math.nan)
        early = step - (step - steps[0]) // _PLATEAU_SHARE
        back = max(
            settings.evaluations,
            len(y) // _PLATEAU_SHARE,
            len(y) - bisect_right(steps, early),
        )
        if len(y) > back and _flat(y, back, settings) and _flat(t, back, settings):
            evidence = {"change": settings.change, "level": value}
            return [Finding("plateau", "info", step, steps[-1 - back], evidence)]
    return []


def _flat(y: list[float], back: int, settings: Plateau) -> bool:
    """Whether a logarithm is where it was some evaluations ago (medians of three)."""
    now = [v for v in y[-_MEDIAN_OF:] if math.isfinite(v)]
    before = len(y) - back - 1
    then = [v for v in y[before : before + _MEDIAN_OF] if math.isfinite(v)]
    if not now or not then:
        return True  # not in the log: it does not speak against a plateau
    return bool(abs(median(now) - median(then)) < settings.change)
