"""Evaluations so far, and their levels: what the rule on overfitting tests.

Every figure is kept for each evaluation, so that a restart can roll it back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final

from watcher.analysis.noise import second_differences


# Evaluations in a level: single ones, and means that see a slow rise under noise.
WIDTHS: Final = (1, 8)


@dataclass(slots=True)
class Track:
    """Levels of one width, at each evaluation.

    Attributes:
        levels: mean of the last `width` values of y, NaN before there are enough.
        best: index of the last evaluation of the lowest level, -1 without any.
        hits, sure: evaluations in a row that warn, that confirm.
    """

    width: int
    levels: list[float] = field(default_factory=list)
    best: list[int] = field(default_factory=list)
    hits: list[int] = field(default_factory=list)
    sure: list[int] = field(default_factory=list)

    def level(self, values: Sequence[float], last: int) -> float:
        """Mean of the finite of the values that end at an index, NaN without enough."""
        width = self.width
        if width == 1:
            return values[last]
        if last + 1 < width:
            return math.nan
        part = values[last + 1 - width : last + 1]
        if math.isfinite(sum(part)):
            return fmean(part)
        finite = [v for v in part if math.isfinite(v)]
        return fmean(finite) if finite else math.nan

    def extend(self, y: Sequence[float]) -> None:
        """Level and best with the last evaluation.

        The best shares no evaluation with the level of now.
        """
        self.levels.append(self.level(y, len(y) - 1))
        before = len(y) - 1 - self.width
        if before < self.width - 1:
            self.best.append(-1)
            return
        best, levels = self.best[-1], self.levels
        lower = best < 0 or levels[before] <= levels[best]
        self.best.append(before if lower else best)

    def peak(self, window: int) -> float:
        """Highest level since the best, of the last evaluations."""
        first = max(self.best[-1] + self.width, len(self.levels) - window)
        return max(self.levels[first:])

    def count(self, *, hit: bool, sure: bool) -> None:
        """Counts whether the last evaluation warns and confirms."""
        self.hits.append((self.hits[-1] if self.hits else 0) + 1 if hit else 0)
        self.sure.append((self.sure[-1] if self.sure else 0) + 1 if sure else 0)


@dataclass(slots=True)
class History:
    """Evaluations so far, without those that a restart superseded.

    Attributes:
        points: index of each in the curve.
        y: logarithms of the validation loss.  train: training loss, NaN unknown.
        differences: absolute second differences of y, NaN at the first two.
    """

    points: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    differences: list[float] = field(default_factory=list)
    tracks: tuple[Track, ...] = field(
        default_factory=lambda: tuple(Track(width) for width in WIDTHS)
    )

    def append(self, point: int, step: int, value: float, train: float) -> None:
        """Adds an evaluation."""
        self.points.append(point)
        self.steps.append(step)
        self.y.append(math.log(value))
        self.train.append(train)
        self.differences += second_differences(self.y[-3:]) or [math.nan]
        for track in self.tracks:
            track.extend(self.y)

    def lowest(self, last: int) -> int:
        """Index of the lowest evaluation up to an index, the latest of equal ones."""
        return min(range(last + 1), key=lambda i: (self.y[i], -i))

    def roll_back(self, step: int) -> None:
        """Drops the evaluations at or after a step that is trained again."""
        while self.steps and self.steps[-1] >= step:
            self.pop()

    def pop(self) -> None:
        """Drops the last evaluation."""
        columns: list[list[Any]] = [self.points, self.steps, self.y, self.train]
        columns.append(self.differences)
        for t in self.tracks:
            columns += [t.levels, t.best, t.hits, t.sure]
        for column in columns:
            column.pop()
