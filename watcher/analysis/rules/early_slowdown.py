"""Iterations take much longer, in a log too short for medians of two hundred."""

from collections.abc import Iterator
from statistics import median
from typing import Final

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured


# From so many times on the rule on slowdowns judges alone.
_FEW: Final = 220
_BEFORE: Final = 10
# An evaluation takes one time, or every time.
_RECENT: Final = 5
_COMPILE_RECORDS: Final = 2
# Whole seconds may double by rounding.
_FACTOR: Final = 2.5
_MIN_MS: Final = 1.0


def early_slowdown(run: Measured) -> list[Finding]:
    """Five times in a row are 2.5 times the median of those before, at least ten.

    Resolves when the median of the last five has come half of the way back.
    """
    time = run.time
    if time is None:
        return []
    at = np.flatnonzero(np.isfinite(time.values))[_COMPILE_RECORDS:]
    return list(_findings(time.steps[at].tolist(), time.values[at].tolist()))


def _findings(steps: list[int], times: list[float]) -> Iterator[Finding]:
    at = _BEFORE + _RECENT
    while at <= min(len(times), _FEW):
        recent = times[at - _RECENT : at]
        before = median(times[max(0, at - _FEW) : at - _RECENT])
        if before < _MIN_MS or min(recent) < _FACTOR * before:
            at += 1
            continue
        back = _resolved(times, at, (before + median(recent)) / 2)
        last = len(times) if back is None else back - 1
        now = median(times[max(at, last) - _RECENT : max(at, last)])
        yield Finding(
            "slowdown",
            "warning",
            steps[at - 1],
            since_step=steps[at - _RECENT],
            evidence={"now_ms": max(now, median(recent)), "before_ms": before},
            cleared_step=None if back is None else steps[back - 1],
        )
        if back is None:
            return
        at = back + 1


def _resolved(times: list[float], start: int, limit: float) -> int | None:
    """How many times it took until the median of the last five was below a limit."""
    for end in range(start + 1, len(times) + 1):
        if median(times[end - _RECENT : end]) < limit:
            return end
    return None
