"""Overfitting: validation loss is past its minimum while training loss falls on.

At each evaluation the rule tests single evaluations and means of eight (which see a
slow rise under noise), all on y, the logarithm of the validation loss:
1. best: the lowest level so far that shares no evaluation with the level of now;
2. noise: a robust standard deviation from the last 24 evaluations;
3. is the level above the best by more than 1 %, noise, and the selection bias of the
   minimum?  A t test: p > 0.80, of means p > 0.99;
4. did the training loss fall since by 2 % and by twice its own noise?
5. does the level keep two thirds of the peak since the best, so is not coming back?
Yes in two evaluations in a row: a warning; in two in a row with p > 0.90, of means
p > 0.995: it is confirmed.  After 24 evaluations a single one needs more, as chances of
a false alarm add up: 1 - p shrinks as 24 / evaluations.  Without a training loss the
higher p warns, and nothing is confirmed.  A level 1 % below the best resolves it.

A mean needs a higher p since its noise is taken for independent, which a slow drift is
not.

Fine-tunes have few evaluations, and the turn itself looks like noise then.  Within the
first eight a warning fires at once when at least three evaluations since the best all
rise, by 3 % or more in all, and training loss fell at each, by 20 % or more in all.  A
run of at most five that has ended at least two evaluations after its best, 5 % or more
above it, with training loss down 20 %, gets the same warning as a final word.
"""

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from parsers import metrics
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.history import History, Track
from watcher.analysis.rules.settings import CONFIRMED, LEVELS, Overfitting
from watcher.analysis.rules.significance import WINDOW, p_above_best
from watcher.analysis.segments import replay


NAME: Final = "overfitting"
_IN_A_ROW: Final = 2
# Few evaluations: how many, how many rises since the best, by how much in all.
_FEW: Final = 8
_MIN_RISES: Final = 3
_FEW_RISE: Final = math.log(1.03)
_FEW_TRAIN_FALL: Final = 0.2
# Values of a task metric that show a trend.
_MIN_TASK: Final = 3
# The final word: of how many evaluations at most, and how many since the best.
_FINAL: Final = 5
_FINAL_SINCE: Final = 2
_FINAL_RISE: Final = math.log(1.05)


@dataclass(slots=True)
class _Raised:
    """A warning that is firing.

    Attributes:
        floor: level below which it resolves.
    """

    step: int
    track: Track
    floor: float
    confirmed_step: int | None = None


def overfitting(run: Measured, settings: Overfitting) -> list[Finding]:
    """Every warning that was raised while the run went on, in the order of the log."""
    if run.val is None or run.val_train is None:
        return []
    return list(_replay(run, run.val, settings))


def _replay(run: Measured, val: Curve, settings: Overfitting) -> Iterator[Finding]:
    assert run.val_train is not None
    history = History()
    raised: _Raised | None = None
    values, trains, steps = (c.tolist() for c in (val.values, run.val_train, val.steps))
    for point, back in replay(val, run.segments):
        step, value = steps[point], values[point]
        if back is not None:
            if raised and back <= raised.step:
                yield _finding(run, history, raised, back)
                raised = None
            history.roll_back(back)
        if not 0 < value < math.inf or _repeated(history, step, value):
            continue
        history.append(point, step, value, trains[point])
        _test(history, settings)
        if raised and raised.track.levels[-1] < raised.floor:
            yield _finding(run, history, raised, step)
            raised = None
        raised = raised or _raise(history, settings)
        if raised and raised.confirmed_step is None and _sure(history):
            raised.confirmed_step = step
    if raised is None and run.ended:
        raised = _final_word(history)
        if raised:
            finding = _finding(run, history, raised, None)
            yield replace(finding, evidence={**finding.evidence, "final": "yes"})
            return
    if raised:
        yield _finding(run, history, raised, None)


def _repeated(history: History, step: int, value: float) -> bool:
    """Whether this is the evaluation before, printed again."""
    if not history.steps or history.steps[-1] != step:
        return False
    return history.y[-1] == math.log(value)


def _test(history: History, settings: Overfitting) -> None:
    """Tests the last evaluation at every width."""
    for place, track in enumerate(history.tracks):
        p, known = p_above_best(history, track, settings)
        if p <= 0:
            track.count(hit=False, sure=False)
            continue
        warns = LEVELS[settings.sensitivity] if known else CONFIRMED
        err = min(1.0, WINDOW / len(history.y)) if track.width == 1 else 1.0
        hit, sure = (1 - p < err * (1 - level[place]) for level in (warns, CONFIRMED))
        track.count(hit=hit, sure=sure and known)


def _raise(history: History, settings: Overfitting) -> _Raised | None:
    """A warning, if a width has asked for it in two evaluations in a row."""
    track = next((t for t in history.tracks if t.hits[-1] >= _IN_A_ROW), None)
    if track is None and _rises_throughout(history):
        track = history.tracks[0]
    if track is None:
        return None
    floor = track.levels[track.best[-1]] - settings.rise
    return _Raised(history.steps[-1], track, floor)


