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
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.history import History, Track
from watcher.analysis.rules.settings import CONFIRMED, LEVELS, Overfitting
from watcher.analysis.rules.significance import WINDOW, p_above_best
from watcher.analysis.segments import replay


NAME: Final = "overfitting"
_IN_A_ROW: Final = 2


@dataclass(slots=True)
class _Raised:
    """A warning that is firing.

    Attributes:
        best: index in the history of the lowest evaluation when it was raised.
        floor: level below which it resolves.
    """

    step: int
    best: int
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
    if track is None:
        return None
    last, best = len(history.y) - 1, history.tracks[0].best[-1]
    best = last if history.y[last] <= history.y[best] else best
    floor = track.levels[track.best[-1]] - settings.rise
    return _Raised(history.steps[-1], best, track, floor)


def _sure(history: History) -> bool:
    return any(track.sure[-1] >= _IN_A_ROW for track in history.tracks)


def _finding(
    run: Measured, history: History, raised: _Raised, cleared: int | None
) -> Finding:
    last = len(history.y) - 1
    if cleared is not None and history.steps[last] == cleared:
        last -= 1  # the evidence is of the time before it resolved
    return Finding(
        NAME,
        "warning",
        raised.step,
        since_step=history.steps[raised.best],
        evidence=_evidence(run, history, raised, last),
        confirmed_step=raised.confirmed_step,
        cleared_step=cleared,
    )


def _evidence(
    run: Measured, history: History, raised: _Raised, last: int
) -> dict[str, float | int | str | None]:
    """The numbers of the sentence, as of an evaluation."""
    val, train, best = run.val, history.train, raised.best
    assert val is not None
    low = math.exp(history.y[best])
    now = math.exp(raised.track.levels[last])
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
    before, after = train[best], raised.track.level(train, last)
    if math.isfinite(before) and math.isfinite(after) and before > 0:
        evidence["train_fall_share"] = 1 - after / before
    share = _share_after(run, history, best, last)
    if share is not None:
        evidence["share_after"] = share
    return evidence


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
