"""Evaluations take too much of the time."""

from dataclasses import replace
from statistics import median
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.distribution import Distribution
from watcher.analysis.events import Events
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.settings import EvaluationCost
from watcher.analysis.rules.state import folded
from watcher.analysis.segments import SegmentCursor
from watcher.analysis.tail import Tail


# One or two evaluations do not show their cost.
_LATEST: Final = 3
_USUAL_OF: Final = 20
# Hysteresis: below this part of the threshold it resolves.
_CHEAP: Final = 0.8


class Costs:
    """What evaluations take, beyond an iteration.

    The time after an evaluation holds it; the first of a process its compilation.  Some
    logs state it.

    Attributes:
        ms: of all so far.
    """

    def __init__(self) -> None:
        self.ms = Distribution()
        self._cursor = SegmentCursor()
        self._events = Events()
        self._plain = Tail(_USUAL_OF)
        self._began = False

    def add(self, new: Measured) -> tuple[Ints, Floats, Floats]:
        """Costs of new evaluations, which are not counted in `ms` yet.

        Steps at which each was known, the cost in ms, and the time of an iteration
        then: the median of the 20 before.
        """
        time = new.time
        if time is None or times_are_means(new):
            return np.empty(0, np.int64), np.empty(0), np.empty(0)
        evaluations = time.lines[:0] if new.val is None else new.val.lines
        after = self._events.behind(evaluations, time.lines)
        first = np.zeros(len(time), dtype=bool)
        for at, _, begun in self._cursor.parts(time.lines, new.segments):
            first[at] = bool(begun) or not self._began
            self._began = True
        finite = np.isfinite(time.values)
        plain = np.flatnonzero(finite & ~after & ~first)
        stated = new.curves.get("eval_ms")
        if stated is not None:
            usual = self._usual(time, plain, np.searchsorted(time.lines, stated.lines))
            steps, ms = stated.steps, stated.values
        else:
            places = np.flatnonzero(after & finite & ~first)
            usual = self._usual(time, plain, places)
            steps, ms = time.steps[places], time.values[places] - usual
        good = np.isfinite(ms) & np.isfinite(usual)
        return steps[good], ms[good], usual[good]

    def _usual(self, time: Curve, plain: Ints, places: Ints) -> Floats:
        """Median of the plain times before some places, of 20 or of those there are."""
        known = len(self._plain.values)
        self._plain.extend(time.steps[plain], time.values[plain])
        values = self._plain.values
        usual = np.full(len(places), np.nan)
        for i, end in enumerate((known + np.searchsorted(plain, places)).tolist()):
            if end:
                usual[i] = median(values[max(0, end - _USUAL_OF) : end].tolist())
        self._plain.trim()
        return usual


class EvaluationCostState:
    """The last three evaluations took more than a quarter of the time of training."""

    def __init__(self, settings: EvaluationCost) -> None:
        self._settings = settings
        self._costs = Costs()
        self._last: list[tuple[int, float]] = []  # step and cost
        self._uncounted: list[float] = []  # costs that are not in the distribution
        self._found: list[Finding] = []
        self._firing: Finding | None = None

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        steps, costs, usuals = self._costs.add(new)
        rows = zip(steps.tolist(), costs.tolist(), usuals.tolist(), strict=True)
        for row in rows:
            self._evaluate(*row)
        self._count()

    def findings(self, run: Measured) -> list[Finding]:
        """Every time that evaluations took too much, in the order of the log."""
        del run
        return [*self._found, self._with_cost()] if self._firing else self._found

    def _evaluate(self, step: int, ms: float, usual: float) -> None:
        self._last = [*self._last[1 - _LATEST :], (step, ms)]
        share, every = self._share(usual)
        if self._firing and 0 < share < _CHEAP * self._settings.share:
            self._found.append(replace(self._with_cost(), cleared_step=step))
            self._firing = None
        elif share > self._settings.share or (self._firing and share):
            evidence = {"share": share, "every": round(every)}
            self._firing = replace(
                self._firing or Finding("evaluation_cost", "info", step),
                evidence=evidence,
            )
        self._uncounted.append(ms)

    def _count(self) -> None:
        """Counts the costs of the evaluations so far."""
        if self._uncounted:
            self._costs.ms.add(np.array(self._uncounted))
            self._uncounted = []

    def _share(self, usual: float) -> tuple[float, float]:
        """Share of the last evaluations, and steps between them; 0 if not known."""
        one = median([cost for _, cost in self._last])
        every = (self._last[-1][0] - self._last[0][0]) / (_LATEST - 1)
        if len(self._last) < _LATEST or every <= 0 or one <= 0:
            return 0.0, 0.0
        return one / (one + usual * every), every

    def _with_cost(self) -> Finding:
        """What is firing, with the cost of an evaluation by now."""
        assert self._firing is not None
        self._count()
        evidence = self._firing.evidence
        ms = {"eval_ms": self._costs.ms.median()}
        numbers = {"share": evidence["share"], **ms, "every": evidence["every"]}
        return replace(self._firing, evidence=numbers)


def evaluation_cost(run: Measured, settings: EvaluationCost) -> list[Finding]:
    """The findings of a whole run."""
    return folded(EvaluationCostState(settings), run)


def times_are_means(run: Measured) -> bool:
    """Whether times are means of several iterations, which hide what one held."""
    curves = run.curves
    return "train_time_ms" in curves and not {"iter_ms", "eval_ms"} & curves.keys()
