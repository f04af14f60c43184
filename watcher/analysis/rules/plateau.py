"""Neither loss moves any more."""

import math
from bisect import bisect_right
from statistics import median
from typing import Final

from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.settings import Plateau
from watcher.analysis.rules.state import folded
from watcher.analysis.segments import Replay


_MEDIAN_OF: Final = 3
_MIN_SHARE: Final = 3


class PlateauState:
    """Neither validation nor training loss changes any more; fires once a run.

    For so many evaluations, and for a third of them and of the steps: some programs
    evaluate more often towards the end.
    """

    def __init__(self, settings: Plateau) -> None:
        self._settings = settings
        self._replay = Replay()
        self._steps: list[int] = []
        self._y: list[float] = []
        self._t: list[float] = []
        self._found: Finding | None = None

    def update(self, new: Measured) -> None:
        """Takes in new evaluations."""
        val, train = new.val, new.val_train
        if val is None or train is None or self._found:
            return
        for i, back in self._replay.points(val, new.segments):
            steps = self._steps
            while steps and back is not None and steps[-1] >= back:  # superseded
                for column in (steps, self._y, self._t):
                    column.pop()
            step, value = int(val.steps[i]), float(val.values[i])
            if 0 < value < math.inf and self._found is None:
                t = math.log(train[i]) if 0 < train[i] < math.inf else math.nan
                self._evaluate(step, value, t)

    def findings(self, run: Measured) -> list[Finding]:
        """The plateau, if there is one."""
        del run
        return [self._found] if self._found else []

    def _evaluate(self, step: int, value: float, t: float) -> None:
        steps, y, settings = self._steps, self._y, self._settings
        steps.append(step)
        y.append(math.log(value))
        self._t.append(t)
        early = step - (step - steps[0]) // _MIN_SHARE
        span = max(
            settings.evaluations,
            len(y) // _MIN_SHARE,
            len(y) - bisect_right(steps, early),
        )
        flat = (_flat(column, span, settings) for column in (y, self._t))
        if len(y) > span and all(flat):
            evidence = {"change": settings.change, "level": value}
            self._found = Finding("plateau", "info", step, steps[-1 - span], evidence)


def plateau(run: Measured, settings: Plateau) -> list[Finding]:
    """The plateau of a whole run."""
    return folded(PlateauState(settings), run)


def _flat(y: list[float], span: int, settings: Plateau) -> bool:
    """Whether a logarithm is where it was some evaluations ago (medians of three)."""
    now = [v for v in y[-_MEDIAN_OF:] if math.isfinite(v)]
    before = len(y) - span - 1
    then = [v for v in y[before : before + _MEDIAN_OF] if math.isfinite(v)]
    if not now or not then:
        return True  # not in the log: no evidence against a plateau
    return bool(abs(median(now) - median(then)) < settings.change)
