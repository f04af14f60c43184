"""The training loss rises slowly: from the first record on, or after its minimum."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.settings import RisingLoss
from watcher.analysis.segments import spans


# The means of the fifths of the records so far are compared, each time that the log
# has grown by a quarter.
_PARTS: Final = 5
_FIRST: Final = 40
_GROWTH: Final = 1.25
# Parts that must rise, one above the other.
_RISES: Final = 2
_STANDARD_ERRORS: Final = 5.0


def rising_loss(run: Measured, settings: RisingLoss) -> list[Finding]:
    """The means of fifths of a segment rise to its end, beyond their standard errors.

    Of losses above 0 only: others have no scale.  Resolves when the last records
    have come half of the way back.
    """
    curve = run.train
    if curve is None:
        return []
    keep = np.isfinite(curve.values)
    steps, values = curve.steps[keep], curve.values[keep]
    return [
        finding
        for low, high in spans(curve.lines[keep], run.segments)
        if (values[low:high] > 0).all()
        for finding in _findings(steps[low:high], values[low:high], settings)
    ]


def _findings(steps: Ints, values: Floats, settings: RisingLoss) -> Iterator[Finding]:
    resolved = 0
    for n in _checkpoints(len(values)):
        if n <= resolved:
            continue
        means, errors = _fifths(values[:n])
        low = int(means.argmin())
        rise = float(means[-1] - means[low])
        error = float(np.hypot(errors[-1], errors[low]))
        if _PARTS - 1 - low < _RISES or not (np.diff(means[low:]) > 0).all():
            continue
        if rise > max(settings.rise * means[low], _STANDARD_ERRORS * error):
            before, after = float(means[low]), float(means[-1])
            back = _first_below(values, n, n // _PARTS // 2, (before + after) / 2)
            resolved = len(values) if back is None else back + 1
            yield Finding(
                "rising_loss",
                "warning",
                int(steps[n - 1]),
                since_step=int(steps[n - (_PARTS - low) * (n // _PARTS)]),
                evidence={
                    "before": before,
                    "after": after,
                    "rise_share": after / before - 1,
                },
                cleared_step=None if back is None else int(steps[back]),
            )


def _first_below(values: Floats, start: int, width: int, limit: float) -> int | None:
    """First index from `start` on at which the mean of some values is below a limit."""
    total = np.cumsum(np.concatenate([[0.0], values[start - width :]]))
    below = np.flatnonzero((total[width:] - total[:-width]) / width < limit)
    at = below[below > 0][:1].tolist()
    return start - 1 + int(at[0]) if at else None


def _checkpoints(n: int) -> Iterator[int]:
    at = _FIRST
    while at <= n:
        yield at
        at = int(at * _GROWTH)


def _fifths(values: Floats) -> tuple[Floats, Floats]:
    """Means of the fifths and their standard errors."""
    w = len(values) // _PARTS
    parts = values[len(values) - _PARTS * w :].reshape(_PARTS, w)
    return parts.mean(axis=1), parts.std(axis=1) / np.sqrt(w)
