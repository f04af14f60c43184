"""The validation loss jumps by a factor from one evaluation to the next."""

import math
from dataclasses import replace

from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.settings import ValidationJump
from watcher.analysis.segments import replay


def validation_jump(run: Measured, settings: ValidationJump) -> list[Finding]:
    """It is so many times the evaluation before and the best of at least three.

    Resolves when it is below the square root of the factor times the best again.  Where
    training loss jumps with it there is no fault of the evaluation: another training
    begins, or this one diverges.
    """
    val = run.val
    if val is None:
        return []
    found: list[Finding] = []
    firing: Finding | None = None
    steps: list[int] = []
    values: list[float] = []
    lowest: list[float] = []  # the running minimum of the values
    for i, back in replay(val, run.segments):
        step, value = int(val.steps[i]), float(val.values[i])
        while back is not None and steps and steps[-1] >= back:
            steps.pop()
            values.pop()
            lowest.pop()
        if not 0 < value < math.inf:
            continue
        if firing and value < math.sqrt(settings.factor) * _number(firing, "best"):
            found.append(replace(firing, cleared_step=step))
            firing = None
        enough = len(values) >= settings.evaluations
        best = lowest[-1] if lowest else math.inf
        jumped = enough and value > settings.factor * max(values[-1], best)
        if not firing and jumped and not _trained_up(run, i, settings):
            evidence: dict[str, float | int | str | None] = {
                "best": best,
                "before": values[-1],
                "level": value,
            }
            firing = Finding("validation_jump", "warning", step, step, evidence)
        steps.append(step)
        values.append(value)
        lowest.append(min(value, best))
    return [*found, firing] if firing else found


def _trained_up(run: Measured, i: int, settings: ValidationJump) -> bool:
    """Whether the training loss at an evaluation jumped, too."""
    if run.val_train is None or not i:
        return False
    return bool(run.val_train[i] > math.sqrt(settings.factor) * run.val_train[i - 1])


def _number(finding: Finding, name: str) -> float:
    value = finding.evidence[name]
    assert isinstance(value, float)
    return value
