"""Overfitting: validation loss is past its minimum while training loss falls on.

At each evaluation the rule asks (all on y, the logarithm of the validation loss):
1. noise: sigma, a robust deviation out of second differences of the last 12 y;
2. is y above its best by more than noise and 1 %, the best being the minimum of many
   (a "winner's curse" that grows with the evaluations since)?  A t test, p > 0.9;
3. did the training loss fall by 2 % since the best (mean of three evaluations)?
4. is y still near the peak since the best, so not coming back?
Twice in a row: a warning.  It is confirmed by four in a row, or by an upward trend
since the best (Mann-Kendall, p < 0.05) whose size (Theil-Sen) exceeds three sigma and
1 %, while the means of two evaluations pass 3 and 4.  A new best by 1 % clears it.

Sources: Mann 1945 and Kendall 1948 for the trend test, Sen 1968 for the slope; Wallace
1959 for the normal approximation of Student's t.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, median
from typing import Final

import numpy as np

from parsers.batch import Floats
from watcher.analysis import Analysis
from watcher.finding import Finding


NAME: Final = "overfitting"
_WINDOW: Final = 12
_TREND_WINDOW: Final = 40
_TREND_LEAST: Final = 5
# Losses are printed to a few digits: noise below 0.3 % cannot be told from rounding.
_LEAST_SIGMA: Final = 0.003
# Standard deviation over median absolute deviation, for the normal distribution.
_MAD: Final = 1.4826
# Variance of a second difference of independent values: 1 + 4 + 1.
_SECOND_DIFFERENCE: Final = math.sqrt(6)
_NORMAL_95: Final = 1.645
_MOST_BIAS: Final = 1.5
_BIAS: Final = 0.35
_WARNED_BY: Final = 2
_CONFIRMED_BY: Final = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the rule.

    Attributes:
        sensitivity: "low" (p 0.95), "normal" (p 0.9) or "high" (p 0.8, 0.5 %).
        rise: least relative rise above the best; None as the sensitivity says.
        train_fall: least relative fall of the training loss since the best.
        evaluations: fewest evaluations before a warning.
    """

    sensitivity: str = "normal"
    rise: float | None = None
    train_fall: float = 0.02
    evaluations: int = 4


LEVELS: Final = {"low": (0.95, 0.01), "normal": (0.90, 0.01), "high": (0.80, 0.005)}


@dataclass(slots=True)
class _History:
    """Evaluations so far, without those that a restart superseded."""

    steps: list[int] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    hits: int = 0

    def cut(self, step: int) -> None:
        """Drops the evaluations at or after a step that is trained again."""
        while self.steps and self.steps[-1] >= step:
            self.steps.pop()
            self.y.pop()
            self.train.pop()
            self.hits = 0

    @property
    def best(self) -> int:
        """Index of the best evaluation, the latest of equals."""
        low = min(self.y)
        return len(self.y) - 1 - self.y[::-1].index(low)


def overfitting(analysis: Analysis, settings: Settings) -> list[Finding]:
    """Every warning that was raised while the run went on, in the order of the log."""
    val, train = analysis.val, analysis.val_train
    if val is None or train is None:
        return []
    rows = zip(val.steps.tolist(), val.values.tolist(), train.tolist(), strict=True)
    found = list(_replay(rows, settings))
    return [replace(f, evidence=_evidence(analysis, f)) for f in found]


def _replay(
    rows: Iterator[tuple[int, float, float]], settings: Settings
) -> Iterator[Finding]:
    history = _History()
    raised: Finding | None = None
    level = 0.0
    for step, value, train in rows:
        if not math.isfinite(value) or value <= 0:
            continue
        history.cut(step)
        if raised and (not history.steps or (raised.since_step or 0) >= step):
            yield replace(raised, cleared_step=step)
            raised = None
        history.steps.append(step)
        history.y.append(math.log(value))
        history.train.append(train)
        hit = _hit(history, settings)
        history.hits = history.hits + 1 if hit else 0
        if raised is None and history.hits >= _WARNED_BY:
            level = min(history.y)
            since = history.steps[history.best]
            raised = Finding(NAME, "warning", step, since)
        if raised and raised.confirmed_step is None and _sure(history, settings):
            raised = replace(raised, confirmed_step=step, severity="critical")
        if raised and history.y[-1] < level - LEVELS["normal"][1]:
            yield replace(raised, cleared_step=step)
            raised = None
    if raised:
        yield raised


