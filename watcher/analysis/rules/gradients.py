"""Signs that an optimizer step did nothing or far too much, while the loss is finite.

A loss that is exactly 0, a gradient norm that is not finite or far above its usual,
and optimizer steps that are skipped one after the other.
"""

from collections.abc import Iterator
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.settings import Gradients


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
_SKIPPED: Final = 10
# Records between two skipped steps that are still one after the other.
_GAP: Final = 1


def zero_loss(run: Measured) -> list[Finding]:
    """Training loss falls from far above 0 to exactly 0, three records in a row.

    The losses of policies (GRPO) are 0 by construction: a log with rewards is exempt.
    """
    curve = run.train
    if curve is None or "reward" in run.curves:
        return []
    found = []
    for first, end in _runs(curve.values == 0, _ZEROS):
        before = curve.values[max(0, first - _BEFORE) : first]
        usual = float(np.median(before)) if len(before) else 0.0
        if usual > _ROUNDED:
            evidence: dict[str, float | int | str | None] = {"before": usual}
            if _grad_is_nan(run, int(curve.lines[first])):
                evidence["grad"] = "NaN"
            span = first, end
            found.append(
                _finding(
                    "zero_loss",
                    "critical",
                    curve,
                    span,
                    length=_ZEROS,
                    evidence=evidence,
                )
            )
    return found


def gradient_not_finite(run: Measured) -> list[Finding]:
    """Gradient norm NaN or infinite in five records in a row, after the first ones."""
    curve = run.curves.get("grad_norm")
    if curve is None:
        return []
    return [
        _finding(
            "gradient_not_finite",
            "warning",
            curve,
            (first, end),
            length=_NOT_FINITE,
            evidence={"records": end - first},
        )
        for first, end in _runs(~np.isfinite(curve.values), _NOT_FINITE)
        if first >= _WARM_UP or end - first > _NOT_FINITE + _WARM_UP
    ]


def gradient_spike(run: Measured, settings: Gradients) -> list[Finding]:
    """A gradient norm so many times the median of the 64 before."""
    curve = run.curves.get("grad_norm")
    if curve is None:
        return []
    finite = np.flatnonzero(np.isfinite(curve.values))
    values = curve.values[finite]
    if not len(values):
        return []
    found = []
    # Only far above the median of all can be far above a median of 64 for long.
    for i in np.flatnonzero(values > settings.factor / 10 * np.median(values)).tolist():
        window = values[max(0, i - _WINDOW) : i]
        if len(window) < _MIN_WINDOW:
            continue
        usual = float(median(window.tolist()))
        if usual > 0 and values[i] > settings.factor * usual:
            at = int(finite[i])
            evidence: dict[str, float | int | str | None] = {
                "peak": float(values[i]),
                "usual": usual,
            }
            span = at, at + 1
            found.append(
                _finding(
                    "gradient_spike", "info", curve, span, length=1, evidence=evidence
                )
            )
    return found


def skipped_steps(run: Measured) -> list[Finding]:
    """Optimizer steps that the log says were skipped, ten in a row."""
    skipped = [m.line for m in run.milestones if m.kind == "skipped"]
    main = run.train or run.val
    if len(skipped) < _SKIPPED or main is None:
        return []
    lines = np.array(skipped, dtype=np.int64)
    places = np.searchsorted(main.lines, lines)
    breaks = np.flatnonzero(np.diff(places) > _GAP) + 1
    found = []
    for group in np.split(places, breaks):
        if len(group) < _SKIPPED:
            continue
        first, last = int(group[0]), int(group[-1])
        fired = min(int(group[_SKIPPED - 1]), len(main) - 1)
        over = last + _GAP + 1
        found.append(
            Finding(
                "skipped_steps",
                "warning",
                int(main.steps[fired]),
                since_step=int(main.steps[min(first, len(main) - 1)]),
                evidence={"skipped": len(group)},
                cleared_step=int(main.steps[over]) if over < len(main) else None,
            )
        )
    return found


def _grad_is_nan(run: Measured, line: int) -> bool:
    curve = run.curves.get("grad_norm")
    if curve is None:
        return False
    at = int(np.searchsorted(curve.lines, line))
    return at < len(curve) and not np.isfinite(curve.values[at])


def _runs(marks: NDArray[np.bool_], length: int) -> Iterator[tuple[int, int]]:
    """(first, after the last) index of each run of marks that is long enough."""
    turns = np.flatnonzero(np.diff(marks, prepend=np.False_, append=np.False_))
    for first, end in turns.reshape(-1, 2).tolist():
        if end - first >= length:
            yield first, end


def _finding(
    rule: str,
    severity: str,
    curve: Curve,
    run: tuple[int, int],
    *,
    length: int,
    evidence: dict[str, float | int | str | None],
) -> Finding:
    """A finding that fires when a run of records has a length, and ends with it."""
    first, end = run
    return Finding(
        rule,
        severity,
        int(curve.steps[first + length - 1]),
        since_step=int(curve.steps[first]),
        evidence=evidence,
        cleared_step=int(curve.steps[end]) if end < len(curve) else None,
    )
