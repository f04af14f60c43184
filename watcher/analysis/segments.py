"""Restarts of a run, and the points that each superseded.

A restart is found here and nowhere else: rules and outputs ask for the places where a
curve goes on after one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints, Milestone
from watcher.analysis.distribution import Distribution
from watcher.analysis.model import Curve, Segment


# Two processes that write one file go back and forth all the time: no restarts.
_MIN_INTERLEAVED: Final = 5
# Between two steps back they write a few records each, or jump forward as often.
_FEW_RECORDS: Final = 4
_FORWARD_JUMP: Final = 5
_ANNOUNCED: Final = ("resumed", "start")
_SECOND: Final = 2


def went_back(steps: Ints | Floats) -> Ints:
    """Indices of records whose step is below that of the record before."""
    return np.flatnonzero(np.diff(steps) < 0) + 1


class SegmentsState:
    """The segments of a run that grows, from the records of its main curve."""

    def __init__(self) -> None:
        self._records = 0
        self._first = self._second = 0  # from the second a training begins again
        self._last_line = self._last_step = 0
        self._highest = 0  # step of the first segment
        self._reason = "start"
        self._starts: list[_Start] = []
        self._waiting: list[tuple[int, int]] = []  # evaluations since: line, step
        self._announced: set[str] = set()  # since the last record
        self._backs = 0
        self._last_back = 0
        self._distances = Distribution()  # records between two steps back
        self._forward = Distribution()

    def update(
        self,
        lines: Ints,
        steps: Ints,
        milestones: Sequence[Milestone],
        evaluations: Curve | None = None,
    ) -> None:
        """Takes in new records, in the order of the log.

        `evaluations`: those at or after the last step before a restart belong to it,
        though they stand behind its last record.
        """
        if evaluations is not None:
            columns = evaluations.lines.tolist(), evaluations.steps.tolist()
            self._waiting += zip(*columns, strict=True)
        announced = [_between(lines, milestones, kind) for kind in _ANNOUNCED]
        if len(steps):
            self._add(lines, steps, *(set(at.tolist()) for at in announced))
        self._announced |= {
            kind
            for kind, at in zip(_ANNOUNCED, announced, strict=True)
            if (at == len(lines)).any()
        }

    def segments(self) -> tuple[Segment, ...]:
        """Those there are now."""
        if not self._records:
            return ()
        interleaved = self._is_interleaved()
        highest, line, first = self._highest, 1, self._first
        reason = self._reason
        found = []
        for start in self._starts:
            if start.announces or not interleaved:
                found.append(Segment(first, highest, line, reason))
                highest, line, first = start.highest, start.first_line, start.first_step
                reason = start.reason
            else:
                highest = max(highest, start.highest)
        found.append(Segment(first, highest, line, reason))
        return (*found, *self._begun())

    def _add(
        self, lines: Ints, steps: Ints, resumed: set[int], begun: set[int]
    ) -> None:
        if "resumed" in self._announced:
            resumed = {*resumed, 0}
        if "start" in self._announced:
            begun = {*begun, 0}
        self._announced = set()
        if not self._records:
            self._first, self._last_step = int(steps[0]), int(steps[0])
            self._second = self._highest = self._first
            self._reason = "resumed" if 0 in resumed else "start"
        if self._records < _SECOND:
            self._second = max(self._second, int(max(steps[: _SECOND - self._records])))
        before = np.append(self._last_step, steps[:-1])
        lines_before = np.append(self._last_line, lines[:-1])
        back = np.flatnonzero(steps < before)
        self._note_changes(steps - before, back)
        # Programs announce more than the start of a training: it goes back to the first
        # steps, too, or to the very step of the record before.
        same = {i for i in begun if i < len(steps) and steps[i] == before[i]}
        places = {*back.tolist(), *(i for i in resumed if i < len(steps)), *same}
        if not self._records:
            places -= {0}
        order = sorted(places)
        for i, end in pairwise([*order, len(steps)]):
            known = i in resumed and steps[i] >= self._first
            onward = steps[i] > self._second and i not in begun
            line, first = self._first_line(
                int(lines_before[i]), int(before[i]), int(lines[i]), int(steps[i])
            )
            self._starts.append(
                _Start(
                    first_line=line,
                    first_step=first,
                    highest=int(steps[i:end].max()),
                    reason="resumed" if known or onward else "restarted",
                    announces=i in resumed or i in same,
                )
            )
        if (head := order[0] if order else len(steps)) > 0:
            self._raise(int(steps[:head].max()), before=len(order))
        self._records += len(steps)
        self._last_line, self._last_step = int(lines[-1]), int(steps[-1])
        self._waiting = [e for e in self._waiting if e[0] > self._last_line]

    def _raise(self, step: int, *, before: int) -> None:
        """Notes a step of the segment before the last so many starts."""
        if len(self._starts) == before:
            self._highest = max(self._highest, step)
        else:
            start = self._starts[-1 - before]
            start.highest = max(start.highest, step)

    def _first_line(
        self, line_before: int, before: int, line: int, step: int
    ) -> tuple[int, int]:
        """Line at which a segment begins, and its lowest step.

        It is behind the last record or evaluation of the segment before.
        """
        if step >= before:
            return line_before + 1, step
        between = [e for e in self._waiting if line_before < e[0] < line]
        first = line_before + 1
        while between and between[0][1] >= before:
            first = between.pop(0)[0] + 1
        return first, min([step, *(e[1] for e in between)])

    def _begun(self) -> Iterator[Segment]:
        """The segment of a new training that has been evaluated and not trained yet."""
        for at, (line, step) in enumerate(self._waiting):
            if step <= self._second and step < self._last_step:
                highest = max(e[1] for e in self._waiting[at:])
                yield Segment(step, highest, line, "restarted")
                return

    def _note_changes(self, changes: Ints, back: Ints) -> None:
        """Counts how often, and how far, steps go back and forward."""
        self._forward.add(changes[changes > 0].astype(np.float64))
        if not len(back):
            return
        places = back + self._records
        if self._backs:
            places = np.append(self._last_back, places)
        self._distances.add(np.diff(places).astype(np.float64))
        self._backs += len(back)
        self._last_back = int(places[-1])

    def _is_interleaved(self) -> bool:
        """Whether the steps go back because several processes write one file."""
        if self._backs <= _MIN_INTERLEAVED:
            return False
        between, usual = self._distances.median(), self._forward.median()
        if between is not None and between <= _FEW_RECORDS:
            return True
        if usual is None:
            return False
        return self._forward.above(_FORWARD_JUMP * usual) > self._backs / 2


@dataclass(slots=True)
class _Start:
    """A record at which a run may go on after a restart.

    Attributes:
        first_line, first_step, reason: of the segment.
        highest: step up to the next start.
        announces: whether the log states it; else steps go back.
    """

    first_line: int
    first_step: int
    highest: int
    reason: str
    announces: bool


def segments(
    lines: Ints,
    steps: Ints,
    milestones: Sequence[Milestone],
    evaluations: Curve | None = None,
) -> tuple[Segment, ...]:
    """The segments of a whole run, as `SegmentsState`."""
    state = SegmentsState()
    state.update(lines, steps, milestones, evaluations)
    return state.segments()


def _between(lines: Ints, milestones: Sequence[Milestone], kind: str) -> Ints:
    """Indices of the records right behind the milestones of a kind."""
    at = np.array([m.line for m in milestones if m.kind == kind], dtype=np.int64)
    return np.unique(np.searchsorted(lines, at))


def current(lines: Ints, steps: Ints, found: Sequence[Segment]) -> NDArray[np.bool_]:
    """False for points whose steps a later segment trained again; shape (n,)."""
    mask = np.ones(len(steps), dtype=bool)
    redone = np.iinfo(np.int64).max
    for segment, later in zip(found[-2::-1], found[:0:-1], strict=True):
        redone = min(redone, later.first_step)
        inside = (lines >= segment.first_line) & (lines < later.first_line)
        mask &= ~(inside & (steps >= redone))
    return mask


def restarts(lines: Ints, found: Sequence[Segment], *reasons: str) -> Ints:
    """Indices at which a curve goes on after a restart, rising.

    `lines`: of the curve's points.  `reasons`: of the restarts that count, all if none
    are given.  Restarts before the first or after the last point are left out.
    """
    first = [s.first_line for s in found[1:] if not reasons or s.reason in reasons]
    places = np.unique(np.searchsorted(lines, np.array(first, dtype=np.int64)))
    return places[(places > 0) & (places < len(lines))]


def spans(
    lines: Ints, found: Sequence[Segment], *reasons: str
) -> Iterator[tuple[int, int]]:
    """(first, after the last) index of a curve's points between restarts."""
    cuts = restarts(lines, found, *reasons).tolist()
    yield from pairwise([0, *cuts, len(lines)])