def _hit(history: _History, settings: Settings) -> bool:
    """Questions 1 to 4 at the last evaluation."""
    y, best = history.y, history.best
    since = len(y) - 1 - best
    if since < 1 or len(y) < max(settings.evaluations, 3):
        return False
    sigma, freedom = noise(y[-_WINDOW:])
    least, rise = LEVELS[settings.sensitivity]
    rise = rise if settings.rise is None else settings.rise
    bias = sigma * min(_MOST_BIAS, _BIAS * math.log(since + 1))
    z = (y[-1] - y[best] - bias - rise) / (sigma * math.sqrt(2))
    return (
        student(z, freedom) > least
        and _fell(history.train[-1], _around(history.train, best), settings)
        and _stays(y[-1], y, best)
    )


def noise(y: Sequence[float]) -> tuple[float, int]:
    """Robust standard deviation of single evaluations, and its degrees of freedom."""
    differences = [abs(c - 2 * b + a) for a, b, c in zip(y, y[1:], y[2:], strict=False)]
    k = len(differences)
    small_sample = 1 + 2 / k
    sigma = _MAD * median(differences) / _SECOND_DIFFERENCE * small_sample
    return max(_LEAST_SIGMA, sigma), k


def student(t: float, freedom: int) -> float:
    """Probability that Student's t is below a value (Wallace's approximation)."""
    factor = 0.75 if freedom == 1 else 1 - 1 / (4 * freedom)
    size = factor * math.sqrt(freedom * math.log1p(t * t / freedom))
    return 0.5 * (1 + math.erf(math.copysign(size, t) / math.sqrt(2)))


def _fell(now: float, then: float, settings: Settings) -> bool:
    """Whether training loss fell; an unknown one does not speak against it."""
    if not (math.isfinite(now) and math.isfinite(then)):
        return True
    return now < then - settings.train_fall * abs(then)


def _stays(level: float, y: Sequence[float], best: int) -> bool:
    """Whether a level is in the upper fifth between the best and the peak since."""
    return level - y[best] >= 0.8 * (max(y[best:]) - y[best])


def _around(train: Sequence[float], best: int) -> float:
    """Training loss at the best: one evaluation alone would be a matter of luck."""
    near = [t for t in train[max(0, best - 1) : best + 2] if math.isfinite(t)]
    return fmean(near) if near else math.nan


def _sure(history: _History, settings: Settings) -> bool:
    if not math.isfinite(history.train[-1]):
        return False  # without a training loss it may be divergence
    return history.hits >= _CONFIRMED_BY or _trend(history, settings)


def _trend(history: _History, settings: Settings) -> bool:
    """Whether the evaluations since the best show an upward trend beyond noise."""
    best = history.best
    y = np.array(history.y[best:][-_TREND_WINDOW:])
    n = len(y)
    if n < _TREND_LEAST:
        return False
    now, then = fmean(history.train[-2:]), _around(history.train, best)
    sigma, _ = noise(history.y[-_TREND_WINDOW:])
    rises, slope = _rises_and_slope(y)
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return (
        (rises - 1) / deviation > _NORMAL_95
        and slope * (n - 1) > max(3 * sigma, 0.01)
        and _fell(now, then, settings)
        and _stays(fmean(history.y[-2:]), history.y, best)
    )


def _rises_and_slope(y: Floats) -> tuple[int, float]:
    """Kendall's S and Sen's slope of evenly spaced values."""
    later, earlier = np.tril_indices(len(y), -1)
    difference = y[later] - y[earlier]
    slope = float(np.median(difference / (later - earlier)))
    return int(np.sign(difference).sum()), slope


def _evidence(
    analysis: Analysis, finding: Finding
) -> dict[str, float | int | str | None]:
    """The numbers of the sentence: as of now, or of when it was cleared."""
    val, train = analysis.val, analysis.val_train
    assert val is not None
    assert train is not None
    best = int(np.flatnonzero(val.steps == finding.since_step)[-1])
    end = finding.cleared_step
    live = np.isfinite(val.values) & (val.lines >= val.lines[best])
    if end is not None:
        live &= val.lines < val.lines[np.flatnonzero(val.steps == end)[-1]]
    last = int(np.flatnonzero(live)[-1])
    low, now = float(val.values[best]), float(val.values[last])
    evidence: dict[str, float | int | str | None] = {
        "best": low,
        "last": now,
        "last_step": int(val.steps[last]),
        "rise": now - low,
        "rise_share": (now - low) / low,
        "evaluations_since": int(live.sum()) - 1,
        "unit": val.unit,
    }
    before, after = float(train[best]), float(train[last])
    if math.isfinite(before) and math.isfinite(after) and before > 0:
        evidence["train_fall_share"] = (before - after) / before
    first = int(val.steps[val.current][0])
    length = int(val.steps[last]) - first
    if length > 0:
        evidence["share_after"] = (int(val.steps[last]) - int(val.steps[best])) / length
    return evidence
