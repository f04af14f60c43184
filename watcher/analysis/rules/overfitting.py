"""Overfitting: validation loss is past its minimum while training loss falls on.

At each evaluation the rule asks, of single evaluations and of means of eight (which
see a slow rise under noise), all on y, the logarithm of the validation loss:
1. best: the lowest level so far that shares no evaluation with the level of now;
2. noise: a robust deviation out of second differences of the last 24 evaluations;
3. is the level above the best by more than 1 %, noise, and the luck of a minimum of
   many?  A t test: p > 0.80, of means p > 0.99;
4. did the training loss fall since by 2 % and by twice its own noise?
5. does the level keep two thirds of the peak since the best, so is not coming back?
Yes twice in a row: a warning; twice in a row with p > 0.90, of means p > 0.995: it is
confirmed.  After 24 evaluations a single one needs more, as chances to err add up:
1 - p shrinks as 24 / evaluations.  Without a training loss the higher p warns, and
nothing is confirmed.  A level 1 % below the best clears it.

A mean asks for a higher p since its noise is taken for independent, which a slow
drift is not.  Wallace 1959 is the source of the normal approximation of Student's t.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any, Final

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Curve
from watcher.settings import choice


NAME: Final = "overfitting"
# Evaluations in a level.
_WIDTHS: Final = (1, 8)
_WINDOW: Final = 24
# Losses are printed to a few digits: noise below 0.3 % cannot be told from rounding.
_LEAST_SIGMA: Final = 0.003
# Standard deviation over median absolute deviation, for the normal distribution.
_MAD: Final = 1.4826
# Standard deviation of a second difference of independent values: 1 + 4 + 1.
_SECOND_DIFFERENCE: Final = math.sqrt(6)
# How far the minimum of n normal values lies below their mean, in deviations: 1.5 for
# 10, 2.5 for 100, 3 for 400; half of ln(n + 1) is near enough.
_LUCK: Final = 0.5
_MOST_LUCK: Final = 3.0
_KEPT: Final = 2 / 3
_TRAIN_DEVIATIONS: Final = 2.0
# Fewer evaluations have no second difference.
_LEAST_EVALUATIONS: Final = 3
# Fewer training losses tell nothing of their noise.
_LEAST_TRAIN: Final = 6
_TWICE: Final = 2
_CONFIRMED: Final = (0.90, 0.995)
# Probabilities above which a single evaluation and a mean count.
LEVELS: Final = {"low": _CONFIRMED, "normal": (0.80, 0.99), "high": (0.70, 0.98)}


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the rule.

    Attributes:
        sensitivity: "low" (warns when it is sure), "normal" or "high" (p > 0.70).
        rise: least relative rise above the best.
        train_fall: least relative fall of the training loss since the best.
        evaluations: fewest evaluations before a warning.
    """

    sensitivity: str = choice("normal", LEVELS)
    rise: float = 0.01
    train_fall: float = 0.02
    evaluations: int = 4


@dataclass(slots=True)
class _Track:
    """What was seen at one width, at each evaluation: so that it can be taken back.

    Attributes:
        levels: mean of the evaluations until then, NaN before there are enough.
        best: index of the last evaluation of the lowest level, -1 without any.
        peak: highest level since.
        hits, sure: evaluations in a row that warn, that confirm.
    """

    width: int
    levels: list[float] = field(default_factory=list)
    best: list[int] = field(default_factory=list)
    peak: list[float] = field(default_factory=list)
    hits: list[int] = field(default_factory=list)
    sure: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _History:
    """Evaluations so far, without those that a restart superseded.

    Attributes:
        points: index of each in the curve.
        y: logarithms of the validation loss.  train: training loss, NaN unknown.
        bends: sizes of the second differences of y, NaN at the first two.
    """

    points: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    bends: list[float] = field(default_factory=list)
    tracks: tuple[_Track, ...] = ()

    def append(self, point: int, step: int, value: float, train: float) -> None:
        """Takes an evaluation in."""
        self.points.append(point)
        self.steps.append(step)
        self.y.append(math.log(value))
        self.train.append(train)
        self.bends += _bends(self.y[-3:]) or [math.nan]

    def cut(self, step: int) -> None:
        """Drops the evaluations at or after a step that is trained again."""
        if not self.steps or self.steps[-1] < step:
            return
        columns: list[list[Any]] = [self.points, self.steps, self.y, self.train]
        columns.append(self.bends)
        for t in self.tracks:
            columns += [t.levels, t.best, t.peak, t.hits, t.sure]
        while self.steps and self.steps[-1] >= step:
            for column in columns:
                column.pop()