class SegmentCursor:
    """Which segment a curve is in, from one piece of it to the next."""

    def __init__(self) -> None:
        self._at: int | None = None

    def parts(
        self, lines: Ints, found: Sequence[Segment]
    ) -> Iterator[tuple[int, int, Sequence[Segment]]]:
        """The next points of the curve, cut where it goes on after a restart.

        Yields (first, after the last, segments that begin before the first); none begin
        before the first point of the curve.
        """
        if not len(lines):
            return
        cuts = np.searchsorted(lines, [s.first_line for s in found[1:]]).tolist()
        cuts = cuts[self._at or 0 :]  # those of earlier segments lie behind
        before, self._at = self._at, (self._at or 0) + sum(c < len(lines) for c in cuts)
        begun = 0 if before is None else before + 1
        places = sorted({0, *(c for c in cuts if c < len(lines)), len(lines)})
        for first, end in pairwise(places):
            last = (before or 0) + sum(c <= first for c in cuts)
            started = before is not None or first > 0
            yield first, end, found[begun : last + 1] if started else ()
            begun = last + 1


class Replay:
    """The points of a curve that grows, with the steps that the run went back to."""

    def __init__(self) -> None:
        self._next = 1  # the segment that has not begun yet

    def points(
        self, curve: Curve, found: Sequence[Segment]
    ) -> Iterator[tuple[int, int | None]]:
        """Each index of the next points, with the step that the run went back to.

        None where there was no restart since the point before.
        """
        first_lines = [s.first_line for s in found[self._next :]]
        cuts = np.searchsorted(curve.lines, first_lines).tolist()
        back: dict[int, int] = {}
        for cut in cuts:
            if cut < len(curve):
                step = found[self._next].first_step
                back[cut] = min(step, back.get(cut, step))
                self._next += 1
        yield from ((i, back.get(i)) for i in range(len(curve)))


def replay(curve: Curve, found: Sequence[Segment]) -> Iterator[tuple[int, int | None]]:
    """The points of a whole curve, as `Replay.points`."""
    yield from Replay().points(curve, found)
