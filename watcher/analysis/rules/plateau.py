"""Neither loss moves any more."""

import math
from bisect import bisect_right
from statistics import median
from typing import Final

from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.settings import Plateau
from watcher.analysis.segments import replay


_MEDIAN_OF: Final = 3
_MIN_SHARE: Final = 3


def plateau(run: Measured, settings: Plateau) -> list[Finding]:
    """Neither validation nor training loss changes any more; fires once a run.

    For so many evaluations, and for a third of them and of the steps: some programs
    evaluate more often towards the end.
    """
    val, train = run.val, run.val_train
    if val is None or train is None:
        return []
    steps: list[int] = []
    y: list[float] = []
    t: list[float] = []
    for i, back in replay(val, run.segments):
        while steps and back is not None and steps[-1] >= back:  # superseded
            for column in (steps, y, t):
                column.pop()
        step, value = int(val.steps[i]), float(val.values[i])
        if not 0 < value < math.inf:
            continue
        steps.append(step)
        y.append(math.log(value))
        t.append(math.log(train[i]) if 0 < train[i] < math.inf else math.nan)
        early = step - (step - steps[0]) // _MIN_SHARE
        span = max(
            settings.evaluations,
            len(y) // _MIN_SHARE,
            len(y) - bisect_right(steps, early),
        )
        if len(y) > span and _flat(y, span, settings) and _flat(t, span, settings):
            evidence = {"change": settings.change, "level": value}
            return [Finding("plateau", "info", step, steps[-1 - span], evidence)]
    return []


def _flat(y: list[float], span: int, settings: Plateau) -> bool:
    """Whether a logarithm is where it was some evaluations ago (medians of three)."""
    now = [v for v in y[-_MEDIAN_OF:] if math.isfinite(v)]
    before = len(y) - span - 1
    then = [v for v in y[before : before + _MEDIAN_OF] if math.isfinite(v)]
    if not now or not then:
        return True  # not in the log: no evidence against a plateau
    return bool(abs(median(now) - median(then)) < settings.change)
