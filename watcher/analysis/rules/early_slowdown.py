"""Iterations take much longer, in a log too short for medians of two hundred."""

from dataclasses import replace
from statistics import median
from typing import Final

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.state import folded
from watcher.analysis.tail import Tail


# From so many times on the rule on slowdowns judges alone.
_FEW: Final = 220
_BEFORE: Final = 10
# An evaluation takes one time, or every time.
_RECENT: Final = 5
_COMPILE_RECORDS: Final = 2
# Whole seconds may double by rounding.
_FACTOR: Final = 2.5
_MIN_MS: Final = 1.0


class EarlySlowdownState:
    """Five times in a row are 2.5 times the median of those before, at least ten.

    Resolves when the median of the last five has come half of the way back.
    """

    def __init__(self) -> None:
        self._compiled = 0
        self._steps: list[int] = []  # of the first times
        self._times: list[float] = []
        self._at = _BEFORE + _RECENT  # how many times are judged next
        self._found: list[Finding] = []
        self._firing: tuple[Finding, float] | None = None  # with its limit
        self._tail = Tail(_RECENT)

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        time = new.time
        if time is None or (self._at > _FEW and self._firing is None):
            return
        at = np.flatnonzero(np.isfinite(time.values))
        compiled = min(_COMPILE_RECORDS - self._compiled, len(at))
        self._compiled += compiled
        steps, values = time.steps[at[compiled:]], time.values[at[compiled:]]
        room = _FEW - len(self._times)
        self._steps += steps[:room].tolist()
        self._times += values[:room].tolist()
        self._tail.extend(steps, values)
        while (self._firing and self._resolve()) or self._fire():
            pass
        self._tail.trim()

    def findings(self, run: Measured) -> list[Finding]:
        """Every slowdown, in the order of the log."""
        del run
        if self._firing is None:
            return self._found
        return [*self._found, self._with_last(len(self._tail.values))]

    def _fire(self) -> bool:
        """Fires at the next time that is too slow, if there is one."""
        if self._firing is not None:
            return False
        while self._at <= len(self._times):
            at = self._at
            recent, before = (
                self._times[at - _RECENT : at],
                median(self._times[: at - _RECENT]),
            )
            if before >= _MIN_MS and min(recent) >= _FACTOR * before:
                numbers = {"now_ms": median(recent), "before_ms": before}
                self._firing = (
                    Finding(
                        "slowdown",
                        "warning",
                        self._steps[at - 1],
                        since_step=self._steps[at - _RECENT],
                        evidence=numbers,
                    ),
                    (before + numbers["now_ms"]) / 2,
                )
                return True
            self._at += 1
        return False

    def _resolve(self) -> bool:
        """Resolves where the median of the last five is below the limit."""
        assert self._firing is not None
        values, first = self._tail.values, self._tail.first
        start = max(self._at - first + 1 - _RECENT, 0)  # of the first window
        if len(values) - start < _RECENT:
            return False
        windows = np.lib.stride_tricks.sliding_window_view(values[start:], _RECENT)
        below = np.flatnonzero(np.median(windows, axis=1) < self._firing[1])
        if not len(below):
            return False
        end = start + int(below[0]) + _RECENT
        cleared = int(self._tail.steps[end - 1])
        finding = replace(self._with_last(end - 1), cleared_step=cleared)
        self._found.append(finding)
        self._firing, self._at = None, first + end + 1
        return True

    def _with_last(self, end: int) -> Finding:
        """What is firing, with the times before an index of the tail."""
        assert self._firing is not None
        finding, _ = self._firing
        now = float(np.median(self._tail.values[max(0, end - _RECENT) : end]))
        fired = finding.evidence["now_ms"]
        assert isinstance(fired, float)
        return replace(
            finding, evidence={**finding.evidence, "now_ms": max(now, fired)}
        )


def early_slowdown(run: Measured) -> list[Finding]:
    """The findings of a whole run."""
    return folded(EarlySlowdownState(), run)
