"""The training loss jumps where a run was resumed."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints, Milestone
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.noise import second_differences, sigma
from watcher.analysis.outcome import ENDS, cause
from watcher.analysis.rules.settings import ResumeJump
from watcher.analysis.rules.state import folded
from watcher.analysis.segments import SegmentCursor
from watcher.analysis.tail import Tail


# Records before a resumption that make its baseline and its noise.
_BASELINE: Final = 9
_NOISE: Final = 33
_MIN_NOISE: Final = 8
_SIGMAS: Final = 5.0
# Without a noise estimate only such a rise counts.
_UNKNOWN: Final = 0.5
# A jump shows within so many records, in two of them in a row.
_WITHIN: Final = 10
_MEDIAN_OF: Final = 3


class ResumeJumpState:
    """Two losses in a row after a resumption are far above those before it.

    Resolves when a median of three has come half of the way back.
    """

    def __init__(self, settings: ResumeJump) -> None:
        self._settings = settings
        self._cursor = SegmentCursor()
        self._before = Tail(_NOISE)
        self._line = 0  # of the last record
        self._ends: list[Milestone] = []  # since then
        self._found: list[Finding] = []
        self._jump: _Jump | None = None

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        curve = new.train
        if curve is None:
            return
        self._ends += [m for m in new.milestones if m.kind in ENDS]
        for low, high, begun in self._cursor.parts(curve.lines, new.segments):
            if any(segment.reason == "resumed" for segment in begun):
                self._found += self._jump.findings() if self._jump else []
                line = int(curve.lines[low - 1]) if low else self._line
                self._jump = self._resumed(curve, line, int(curve.lines[low]))
            steps, values = curve.steps[low:high], curve.values[low:high]
            if self._jump:
                self._jump.add(steps, values)
            self._before.extend(steps, values)
            self._before.trim()
        if len(curve):
            self._line = int(curve.lines[-1])
            self._ends = [m for m in self._ends if m.line >= self._line]

    def findings(self, run: Measured) -> list[Finding]:
        """Every jump, in the order of the log."""
        del run
        return [*self._found, *(self._jump.findings() if self._jump else [])]

    def _resumed(self, curve: Curve, last: int, first: int) -> "_Jump | None":
        """What a jump would be after a resumption between two lines."""
        before = self._before.values
        before = before[np.isfinite(before) & (before > 0)]
        if not len(before):
            return None
        level = float(np.median(before[-_BASELINE:]))
        limit = level * math.exp(_threshold(np.log(before), self._settings))
        evidence: dict[str, float | int | str | None] = {"metric": curve.metric}
        why = cause([m for m in self._ends if last <= m.line < first])
        if why and why.kind != "finished":
            end_step = int(self._before.steps[-1])
            evidence |= {"end": ENDS[why.kind], "end_step": end_step}
        return _Jump(level, limit, evidence)


def resume_jump(run: Measured, settings: ResumeJump) -> list[Finding]:
    """The jumps of a whole run."""
    return folded(ResumeJumpState(settings), run)


class _Jump:
    """Losses after a resumption, as far as they decide whether they jump."""

    def __init__(
        self,
        level: float,
        limit: float,
        evidence: Mapping[str, float | int | str | None],
    ) -> None:
        self._level = level
        self._limit = limit
        self._evidence = evidence
        self._tail = Tail(_MEDIAN_OF - 1)
        self._since_step = 0
        self._finding: Finding | None = None

    def findings(self) -> list[Finding]:
        """The jump, if there is one."""
        return [self._finding] if self._finding else []

    def add(self, steps: Ints, values: Floats) -> None:
        """Takes in losses."""
        if not self._tail.end:
            self._since_step = int(steps[0])
        over = self._finding is None and self._tail.end >= _WITHIN
        if over or (self._finding and self._finding.cleared_step is not None):
            return
        self._tail.extend(steps, values)
        start = self._tail.first
        if self._finding is None:
            start = self._fire()
        if self._finding:
            self._resolve(start)
        self._tail.trim()

    def _fire(self) -> int:
        """Fires at the first pair above the limit; the index behind it."""
        tail = self._tail
        within = tail.values[: max(0, _WITHIN - tail.first)]
        first = next(_pairs_above(within, self._limit), None)
        if first is None:
            return 0
        after = float(tail.values[first])
        numbers = {"before": self._level, "after": after}
        self._limit = (self._level + after) / 2
        self._finding = Finding(
            "resume_jump",
            "warning",
            int(tail.steps[first + 1]),
            since_step=self._since_step,
            evidence={**numbers, **self._evidence},
        )
        return tail.first + first + 1

    def _resolve(self, start: int) -> None:
        """Resolves where the median of three from an index on is below the limit."""
        assert self._finding is not None
        values = self._tail.values[max(0, start - self._tail.first) :]
        if len(values) < _MEDIAN_OF:
            return
        windows = np.lib.stride_tricks.sliding_window_view(values, _MEDIAN_OF)
        below = np.flatnonzero(np.median(windows, axis=1) < self._limit)
        if len(below):
            at = len(self._tail.values) - len(values) + int(below[0]) + _MEDIAN_OF - 1
            cleared = int(self._tail.steps[at])
            self._finding = replace(self._finding, cleared_step=cleared)


def _threshold(y: Floats, settings: ResumeJump) -> float:
    """Rise of the logarithm that is a jump."""
    rise = math.log1p(settings.rise)
    differences = second_differences(y.tolist())
    if len(differences) < _MIN_NOISE:
        return max(rise, math.log1p(_UNKNOWN))
    return max(rise, _SIGMAS * sigma(differences)[0])


def _pairs_above(values: Floats, limit: float) -> Iterator[int]:
    above = values > limit
    yield from np.flatnonzero(above[:-1] & above[1:]).tolist()
