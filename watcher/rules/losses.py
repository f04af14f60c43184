"""Rules on the losses: not finite, divergence, spike, plateau."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from statistics import median
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis import Analysis, Curve
from watcher.finding import Finding
from watcher.rules.settings import Divergence, Plateau, Spike


_MEDIAN_OF: Final = 3
_SPIKE_WINDOW: Final = 64
_SPIKE_LEAST: Final = 32
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
    lasting: dict[str, Finding] = {}
    for _, step, metric, good in events:
        if not good:
            evidence: dict[str, float | int | str | None] = {"metric": metric}
            lasting[metric] = Finding(
                "not_finite", "critical", step, since_step=step, evidence=evidence
            )
        elif metric in lasting:
            found = lasting.pop(metric)
            yield Finding(
                found.rule,
                found.severity,
                found.step,
                found.since_step,
                found.evidence,
                cleared_step=step,
            )
    if lasting:
        # One cause: the first of the losses tells it.
        yield min(lasting.values(), key=lambda f: f.step)


def divergence(analysis: Analysis, settings: Divergence) -> list[Finding]:
    """Training loss is back on half its way up.

    The median of the last three exceeds best + share * (start - best), and the best
    by the factor.  Where the log has training losses at evaluations only, those are
    judged; validation loss alone where there are none: while training loss falls, a
    validation loss that rises is overfitting.
    """
    curve = analysis.train
    if curve is None and analysis.val is not None and analysis.val_train is not None:
        known = bool(np.isfinite(analysis.val_train).any())
        values = analysis.val_train if known else analysis.val.values
        curve = replace(analysis.val, values=values)
    if curve is None:
        return []
    keep = np.isfinite(curve.values)
    steps, values = curve.steps[keep], curve.values[keep]
    levels = _median_of_three(values)
    found: list[Finding] = []
    for low, high in _spans(steps):
        found += _diverged(steps[low:high], levels[low:high], settings)
    return found


def _spans(steps: Ints) -> Iterator[tuple[int, int]]:
    """Stretches whose steps do not go back."""
    cuts = [0, *(np.flatnonzero(np.diff(steps) < 0) + 1).tolist(), len(steps)]
    yield from pairwise(cuts)


def _median_of_three(values: Floats) -> Floats:
    if len(values) < _MEDIAN_OF:
        return values
    stacked = np.stack([values[:-2], values[1:-1], values[2:]])
    return np.concatenate([values[:2], np.median(stacked, axis=0)])


def _diverged(steps: Ints, levels: Floats, settings: Divergence) -> Iterator[Finding]:
    if len(levels) <= _MEDIAN_OF:
        return
    start = float(levels[2])
    best = np.minimum.accumulate(levels)
    limit = best + np.maximum(
        settings.share * (start - best), (settings.factor - 1) * np.abs(best)
    )
    beyond = (levels > limit) & (start > best) & (np.arange(len(levels)) > 2)  # noqa: PLR2004
    turns = np.flatnonzero(np.diff(beyond, prepend=np.False_))
    for first, after in zip(turns[::2], [*turns[1::2], None], strict=False):
        low = int(levels[: first + 1].argmin())
        last = len(levels) - 1 if after is None else int(after) - 1
        yield Finding(
            "divergence",
            "critical",
            int(steps[first]),
            since_step=int(steps[low]),
            evidence={
                "best": float(levels[low]),
                "level": float(levels[last]),
                "start": start,
            },
            cleared_step=None if after is None else int(steps[after]),
        )


def spike(analysis: Analysis, settings: Spike) -> list[Finding]:
    """A few training losses far above what the last 64 make likely.

    The logarithm exceeds the mean of the window by so many standard deviations and by
    the least rise; what was flagged does not enter the window.
    """
    curve = analysis.train
    if curve is None or analysis.smoothed_loss:
        return []
    good = np.flatnonzero(np.isfinite(curve.values) & (curve.values > 0))
    y = np.log(curve.values[good])
    suspects = _suspects(y, settings)
    return [
        Finding(
            "spike",
            "info",
            int(curve.steps[good[first]]),
            since_step=int(curve.steps[good[first]]),
            evidence={
                "peak": float(np.exp(y[first:last].max())),
                "usual": float(np.exp(level)),
                "records": last - first,
            },
            cleared_step=int(curve.steps[good[last]]) if last < len(y) else None,
        )
        for first, last, level in suspects
    ]


def _suspects(y: Floats, settings: Spike) -> list[tuple[int, int, float]]:
    """(first, after the last, usual level) of each spike.

    A cheap look at all points with a plain rolling mean finds the few places that the
    exact, slower rule has to look at.
    """
    if len(y) <= _SPIKE_LEAST:
        return []
    jump = math.log1p(settings.rise)
    total = np.concatenate([[0.0], np.cumsum(y)])
    at = np.arange(_SPIKE_LEAST, len(y))
    first = np.maximum(at - _SPIKE_WINDOW, 0)
    mean = (total[at] - total[first]) / (at - first)
    found: list[tuple[int, int, float]] = []
    for i in at[y[at] - mean > jump / 2].tolist():
        if found and i < found[-1][1]:
            continue
        window = y[max(0, i - _SPIKE_WINDOW) : i]
        centre, spread = float(window.mean()), float(window.std())
        if y[i] - centre <= max(jump, settings.deviations * spread):
            continue
        end = i + 1
        limit = centre + max(jump, settings.deviations * spread)
        while end < len(y) and y[end] > limit and end - i < _SPIKE_LONGEST:
            end += 1
        if end - i < _SPIKE_LONGEST:
            found.append((i, end, centre))
    return found


def plateau(analysis: Analysis, settings: Plateau) -> list[Finding]:
    """Neither validation nor training loss changes any more; told once a run."""
    val, train = analysis.val, analysis.val_train
    if val is None or train is None:
        return []
    keep = np.isfinite(val.values) & (val.values > 0) & val.current
    y = np.log(val.values[keep])
    t = np.log(np.where(train[keep] > 0, train[keep], np.nan))
    steps = val.steps[keep]
    for n in range(settings.evaluations + 1, len(y) + 1):
        back = max(settings.evaluations, n // _PLATEAU_SHARE)
        if n > back and _flat(y[:n], back, settings) and _flat(t[:n], back, settings):
            evidence = {"change": settings.change, "level": float(np.exp(y[n - 1]))}
            since = int(steps[n - 1 - back])
            return [Finding("plateau", "info", int(steps[n - 1]), since, evidence)]
    return []


def _flat(y: Floats, back: int, settings: Plateau) -> bool:
    """Whether a logarithm is where it was some evaluations ago (medians of three)."""
    now = [v for v in y[-_MEDIAN_OF:].tolist() if math.isfinite(v)]
    then = [v for v in y[-back - 1 :][:_MEDIAN_OF].tolist() if math.isfinite(v)]
    if not now or not then:
        return True  # not in the log: it does not speak against a plateau
    return bool(abs(median(now) - median(then)) < settings.change)
