"""Iterations take much longer, in a log too short for medians of two hundred."""

import math
from collections import deque
from dataclasses import replace
from statistics import median
from typing import Final

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.settings import Settings
from watcher.analysis.rules.slowdown import SlowdownState
from watcher.analysis.rules.state import folded
from watcher.analysis.segments import SegmentCursor


# From so many times on the rule on slowdowns judges alone.
_FEW: Final = 220
_BEFORE: Final = 10
# An evaluation takes one time, or every time.
_RECENT: Final = 5
_STEPS: Final = 10
_COMPILE_RECORDS: Final = 2
# Whole seconds may double by rounding.
_FACTOR: Final = 2.5
_MIN_MS: Final = 1.0


class EarlySlowdownState:
    """Five times in a row are 2.5 times the median of those before, at least ten.

    They cover at least ten steps: of single steps it takes ten.  Resolves when the
    median of the last five has come half of the way back.
    """

    def __init__(self) -> None:
        self._count = 0
        self._cursor = SegmentCursor()
        self._earlier: list[float] = []
        self._recent: deque[tuple[int, float]] = deque(maxlen=_RECENT)
        self._found: list[Finding] = []
        self._limit: float | None = None  # below which the last one resolves
        self._slow: list[tuple[int, float]] = []  # in a row, until they are enough

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        time = new.time
        if time is None or self._is_over():
            return
        good = np.isfinite(time.values)
        steps, values = time.steps[good].tolist(), time.values[good].tolist()
        for low, high, begun in self._cursor.parts(time.lines[good], new.segments):
            if begun and self._limit is None:  # another process has another pace
                for known in (self._earlier, self._slow, self._recent):
                    known.clear()
            for step, ms in zip(steps[low:high], values[low:high], strict=True):
                if self._is_over():
                    return
                self._count += 1
                if self._count > _COMPILE_RECORDS:
                    self._add(step, ms)

    def findings(self, run: Measured) -> list[Finding]:
        """Every slowdown, in the order of the log."""
        del run
        return self._found

    def _is_over(self) -> bool:
        """Whether the log is too long for it, and nothing is firing."""
        return self._count > _FEW and self._limit is None

    def _add(self, step: int, ms: float) -> None:
        self._recent.append((step, ms))
        times = [ms for _, ms in self._recent]
        if self._limit is not None:
            self._go_on(step, median(times))
            return
        before = median(self._earlier) if len(self._earlier) >= _BEFORE else math.inf
        if before >= _MIN_MS and ms >= _FACTOR * before and self._count <= _FEW:
            self._slow.append((step, ms))
            self._fire_if_enough(before)
        else:
            self._earlier += [ms for _, ms in self._slow] + [ms]
            self._slow.clear()

    def _fire_if_enough(self, before: float) -> None:
        first, last = self._slow[0][0], self._slow[-1][0]
        covered = (last - first) * len(self._slow) / max(1, len(self._slow) - 1)
        if len(self._slow) < _RECENT or covered < _STEPS:
            return
        now = median([ms for _, ms in self._slow[-_RECENT:]])
        self._limit = (before + now) / 2
        self._slow.clear()
        self._found.append(
            Finding(
                "slowdown",
                "warning",
                last,
                since_step=first,
                evidence={"now_ms": now, "before_ms": before},
            )
        )

    def _go_on(self, step: int, now: float) -> None:
        """The level named is the highest so far; it may resolve."""
        last = self._found[-1]
        assert self._limit is not None
        if now < self._limit:
            self._found[-1] = replace(last, cleared_step=step)
            self._limit = None
        elif now > float(last.evidence["now_ms"] or 0):
            self._found[-1] = replace(last, evidence={**last.evidence, "now_ms": now})


class SlowdownsState:
    """Slowdowns of a short log, then those that medians show."""

    def __init__(self, settings: Settings) -> None:
        self._early = EarlySlowdownState()
        self._later = SlowdownState(settings.slowdown)

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        self._early.update(new)
        self._later.update(new)

    def findings(self, run: Measured) -> list[Finding]:
        """One finding for each slowdown: while an early one is firing it stands."""
        early = self._early.findings(run)
        if any(f.cleared_step is None for f in early):
            return list(early)
        last = max((f.cleared_step or 0 for f in early), default=-1)
        return [*early, *(f for f in self._later.findings(run) if f.step > last)]


def early_slowdown(run: Measured) -> list[Finding]:
    """The findings of a whole run."""
    return folded(EarlySlowdownState(), run)
