"""Metrics of the task, by which people choose checkpoints, at each evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parsers import metrics
from parsers.batch import Ints
from watcher.analysis.model import Curve, Measured


# Values of a task metric that show a trend.
_MIN_TASK: Final = 3

Point = tuple[int, float]


@dataclass(slots=True)
class _Task:
    """One metric, as it was known at each evaluation.

    Attributes:
        sign: 1 where higher is better, -1 where lower is.
        count, best: finite values so far, and line, step and value of the best of them.
        last: line and value of the last.
        known: of each evaluation `count` and `best` until the next one.
        before, after: the last value up to each evaluation, and the first behind it.
    """

    sign: float
    count: int = 0
    best: tuple[int, int, float] | None = None
    last: Point | None = None
    known: list[tuple[int, tuple[int, int, float] | None]] = field(default_factory=list)
    before: list[Point | None] = field(default_factory=list)
    after: list[Point | None] = field(default_factory=list)

    def add(self, curve: Curve, evaluations: Ints) -> None:
        """Takes in new values, and new evaluations at some lines."""
        good = np.isfinite(curve.values)
        lines, steps, values = curve.lines[good], curve.steps[good], curve.values[good]
        at = 0
        for line in evaluations.tolist():
            ends = np.searchsorted(lines, [line, line + 1]).tolist()
            self._extend(lines[at : ends[0]], steps[at : ends[0]], values[at : ends[0]])
            self._note()
            at = ends[1]
            part = slice(ends[0], at)
            self._extend(lines[part], steps[part], values[part])
            self.known.append((0, None))
            self.before.append(self.last)
            self.after.append(None)
        self._extend(lines[at:], steps[at:], values[at:])
        self._note()

    def _note(self) -> None:
        """What is known until now is known at the last evaluation."""
        if self.known:
            self.known[-1] = self.count, self.best

    def _extend(self, lines: Ints, steps: Ints, values: np.ndarray) -> None:
        if not len(values):
            return
        first = int(lines[0]), float(values[0])
        for i in range(len(self.after) - 1, -1, -1):
            if self.after[i] is not None:
                break
            self.after[i] = first
        i = int((self.sign * values).argmax())
        if self.best is None or self.sign * (values[i] - self.best[2]) > 0:
            self.best = int(lines[i]), int(steps[i]), float(values[i])
        self.count += len(values)
        self.last = int(lines[-1]), float(values[-1])

    def gain(self, best: int, last: int, line: int) -> tuple[float, int, float, float]:
        """Gain since an evaluation at a line until another; step, value, value then."""
        count, top = self.known[last]
        near = [p for p in (self.before[best], self.after[best]) if p is not None]
        if count < _MIN_TASK or top is None or not near:
            return 0.0, 0, 0.0, 0.0
        at, then = min(near, key=lambda p: abs(p[0] - line))
        gain = self.sign * (top[2] - then)
        if top[0] <= at:
            return 0.0, 0, 0.0, 0.0
        return gain / max(abs(then), 1e-9), top[1], top[2], then


class Tasks:
    """All metrics of the task."""

    def __init__(self) -> None:
        self._tasks: dict[str, _Task] = {}
        self._evaluations = 0

    def update(self, new: Measured, evaluations: Ints) -> None:
        """Takes in new records, and new evaluations at some lines."""
        for name, curve in new.curves.items():
            sign = {"higher": 1.0, "lower": -1.0}.get(metrics.better(name))
            if sign is None:
                continue
            if name not in self._tasks:
                none: list[None] = [None] * self._evaluations
                known = [(0, None)] * self._evaluations
                self._tasks[name] = _Task(
                    sign, known=[*known], before=[*none], after=[*none]
                )
            self._tasks[name].add(curve, evaluations)
        self._evaluations += len(evaluations)

    def evidence(
        self, best: int, last: int, line: int
    ) -> dict[str, float | int | str | None]:
        """The metric that has improved most since an evaluation, if one has.

        `best`: the evaluation, at a line; `last`: the one up to which it is known.
        People choose checkpoints by such metrics, which often improve while the loss of
        few, ever surer mistakes rises.
        """
        found = [(*task.gain(best, last, line), name) for name, task in self._named()]
        gain, step, value, then, name = max(
            found, key=lambda f: f[0], default=(0.0, 0, 0.0, 0.0, "")
        )
        if gain <= 0:
            return {}
        return {
            "task": name,
            "task_step": step,
            "task_best": value,
            "task_before": then,
        }

    def _named(self) -> Iterator[tuple[str, _Task]]:
        yield from self._tasks.items()
