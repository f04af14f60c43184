"""Signs that an optimizer step did nothing or far too much, while the loss is finite.

A loss that is exactly 0, a gradient norm that is not finite or far above its usual.
"""

from dataclasses import replace
from statistics import median
from typing import Final

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.beside_loss import Effects, Flatness
from watcher.analysis.rules.rows import Row, Rows
from watcher.analysis.rules.settings import Gradients
from watcher.analysis.rules.state import folded
from watcher.analysis.tail import Tail


# Losses before the zeros, of which the median counts.
_BEFORE: Final = 9
_ZEROS: Final = 3
# A loss that small may be printed as 0.
_ROUNDED: Final = 0.01
_NOT_FINITE: Final = 5
# The scaler of mixed precision finds its scale in the first steps.
_WARM_UP: Final = 5
_WINDOW: Final = 64
_MIN_WINDOW: Final = 16


class ZeroLossState:
    """Training loss falls from far above 0 to exactly 0, three records in a row.

    The losses of policies (GRPO) are 0 by construction: a log with rewards is exempt.
    """

    def __init__(self) -> None:
        self._rows = Rows(_ZEROS)
        self._before = Tail(_BEFORE)
        self._found: list[tuple[Row, dict[str, float | int | str | None]]] = []
        self._usual = 0.0  # the median before the last row of zeros
        self._nan = False  # whether its first gradient norm is NaN

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        curve = new.train
        if curve is None:
            return
        self._before.extend(curve.steps, curve.values)
        first = self._before.first
        for row in self._rows.add(curve.values == 0, curve):
            if row.first >= self._before.end - len(curve):  # it begins in these records
                at = row.first - first
                before = self._before.values[max(0, at - _BEFORE) : at]
                self._usual = float(np.median(before)) if len(before) else 0.0
                self._nan = _grad_is_nan(new, row.line)
            self._note(row)
        self._before.trim()

    def findings(self, run: Measured) -> list[Finding]:
        """Every row of zeros, in the order of the log."""
        if "reward" in run.curves:
            return []
        return [
            _finding("zero_loss", "critical", row, evidence=evidence)
            for row, evidence in self._found
            if row.length >= _ZEROS
        ]

    def _note(self, row: Row) -> None:
        if self._found and not _counts(self._found[-1][0], row, _ZEROS):
            self._found.pop()
        if not self._usual > _ROUNDED:
            return
        evidence: dict[str, float | int | str | None] = {"before": self._usual}
        if self._nan:
            evidence["grad"] = "NaN"
        self._found.append((row, evidence))


class GradientNotFiniteState:
    """Gradient norm NaN or infinite in five records in a row, after the first ones."""

    def __init__(self) -> None:
        self._rows = Rows(_NOT_FINITE)
        self._found: list[Row] = []
        self._flatness = Flatness()

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        curve = new.curves.get("grad_norm")
        if curve is None:
            return
        self._flatness.extend(new)
        for row in self._rows.add(~np.isfinite(curve.values), curve):
            if self._found and not _counts(self._found[-1], row, _NOT_FINITE):
                self._found.pop()
            self._found.append(row)
            self._flatness.note(row.first, row.line, row.cleared_line)
        self._flatness.trim()

    def findings(self, run: Measured) -> list[Finding]:
        """Every row of norms that are not finite, in the order of the log."""
        del run
        return [
            _finding(
                "gradient_not_finite",
                "warning",
                row,
                evidence={"records": row.length, **self._flatness.fact(row.first)},
            )
            for row in self._found
            if row.length >= _NOT_FINITE
            and (row.first >= _WARM_UP or row.length > _NOT_FINITE + _WARM_UP)
        ]


class GradientSpikeState:
    """A gradient norm so many times the median of the 64 before."""

    def __init__(self, settings: Gradients) -> None:
        self._settings = settings
        self._tail = Tail(_WINDOW)
        self._found: list[Finding] = []
        self._resolves = False  # the next record resolves the last one
        self._effects = Effects()

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        curve = new.curves.get("grad_norm")
        if curve is None:
            return
        self._effects.extend(new)
        self._follow(curve)
        self._effects.trim()

    def _follow(self, curve: Curve) -> None:
        if not len(curve):
            return
        if self._resolves:
            cleared = int(curve.steps[0])
            self._found[-1] = replace(self._found[-1], cleared_step=cleared)
            self._resolves = False
        finite = np.flatnonzero(np.isfinite(curve.values))
        old = len(self._tail.values)
        self._tail.extend(curve.steps[finite], curve.values[finite])
        for i in self._candidates(old):
            self._check(i, curve, int(finite[i - old]))
        self._tail.trim()

    def findings(self, run: Measured) -> list[Finding]:
        """Every spike, in the order of the log."""
        del run
        return [
            replace(f, evidence={**f.evidence, **self._effects.fact(key)})
            for key, f in enumerate(self._found)
        ]

    def _candidates(self, first: int) -> list[int]:
        """Points from `first` on that are far above the least of their neighbourhood.

        Nothing else can be far above the median of the 64 before.
        """
        values = self._tail.values
        if not len(values):
            return []
        lows = np.minimum.reduceat(values, np.arange(0, len(values), _WINDOW))
        lows[1:] = np.minimum(lows[1:], lows[:-1].copy())
        least = np.repeat(lows, _WINDOW)[: len(values)]
        above = values > self._settings.factor * np.maximum(least, 0.0)
        found: list[int] = (first + np.flatnonzero(above[first:])).tolist()
        return found

    def _check(self, i: int, curve: Curve, at: int) -> None:
        """The exact rule, at the value `i` of the tail, point `at` of the curve."""
        values = self._tail.values
        window = values[max(0, i - _WINDOW) : i]
        if len(window) < _MIN_WINDOW:
            return
        usual = float(median(window.tolist()))
        if usual <= 0 or values[i] <= self._settings.factor * usual:
            return
        self._resolves = at + 1 == len(curve)
        self._effects.note(len(self._found), int(curve.lines[at]))
        self._found.append(
            Finding(
                "gradient_spike",
                "info",
                int(curve.steps[at]),
                since_step=int(curve.steps[at]),
                evidence={"peak": float(values[i]), "usual": usual},
                cleared_step=None if self._resolves else int(curve.steps[at + 1]),
            )
        )


def zero_loss(run: Measured) -> list[Finding]:
    """The findings of a whole run."""
    return folded(ZeroLossState(), run)


def gradient_not_finite(run: Measured) -> list[Finding]:
    """The findings of a whole run."""
    return folded(GradientNotFiniteState(), run)


def gradient_spike(run: Measured, settings: Gradients) -> list[Finding]:
    """The findings of a whole run."""
    return folded(GradientSpikeState(settings), run)


def _grad_is_nan(run: Measured, line: int) -> bool:
    curve = run.curves.get("grad_norm")
    if curve is None:
        return False
    at = int(np.searchsorted(curve.lines, line))
    return at < len(curve) and not np.isfinite(curve.values[at])


def _counts(last: Row, new: Row, length: int) -> bool:
    """Whether a row stays: the new one is another, and it was long enough."""
    return last.first != new.first and last.length >= length


def _finding(
    rule: str,
    severity: str,
    row: Row,
    *,
    evidence: dict[str, float | int | str | None],
) -> Finding:
    """A finding that fires when a row has its length, and ends with it."""
    assert row.fired_step is not None
    return Finding(
        rule,
        severity,
        row.fired_step,
        since_step=row.since_step,
        evidence=evidence,
        cleared_step=row.cleared_step,
    )
