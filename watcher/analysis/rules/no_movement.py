"""Nothing is learned: the training loss stays where it began, or a metric is constant.

A classifier that guesses has the loss ln(classes), a language model ln(vocabulary).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from parsers import metrics
from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.beside_loss import Flatness
from watcher.analysis.rules.rows import Row, Rows
from watcher.analysis.rules.state import folded
from watcher.analysis.tail import Tail


# So many records make five means; each may lie so far from the first records.
_RECORDS: Final = 100
_PARTS: Final = 5
_TOLERANCE: Final = 0.005
# Vocabularies and numbers of classes that are common: their logarithms are guesses.
_GUESSES: Final = (2, 10, 65, 100, 1000, 10_000, 32_000, 32_768, 50_257, 50_304)
_EQUAL: Final = 5
_EQUAL_LOSSES: Final = 20
# Constant at the end of its scale is no sign of a fault.
_PERFECT: Final = (1.0, 100.0)
_LR_RECORDS: Final = 20
# A schedule ends at 0: the last part of a planned run is exempt.
_LAST: Final = 0.9


class NoMovementState:
    """The first hundred losses stay at that of a guess, or the first twenty are equal.

    A loss that hovers elsewhere may belong to a model that has learned before.
    """

    def __init__(self) -> None:
        self._first = _First(_RECORDS)
        self._tail = Tail(_RECORDS)
        self._stuck: _Stuck | None = None

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        curve = new.train
        if curve is None or not len(curve):
            return
        if self._stuck is None:
            if len(self._first.values) == _RECORDS:
                return  # it moves
            self._first.add(curve.steps, curve.values)
            self._stuck = self._decided()
        if self._stuck is None or self._stuck.moved_step is None:
            self._tail.extend(curve.steps, curve.values)
            if self._stuck:
                self._stuck.follow(self._tail)
            self._tail.trim()

    def findings(self, run: Measured) -> list[Finding]:
        """The finding, if nothing is learned."""
        stuck = self._stuck
        if stuck is None:
            return []
        guess = _guess(run, stuck.level)
        if not guess and not stuck.equal:
            return []
        evidence: dict[str, float | int | str | None] = {"level": stuck.level}
        if guess:
            evidence["classes"] = guess
        return [
            Finding(
                "no_movement",
                "warning",
                stuck.step,
                since_step=stuck.since_step,
                evidence=evidence,
                cleared_step=stuck.moved_step,
            )
        ]

    def _decided(self) -> "_Stuck | None":
        """Whether the loss is stuck, as soon as there are enough records."""
        constant = self._first.constant(_EQUAL_LOSSES)
        steps, values = self._first.steps, self._first.values
        first = int(steps[0])
        if constant is not None:
            n = _EQUAL_LOSSES
            return _Stuck(n, constant, int(steps[n - 1]), first, equal=True)
        level = _hovers(values) if len(values) == _RECORDS else None
        if level is None:
            return None
        return _Stuck(_RECORDS, level, int(steps[-1]), first)


class _First:
    """The first points of a curve."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.steps = np.empty(0, np.int64)
        self.values = np.empty(0)

    def add(self, steps: Ints, values: Floats) -> None:
        """Keeps new points until there are enough."""
        room = self._count - len(self.values)
        if room and len(values):
            self.steps = np.append(self.steps, steps[:room])
            self.values = np.append(self.values, values[:room])

    def constant(self, count: int) -> float | None:
        """The one value of so many, None while they are too few, or if they differ."""
        first = self.values[:count]
        if len(first) < count or not np.isfinite(first).all():
            return None
        return float(first[0]) if (first == first[0]).all() and first[0] else None