def _rises_throughout(history: History) -> bool:
    """Whether, of few evaluations, all since the best rise while training falls."""
    n = len(history.y)
    if n > _FEW:  # asked at each evaluation: the search below is only for short runs
        return False
    best = history.lowest(n - 1)
    if n - 1 - best < _MIN_RISES:
        return False
    y, train = history.y[best:], history.train[best:]
    rises = all(a < b for a, b in pairwise(y)) and y[-1] - y[0] >= _FEW_RISE
    falls = all(a > b for a, b in pairwise(train))
    return rises and falls and train[-1] <= (1 - _FEW_TRAIN_FALL) * train[0]


def _final_word(history: History) -> _Raised | None:
    """A warning about a run of few evaluations that has ended far above its best."""
    y, last = history.y, len(history.y) - 1
    if not 0 <= last < _FINAL:
        return None
    best = history.lowest(last)
    if last - best < _FINAL_SINCE or y[last] - y[best] < _FINAL_RISE:
        return None
    if not history.train[last] <= (1 - _FEW_TRAIN_FALL) * history.train[best]:
        return None
    return _Raised(history.steps[last], history.tracks[0], y[best])


def _sure(history: History) -> bool:
    return any(track.sure[-1] >= _IN_A_ROW for track in history.tracks)


def _finding(
    run: Measured, history: History, raised: _Raised, cleared: int | None
) -> Finding:
    last = len(history.y) - 1
    if cleared is not None:
        # The evidence of one that resolved is of its highest evaluation.
        first = bisect_left(history.steps, raised.step)
        last = max(range(min(first, last), last + 1), key=history.y.__getitem__)
    return Finding(
        NAME,
        "warning",
        raised.step,
        since_step=history.steps[history.lowest(last)],
        evidence=_evidence(run, history, raised, last),
        confirmed_step=raised.confirmed_step,
        cleared_step=cleared,
    )


def _evidence(
    run: Measured, history: History, raised: _Raised, last: int
) -> dict[str, float | int | str | None]:
    """The numbers of the sentence, as of an evaluation."""
    val, train, best = run.val, history.train, history.lowest(last)
    assert val is not None
    low = math.exp(history.y[best])
    now = math.exp(raised.track.levels[last])
    evidence: dict[str, float | int | str | None] = {
        "best": low,
        "last": now,
        "last_step": history.steps[last],
        "evaluations_since": last - best,
        "averaged": raised.track.width,
        "unit": val.unit,
    }
    if now > low:
        evidence |= {"rise": now - low, "rise_share": now / low - 1}
    before, after = train[best], raised.track.level(train, last)
    if math.isfinite(before) and math.isfinite(after) and before > 0:
        evidence["train_fall_share"] = 1 - after / before
    evidence |= _task(run, int(val.lines[history.points[best]]), history, last)
    share = _share_after(run, history, best, last)
    if share is not None:
        evidence["share_after"] = share
    return evidence


def _task(
    run: Measured, line: int, history: History, last: int
) -> dict[str, float | int | str | None]:
    """The task metric that has improved most since the lowest loss, if one has.

    `line`: of the lowest loss.  People choose checkpoints by such metrics, which often
    improve while the loss of few, ever surer mistakes rises.
    """
    assert run.val is not None
    ends = run.val.lines[history.points[last] + 1 :]
    end = int(ends[0]) if len(ends) else run.lines + 1
    found: list[tuple[float, dict[str, float | int | str | None]]] = []
    for name, curve in run.curves.items():
        sign = {"higher": 1.0, "lower": -1.0}.get(metrics.better(name))
        good = np.flatnonzero(np.isfinite(curve.values) & (curve.lines < end))
        if sign is None or len(good) < _MIN_TASK:
            continue
        at = good[np.abs(curve.lines[good] - line).argmin()]
        best = good[(sign * curve.values[good]).argmax()]
        gain = sign * float(curve.values[best] - curve.values[at])
        if curve.lines[best] <= curve.lines[at] or gain <= 0:
            continue
        known: dict[str, float | int | str | None] = {
            "task": name,
            "task_step": int(curve.steps[best]),
            "task_best": float(curve.values[best]),
            "task_before": float(curve.values[at]),
        }
        found.append((gain / max(abs(float(curve.values[at])), 1e-9), known))
    return max(found, key=lambda f: f[0])[1] if found else {}


def _share_after(run: Measured, history: History, best: int, last: int) -> float | None:
    """Share of the run's time after the best, of its steps where no time is known."""
    val, train = run.val, run.train
    assert val is not None
    ends = [history.points[best], history.points[last]]
    clock, zero = val.steps[ends].astype(np.float64), float(history.steps[0])
    elapsed = run.elapsed_s
    if elapsed is not None and len(elapsed) and np.isfinite(elapsed).all():
        source = val if train is None else train
        at = np.searchsorted(source.lines, val.lines[ends]).clip(max=len(elapsed) - 1)
        first = np.searchsorted(source.lines, val.lines[history.points[0]])
        clock = elapsed[at]
        zero = min(float(elapsed[min(int(first), len(elapsed) - 1)]), float(clock[0]))
    whole = float(clock[1]) - zero
    return float(clock[1] - clock[0]) / whole if whole > 0 else None
