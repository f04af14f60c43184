"""The validation loss jumps by a factor from one evaluation to the next."""

import math
from dataclasses import replace

from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.settings import ValidationJump
from watcher.analysis.rules.state import folded
from watcher.analysis.segments import Replay


class ValidationJumpState:
    """It is so many times the evaluation before and the best of at least three.

    Resolves when it is below the square root of the factor times the best again.  Where
    training loss jumps with it there is no fault of the evaluation: another training
    begins, or this one diverges.
    """

    def __init__(self, settings: ValidationJump) -> None:
        self._settings = settings
        self._replay = Replay()
        self._found: list[Finding] = []
        self._firing: Finding | None = None
        self._steps: list[int] = []
        self._values: list[float] = []
        self._lowest: list[float] = []  # the running minimum of the values
        self._trained = math.inf  # training loss at the evaluation before

    def update(self, new: Measured) -> None:
        """Takes in new evaluations."""
        val, trained = new.val, new.val_train
        if val is None:
            return
        for i, back in self._replay.points(val, new.segments):
            while back is not None and self._steps and self._steps[-1] >= back:
                for column in (self._steps, self._values, self._lowest):
                    column.pop()
            train = math.nan if trained is None else float(trained[i])
            value = float(val.values[i])
            if 0 < value < math.inf:
                self._evaluate(int(val.steps[i]), value, train)
            self._trained = train

    def findings(self, run: Measured) -> list[Finding]:
        """Every jump, in the order of the log."""
        del run
        return [*self._found, self._firing] if self._firing else self._found

    def _evaluate(self, step: int, value: float, train: float) -> None:
        factor = self._settings.factor
        root = math.sqrt(factor)
        if self._firing and value < root * _number(self._firing, "best"):
            self._found.append(replace(self._firing, cleared_step=step))
            self._firing = None
        enough = len(self._values) >= self._settings.evaluations
        best = self._lowest[-1] if self._lowest else math.inf
        jumped = enough and value > factor * max(self._values[-1], best)
        # Where the training loss jumped, too, the evaluation is right.
        if not self._firing and jumped and not train > root * self._trained:
            evidence: dict[str, float | int | str | None] = {
                "best": best,
                "before": self._values[-1],
                "level": value,
            }
            self._firing = Finding("validation_jump", "warning", step, step, evidence)
        self._steps.append(step)
        self._values.append(value)
        self._lowest.append(min(value, best))


def validation_jump(run: Measured, settings: ValidationJump) -> list[Finding]:
    """The jumps of a whole run."""
    return folded(ValidationJumpState(settings), run)


def _number(finding: Finding, name: str) -> float:
    value = finding.evidence[name]
    assert isinstance(value, float)
    return value