@dataclass(slots=True)
class _Stuck:
    """A loss that does not move.

    Attributes:
        records: how many showed that.  level: of the loss.
        equal: whether they are equal, so that it needs no guess to explain it.
        step, since_step: of the last and of the first of them.
        moved_step: where the mean of as many records as a part has left the level.
    """

    records: int
    level: float
    step: int
    since_step: int
    equal: bool = False
    moved_step: int | None = None

    def follow(self, tail: Tail) -> None:
        """Looks for a move in the last records."""
        width = max(1, self.records // _PARTS)
        if len(tail.values) < width:
            return
        windows = np.lib.stride_tricks.sliding_window_view(tail.values, width)
        away = np.abs(windows.mean(axis=1) - self.level)
        last = np.flatnonzero(away > 2 * _TOLERANCE * self.level) + width - 1
        moved = last[last + tail.first >= self.records]
        if len(moved):
            self.moved_step = int(tail.steps[moved[0]])


class ConstantMetricState:
    """A validation figure has exactly one value in all of five evaluations."""

    def __init__(self) -> None:
        self._figures: dict[str, _Figure] = {}

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        names = [*metrics.VALIDATION, *(m for m in new.curves if metrics.better(m))]
        for name in dict.fromkeys(names):
            curve = new.curves.get(name)
            if curve is not None and len(curve) and name.startswith("val"):
                self._figures.setdefault(name, _Figure(curve.unit)).add(curve)

    def findings(self, run: Measured) -> list[Finding]:
        """One for each figure that was constant."""
        del run
        order = [*metrics.VALIDATION, *self._figures]
        figures = [
            (n, self._figures[n]) for n in dict.fromkeys(order) if n in self._figures
        ]
        found = [(name, f, f.first.constant(_EQUAL)) for name, f in figures]
        return [
            Finding(
                "constant_metric",
                "warning",
                int(f.first.steps[_EQUAL - 1]),
                since_step=int(f.first.steps[0]),
                evidence={"metric": name, "level": value, "unit": f.unit},
                cleared_step=f.changed_step,
            )
            for name, f, value in found
            if value is not None and value not in _PERFECT
        ]


class _Figure:
    """The first points of a validation figure, and where it has changed."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.first = _First(_EQUAL)
        self.changed_step: int | None = None
        self._value: float | None = None

    def add(self, curve: Curve) -> None:
        """Takes in new points."""
        self.first.add(curve.steps[curve.current], curve.values[curve.current])
        if self._value is None:
            self._value = float(curve.values[0])
        if self.changed_step is None:
            other = np.flatnonzero(curve.values != self._value)
            self.changed_step = int(curve.steps[other[0]]) if len(other) else None


class ZeroLearningRateState:
    """The learning rate is 0 in twenty records in a row, before the last of the run."""

    def __init__(self) -> None:
        self._rows = Rows(_LR_RECORDS)
        self._found: list[Row] = []
        self._rose = False
        self._flatness = Flatness()

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        curve = new.curves.get("lr")
        if curve is None:
            return
        self._flatness.extend(new)
        self._follow(curve, new)
        self._flatness.trim()

    def _follow(self, curve: Curve, new: Measured) -> None:
        if not len(curve):
            return
        zero = curve.values == 0
        planned = new.info.get("max_iters")
        if isinstance(planned, int):
            zero &= curve.steps < _LAST * planned
        elif self._rose:
            zero[:] = False
        elif not zero.all():
            zero[int(zero.argmin()) :] = False  # it may be the end of the schedule
            self._rose = True
        for row in self._rows.add(zero, curve):
            last = self._found[-1] if self._found else None
            if last and (last.first == row.first or last.length < _LR_RECORDS):
                self._found.pop()
            self._found.append(row)
            self._flatness.note(row.first, row.line, row.cleared_line)

    def findings(self, run: Measured) -> list[Finding]:
        """Every row of zeros, in the order of the log."""
        del run
        return [
            Finding(
                "zero_learning_rate",
                "info",
                row.fired_step,
                since_step=row.since_step,
                evidence={"records": row.length, **self._flatness.fact(row.first)},
                cleared_step=row.cleared_step,
            )
            for row in self._found
            if row.fired_step is not None
        ]


def no_movement(run: Measured) -> list[Finding]:
    """The findings of a whole run."""
    return folded(NoMovementState(), run)


def constant_metric(run: Measured) -> list[Finding]:
    """The findings of a whole run."""
    return folded(ConstantMetricState(), run)


def zero_learning_rate(run: Measured) -> list[Finding]:
    """The findings of a whole run."""
    return folded(ZeroLearningRateState(), run)


def _hovers(values: Floats) -> float | None:
    """The level of the last part, if every mean is near the first; None else."""
    if not np.isfinite(values).all():
        return None
    means, errors = _means(values)
    first = float(means[0])
    near = np.abs(means / first - 1) < _TOLERANCE if first > 0 else np.zeros(1, bool)
    if not near.all() or (errors > _TOLERANCE / 2 * first).any():
        return None
    return float(means[-1])


def _means(values: Floats) -> tuple[Floats, Floats]:
    w = len(values) // _PARTS
    parts = values[: _PARTS * w].reshape(_PARTS, w)
    return parts.mean(axis=1), parts.std(axis=1) / math.sqrt(w)


def _guess(run: Measured, level: float) -> int | None:
    """The number of classes of which a loss is the logarithm."""
    stated = run.info.get("vocab_size")
    known = (stated, *_GUESSES) if isinstance(stated, int) and stated > 1 else _GUESSES
    near = (k for k in known if abs(math.log(k) / level - 1) < _TOLERANCE / 2)
    return next(near, None) if level > 0 else None
