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
from array import array
from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from watcher.analysis.clock import clock_of
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.history import History, Track
from watcher.analysis.rules.settings import CONFIRMED, LEVELS, Overfitting
from watcher.analysis.rules.significance import WINDOW, p_above_best
from watcher.analysis.rules.state import folded
from watcher.analysis.rules.tasks import Tasks
from watcher.analysis.segments import Replay


NAME: Final = "overfitting"
_IN_A_ROW: Final = 2
# Few evaluations: how many, how many rises since the best, by how much in all.
_FEW: Final = 8
_MIN_RISES: Final = 3
_FEW_RISE: Final = math.log(1.03)
_FEW_TRAIN_FALL: Final = 0.2
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


class OverfittingState:
    """Every warning that was raised while the run went on, in the order of the log."""

    def __init__(self, settings: Overfitting) -> None:
        self._settings = settings
        self._replay = Replay()
        self._history = History()
        self._raised: _Raised | None = None
        self._found: list[_Found] = []
        self._tasks = Tasks()
        self._places = _Places()

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        val, beside = new.val, new.val_train
        if val is None or beside is None:
            return
        self._tasks.update(new, val.lines)
        first = self._places.add(new, val)
        values, trains, steps = (c.tolist() for c in (val.values, beside, val.steps))
        for i, back in self._replay.points(val, new.segments):
            if back is not None:
                if self._raised and back <= self._raised.step:
                    self._clear(back)
                self._history.roll_back(back)
            if 0 < values[i] < math.inf:
                self._evaluate(first + i, steps[i], values[i], trains[i])

    def findings(self, run: Measured) -> list[Finding]:
        """Every warning so far."""
        if run.val is None:
            return []
        found = [*self._found]
        if self._raised:
            found.append(_finding(self._history, self._raised, None))
        elif run.ended and (final := _final_word(self._history)):
            last = _finding(self._history, final, None)
            evidence = {**last.finding.evidence, "final": "yes"}
            found.append(
                replace(last, finding=replace(last.finding, evidence=evidence))
            )
        return [self._with_places(run, f) for f in found]

    def _evaluate(self, point: int, step: int, value: float, train: float) -> None:
        history, settings = self._history, self._settings
        if _repeated(history, step, value):
            return
        history.append(point, step, value, train)
        _test(history, settings)
        if self._raised and self._raised.track.levels[-1] < self._raised.floor:
            self._clear(step)
        self._raised = self._raised or _raise(history, settings)
        if self._raised and self._raised.confirmed_step is None and _sure(history):
            self._raised.confirmed_step = step

    def _clear(self, step: int) -> None:
        assert self._raised is not None
        self._found.append(_finding(self._history, self._raised, step))
        self._raised = None

    def _with_places(self, run: Measured, found: "_Found") -> Finding:
        """The finding with what depends on the rest of the log."""
        assert run.val is not None
        evidence = {**found.finding.evidence, "unit": run.val.unit}
        line = self._places.lines[found.best]
        evidence |= self._tasks.evidence(found.best, found.last, line)
        share = self._places.share_after(found, run.usual_ms)
        if share is not None:
            evidence["share_after"] = share
        return replace(found.finding, evidence=evidence)


def overfitting(run: Measured, settings: Overfitting) -> list[Finding]:
    """The warnings of a whole run."""
    return folded(OverfittingState(settings), run)


@dataclass(frozen=True, slots=True)
class _Found:
    """A finding, and the first, the best and the last evaluation it stands on."""

    finding: Finding
    first: int
    best: int
    last: int


class _Places:
    """Where each evaluation stands: its line, its step, and the time until then."""

    def __init__(self) -> None:
        self.lines = array("q")
        self._steps = array("q")
        self._known = array("d")
        self._missing = array("d")

    def add(self, new: Measured, val: Curve) -> int:
        """Notes new evaluations; the index of the first."""
        first = len(self.lines)
        self.lines.extend(val.lines.tolist())
        self._steps.extend(val.steps.tolist())
        clock = clock_of(new, val)
        if clock is not None:
            self._known.extend(clock.known.tolist())
            self._missing.extend(clock.missing.tolist())
        return first

    def share_after(self, found: _Found, usual_ms: float) -> float | None:
        """Share of the run's time after the best, of its steps without a time."""
        places = (found.first, found.best, found.last)
        clock = [float(self._steps[i]) for i in places]
        if len(self._known) == len(self._steps):
            usual = usual_ms if math.isfinite(usual_ms) else 0.0
            times = [self._known[i] + usual * self._missing[i] for i in places]
            clock = times if all(map(math.isfinite, times)) else clock
        zero = min(clock[0], clock[1])
        whole = clock[2] - zero
        return (clock[2] - clock[1]) / whole if whole > 0 else None


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


def _finding(history: History, raised: _Raised, cleared: int | None) -> _Found:
    last = len(history.y) - 1
    if cleared is not None:
        # The evidence of one that resolved is of its highest evaluation.
        first = bisect_left(history.steps, raised.step)
        last = max(range(min(first, last), last + 1), key=history.y.__getitem__)
    best = history.lowest(last)
    finding = Finding(
        NAME,
        "warning",
        raised.step,
        since_step=history.steps[best],
        evidence=_evidence(history, raised, best, last),
        confirmed_step=raised.confirmed_step,
        cleared_step=cleared,
    )
    points = history.points
    return _Found(finding, points[0], points[best], points[last])


def _evidence(
    history: History, raised: _Raised, best: int, last: int
) -> dict[str, float | int | str | None]:
    """The numbers of the sentence, as of an evaluation."""
    train = history.train
    low = math.exp(history.y[best])
    now = math.exp(raised.track.levels[last])
    evidence: dict[str, float | int | str | None] = {
        "best": low,
        "last": now,
        "last_step": history.steps[last],
        "evaluations_since": last - best,
        "averaged": raised.track.width,
    }
    if now > low:
        evidence |= {"rise": now - low, "rise_share": now / low - 1}
    before, after = train[best], raised.track.level(train, last)
    if math.isfinite(before) and math.isfinite(after) and before > 0:
        evidence["train_fall_share"] = 1 - after / before
    return evidence