@dataclass(slots=True)
class _Raised:
    """A warning that lasts.

    Attributes:
        best: index in the history of the lowest evaluation when it was raised.
        floor: level below which it is cleared.
    """

    step: int
    best: int
    track: _Track
    floor: float
    confirmed_step: int | None = None


def overfitting(analysis: Analysis, settings: Settings) -> list[Finding]:
    """Every warning that was raised while the run went on, in the order of the log."""
    if analysis.val is None or analysis.val_train is None:
        return []
    return list(_replay(analysis, analysis.val, settings))


def _replay(analysis: Analysis, val: Curve, settings: Settings) -> Iterator[Finding]:
    assert analysis.val_train is not None
    history = _History(tracks=tuple(_Track(width) for width in _WIDTHS))
    raised: _Raised | None = None
    rows = zip(
        val.steps.tolist(),
        val.values.tolist(),
        analysis.val_train.tolist(),
        strict=True,
    )
    for point, (step, value, train) in enumerate(rows):
        if not 0 < value < math.inf:
            continue
        if raised and step < raised.step:
            yield _finding(analysis, history, raised, step)
            raised = None
        history.cut(step)
        history.append(point, step, value, train)
        _ask(history, settings)
        if raised and raised.track.levels[-1] < raised.floor:
            yield _finding(analysis, history, raised, step)
            raised = None
        raised = raised or _raise(history, settings)
        if raised and raised.confirmed_step is None and _sure(history):
            raised.confirmed_step = step
    if raised:
        yield _finding(analysis, history, raised, None)


def _ask(history: _History, settings: Settings) -> None:
    """Asks of the last evaluation at every width."""
    for place, track in enumerate(history.tracks):
        _extend(history, track)
        p, known = _probability(history, track, settings)
        if p <= 0:
            track.hits.append(0)
            track.sure.append(0)
            continue
        warns = LEVELS[settings.sensitivity] if known else _CONFIRMED
        err = min(1.0, _WINDOW / len(history.y)) if track.width == 1 else 1.0
        hit, sure = (1 - p < err * (1 - level[place]) for level in (warns, _CONFIRMED))
        track.hits.append(_in_a_row(track.hits, hit))
        track.sure.append(_in_a_row(track.sure, sure and known))


def _in_a_row(counts: Sequence[int], more: bool) -> int:  # noqa: FBT001 - a truth
    return (counts[-1] if counts else 0) + 1 if more else 0


def _extend(history: _History, track: _Track) -> None:
    """The level, the best and the peak since, with the last evaluation."""
    now = _level(history.y, len(history.y) - 1, track)
    track.levels.append(now)
    before = len(history.y) - 1 - track.width
    if before < track.width - 1:
        track.best.append(-1)
        track.peak.append(-math.inf)
        return
    best, levels = track.best[-1], track.levels
    if best < 0 or levels[before] <= levels[best]:
        track.best.append(before)
        track.peak.append(now)
    else:
        track.best.append(best)
        track.peak.append(max(track.peak[-1], now))


def _level(values: Sequence[float], last: int, track: _Track) -> float:
    """Mean of the finite of the values that end at an index, NaN without enough."""
    width = track.width
    if width == 1:
        return values[last]
    if last + 1 < width:
        return math.nan
    part = values[last + 1 - width : last + 1]
    some = part if math.isfinite(sum(part)) else [v for v in part if math.isfinite(v)]
    return fmean(some) if some else math.nan


def _probability(
    history: _History, track: _Track, settings: Settings
) -> tuple[float, bool]:
    """That validation is worse than its best, 0 if training or peak speak against.

    The second says whether the training loss is known.  What costs most comes last:
    the noise is asked for only where the least of it would not explain the rise.
    """
    best, n = track.best[-1], len(history.y)
    if best < 0 or n < max(settings.evaluations, _LEAST_EVALUATIONS):
        return 0.0, True
    low = track.levels[best]
    rise = track.levels[-1] - low
    if rise <= settings.rise or rise < _KEPT * (track.peak[-1] - low):
        return 0.0, True
    luck = min(_MOST_LUCK, _LUCK * math.log(n / track.width + 1))
    beyond, root = rise - settings.rise, math.sqrt(track.width)
    if beyond <= luck * _LEAST_SIGMA / root:
        return 0.0, True
    fell = _fell(history.train, best, track, settings)
    if fell is False:
        return 0.0, True
    single, freedom = _deviation(history.bends[max(2, n - _WINDOW + 2) :])
    sigma = max(single, _LEAST_SIGMA) / root
    t = (beyond - sigma * luck) / (sigma * math.sqrt(2))
    return student(t, freedom), fell is not None


