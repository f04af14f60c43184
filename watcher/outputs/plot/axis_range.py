"""The ranges of axes: what must be visible, and outliers that are cut off."""

import math
from collections.abc import Sequence

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.model import Analysis
from watcher.outputs.plot.ticks import Scale
from watcher.outputs.text.catalog import message


Points = tuple[Floats, Floats]

# Smaller or larger than this is no loss of any model; its logarithm still is a float.
_TINY, _HUGE = 1e-100, 1e100
# The first steps fall so far that the rest would look flat (STYLE's 2 %).
_EARLY = 0.02
# They stay in the picture where they take less than about 60 % of its height.
_WORTH = 2.5
# With fewer points than this there is no curve.
FEW = 3
# A range below this share of its values has no round numbers of five digits.
_LEAST = 1e-3
# So few points are all shown.
_SHORT = 20
# A current part of the run below this share of it takes the axis for itself.
_RECEDES = 1 / 3
# Above this many points the rarest of them may leave the picture.
_LONG = 60


def steps_scale(analyses: Sequence[Analysis], *, log: bool) -> Scale:
    """Span the steps of the runs; one step alone gets room on both sides."""
    curves = [c for a in analyses for c in a.curves.values()]
    curves += [c for a in analyses for c in (a.train, a.val, a.time) if c is not None]
    # Metrics of one line share their steps: ten million need to be looked at once.
    columns = {id(c.steps): c for c in curves if len(c)}.values()
    low, high = _range([curve.steps for curve in columns])
    now = _range([c.steps if c.current.all() else c.steps[c.current] for c in columns])
    # What was superseded may leave the picture before it squeezes what counts.
    if now[1] - now[0] < _RECEDES * (high - low):
        low, high = now
    if log:
        return Scale(max(low, 1.0), max(high, 2.0, low + 1), log=True)
    if high == low:
        return Scale(low - 1, high + 1)
    # A run of 5,000 iterations ends at step 4,999: let "5k" be on the scale.
    unit = 10.0 ** math.floor(math.log10(high - low) - 1)
    rounded = math.ceil(high / unit) * unit
    return Scale(low, rounded if rounded - high <= 0.004 * (high - low) else high)


def _range(columns: Sequence[Ints]) -> tuple[float, float]:
    """Find the least and the greatest step, 0 and 1 without any."""
    filled = [column for column in columns if len(column)]
    low = float(min((column.min() for column in filled), default=0))
    return low, float(max((column.max() for column in filled), default=1))


def span(*columns: Floats) -> tuple[float, float] | None:
    """Find the least and the greatest finite value, None without any."""
    every = np.concatenate([np.empty(0), *columns])
    every = every[np.abs(every) <= _HUGE]
    return (float(every.min()), float(every.max())) if len(every) else None


def padded(low: float, high: float, *, log: bool) -> Scale:
    """Give a scale with margins at both ends; a constant is centred."""
    if log and low > 0:
        low, high = max(low, _TINY), max(high, _TINY)
        pad = max((high / low) ** 0.06, 1.01)
        return Scale(low / pad, high * pad, log=True)
    pad = 0.07 * (high - low)
    return linear(low - pad, high + pad)


def linear(low: float, high: float) -> Scale:
    """Give a linear scale, wide enough for numbers that differ in five digits."""
    size = max(abs(low), abs(high))
    if size < _TINY:
        return Scale(-1, 1)
    short = max(0.0, _LEAST * size - (high - low))
    return Scale(low - short / 2, high + short / 2)


def loss_scale(curves: Sequence[Points], x: Scale, *, log: bool = True) -> Scale | None:
    """Scale losses logarithmically, or linearly where one is zero or negative.

    The first steps are left out where they would flatten the rest.
    """
    every = span(*(y for _, y in curves))
    settled = span(*(_settled(*points, x) for points in curves))
    if every is None or settled is None:
        return None
    log = log and every[0] > 0
    if all(len(at) <= _SHORT for at, _ in curves):
        return padded(*every, log=log)
    if _extent(*every, log=log) > _WORTH * _extent(*settled, log=log) > 0:
        return padded(*settled, log=log)
    return padded(*every, log=log)


def _extent(low: float, high: float, *, log: bool) -> float:
    """Measure a range as the axis will show it."""
    return math.log(high / max(low, _TINY)) if log else high - low


def early(x: Scale) -> float:
    """The number of steps that count as the first."""
    return _EARLY * (x.high - x.low)


def _settled(at: Floats, values: Floats, x: Scale) -> Floats:
    """Leave out the first steps, and the rare peaks of a long curve but its last."""
    late = values[at >= x.low + early(x)]
    late = late[np.isfinite(late)]
    if x.log or len(late) < FEW:
        return values
    if len(late) < _LONG:
        return late
    keep = late <= np.quantile(late, 0.985, method="nearest")  # STYLE's 98.5 %
    keep[-1] = True
    return np.asarray(late[keep])


def last(values: Floats) -> float | None:
    """Find the last finite value."""
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else None


def clock(longest: float) -> tuple[str, float]:
    """Choose the unit for a duration, and its seconds."""
    for size, unit in ((3600.0, message("hours")), (60.0, message("minutes"))):
        if longest >= 2 * size:
            return unit, size
    return message("seconds"), 1.0
