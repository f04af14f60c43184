"""Training loss goes back up."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.noise import trailing_sigma
from watcher.analysis.rules.settings import Divergence
from watcher.analysis.segments import spans


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


def divergence(run: Measured, settings: Divergence) -> list[Finding]:
    """Training loss has given back half of its drop.

    The median of the last three exceeds min + share * (start - min), the minimum by
    the factor, and its logarithm by five standard deviations of single values.  Where
    the log has training losses at evaluations only, those count; validation loss alone
    where there are none: while training loss falls, a validation loss that rises is
    overfitting.  A loss that reaches 0 or below has no scale, so nothing is relative
    to it from there on.
    """
    curve = _curve(run)
    if curve is None:
        return []
    keep = np.isfinite(curve.values)
    steps, values = curve.steps[keep], curve.values[keep]
    found: list[Finding] = []
    for low, high in spans(curve.lines[keep], run.segments):
        end = low + _positive(values[low:high])
        if end - low > _EARLY_RECORDS:
            part = values[low:end]
            sigma = trailing_sigma(np.log(part)) * (
                _AVERAGED if run.smoothed_loss else 1
            )
            found += _findings(curve.metric, steps[low:end], part, sigma, settings)
    return found


def _positive(values: Floats) -> int:
    """How many values stand before the first that is not above 0."""
    bad = np.flatnonzero(values <= 0)
    return int(bad[0]) if len(bad) else len(values)


def _curve(run: Measured) -> Curve | None:
    if run.train is not None or run.val is None or run.val_train is None:
        return run.train
    known = bool(np.isfinite(run.val_train).any())
    return replace(run.val, values=run.val_train if known else run.val.values)


def _findings(
    metric: str, steps: Ints, values: Floats, sigma: Floats, settings: Divergence
) -> Iterator[Finding]:
    levels, best = _trailing_medians(values)
    np.minimum.accumulate(best, out=best)
    start = float(levels[0])
    beyond = np.append(_early(values), _beyond(levels, best, sigma, settings))
    at = 0
    while at < len(beyond):
        first = int(beyond[at])
        low = _place(values, float(best[first]), first)
        # Hysteresis: it resolves at half the rise, so that noise ends nothing.
        rise = float(_rise(best[first], start, settings))
        back = _first_below(levels, first, best[first] + rise / 2)
        evidence: dict[str, float | int | str | None] = {
            "metric": metric,
            "best": float(values[low]),
            "level": float(levels[back - 1]),
        }
        if values[0] >= values[low]:
            evidence["start"] = float(values[0])
        yield Finding(
            "divergence",
            "critical",
            int(steps[first]),
            since_step=int(steps[low]),
            evidence=evidence,
            cleared_step=int(steps[back]) if back < len(levels) else None,
        )
        at = int(np.searchsorted(beyond, back))


def _place(values: Floats, level: float, before: int) -> int:
    """Index of the last record with a level, which is a median of records."""
    return int(np.flatnonzero(values[: before + 1] == level)[-1])


def _early(values: Floats) -> Ints:
    """Indices of the first records at which the last five are far above all before."""
    found = [
        i
        for i in range(_EARLY_RECORDS + 1, min(_MIN_RECORDS, len(values)))
        if values[i - _EARLY_RECORDS + 1 : i + 1].min()
        > _EARLY_FACTOR * values[: i - _EARLY_RECORDS + 1].max()
    ]
    return np.array(found, dtype=np.int64)


def _beyond(levels: Floats, best: Floats, sigma: Floats, settings: Divergence) -> Ints:
    """Indices at which the level is too far above the running minimum."""
    found = [np.empty(0, dtype=np.int64)]
    for at in range(_MIN_RECORDS, len(levels), _CHUNK):
        part = slice(at, at + _CHUNK)
        level, low = levels[part], best[part]
        relative = level > low + _rise(low, levels[0], settings)
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