def _fell(
    train: Sequence[float], best: int, track: _Track, settings: Settings
) -> bool | None:
    """Whether training loss fell by more than its noise, None where it is unknown."""
    then, now = _level(train, best, track), _level(train, len(train) - 1, track)
    if not (math.isfinite(then) and math.isfinite(now)):
        return None
    least = settings.train_fall * abs(then)
    if now >= then - least:
        return False
    recent = [v for v in train[-_WINDOW:] if math.isfinite(v)]
    if len(recent) >= _LEAST_TRAIN:
        deviation = noise(recent)[0] * math.sqrt(2 / track.width)
        least = max(least, _TRAIN_DEVIATIONS * deviation)
    return now < then - least


def noise(y: Sequence[float]) -> tuple[float, int]:
    """Robust standard deviation of single values, and its degrees of freedom.

    Second differences do not see a straight trend.  At least three values; few of
    them may agree by chance, so their deviation is made larger.
    """
    return _deviation(_bends(y))


def _bends(y: Sequence[float]) -> list[float]:
    """Sizes of the second differences."""
    return [abs(c - 2 * b + a) for a, b, c in zip(y, y[1:], y[2:], strict=False)]


def _deviation(bends: Sequence[float]) -> tuple[float, int]:
    k = len(bends)
    few = 1 + 2 / k
    return _MAD * median(bends) / _SECOND_DIFFERENCE * few, k


def student(t: float, freedom: int) -> float:
    """Probability that Student's t is below a value (Wallace's approximation)."""
    factor = 0.75 if freedom == 1 else 1 - 1 / (4 * freedom)
    size = factor * math.sqrt(freedom * math.log1p(t * t / freedom))
    return 0.5 * (1 + math.erf(math.copysign(size, t) / math.sqrt(2)))


def _raise(history: _History, settings: Settings) -> _Raised | None:
    """A warning, if a width has asked for it twice in a row."""
    track = next((t for t in history.tracks if t.hits[-1] >= _TWICE), None)
    if track is None:
        return None
    last, best = len(history.y) - 1, history.tracks[0].best[-1]
    best = last if history.y[last] <= history.y[best] else best
    floor = track.levels[track.best[-1]] - settings.rise
    return _Raised(history.steps[-1], best, track, floor)


def _sure(history: _History) -> bool:
    return any(track.sure[-1] >= _TWICE for track in history.tracks)


def _finding(
    analysis: Analysis, history: _History, raised: _Raised, cleared: int | None
) -> Finding:
    last = len(history.y) - 1
    if cleared is not None and history.steps[last] == cleared:
        last -= 1  # the evidence is of the time before it was cleared
    return Finding(
        NAME,
        "warning",
        raised.step,
        since_step=history.steps[raised.best],
        evidence=_evidence(analysis, history, raised, last),
        confirmed_step=raised.confirmed_step,
        cleared_step=cleared,
    )


def _evidence(
    analysis: Analysis, history: _History, raised: _Raised, last: int
) -> dict[str, float | int | str | None]:
    """The numbers of the sentence, as of an evaluation."""
    val, train, best = analysis.val, history.train, raised.best
    assert val is not None
    low, now = (
        math.exp(history.y[best]),
        math.exp(raised.track.levels[last]),
    )
    evidence: dict[str, float | int | str | None] = {
        "best": low,
        "last": now,
        "last_step": history.steps[last],
        "rise": now - low,
        "rise_share": now / low - 1,
        "evaluations_since": last - best,
        "averaged": raised.track.width,
        "unit": val.unit,
    }
    before, after = train[best], _level(train, last, raised.track)
    if math.isfinite(before) and math.isfinite(after) and before > 0:
        evidence["train_fall_share"] = 1 - after / before
    share = _share_after(analysis, history, best, last)
    if share is not None:
        evidence["share_after"] = share
    return evidence


def _share_after(
    analysis: Analysis, history: _History, best: int, last: int
) -> float | None:
    """Share of the run's time after the best, of its steps where no time is known."""
    val, train = analysis.val, analysis.train
    assert val is not None
    ends = [history.points[best], history.points[last]]
    clock, zero = val.steps[ends].astype(np.float64), float(history.steps[0])
    elapsed = analysis.elapsed_s
    if elapsed is not None and len(elapsed) and np.isfinite(elapsed).all():
        source = val if train is None else train
        at = np.searchsorted(source.lines, val.lines[ends]).clip(max=len(elapsed) - 1)
        first = np.searchsorted(source.lines, val.lines[history.points[0]])
        clock = elapsed[at]
        zero = min(float(elapsed[min(int(first), len(elapsed) - 1)]), float(clock[0]))
    whole = float(clock[1]) - zero
    return float(clock[1] - clock[0]) / whole if whole > 0 else None
