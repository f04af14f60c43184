"""Restarts of a run, and the points that each superseded.

A restart is found here and nowhere else: rules and outputs ask for the places where a
curve goes on after one.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints, Milestone
from watcher.analysis.model import Curve, Segment


# Two processes that write one file go back and forth all the time: no restarts.
_MIN_INTERLEAVED: Final = 5
# Between two steps back they write a few records each, or jump forward as often.
_FEW_RECORDS: Final = 4
_FORWARD_JUMP: Final = 5


def went_back(steps: Ints | Floats) -> Ints:
    """Indices of records whose step is below that of the record before."""
    return np.flatnonzero(np.diff(steps) < 0) + 1


def segments(
    lines: Ints,
    steps: Ints,
    milestones: Sequence[Milestone],
    evaluations: Curve | None = None,
) -> tuple[Segment, ...]:
    """The segments of a run, from the records of its main curve in log order.

    `evaluations`: those at or after the last step before a restart belong to it, though
    they stand behind its last record.
    """
    if not len(steps):
        return ()
    announced = [_between(lines, milestones, kind) for kind in ("resumed", "start")]
    resumed, begun = (set(places.tolist()) for places in announced)
    starts = [0, *_starts(steps, *announced)]
    second = max(steps[:2])  # from there a training begins again
    found = []
    for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
        line, before = 1, None
        if start:
            line, before = _first_line(lines, steps, start, evaluations)
        onward = start > 0 and steps[start] > second
        reason = (
            "resumed"
            if (start in resumed and steps[start] >= steps[0])
            or (onward and start not in begun)
            else "restarted"
            if start
            else "start"
        )
        last = int(steps[start:end].max())
        first = int(steps[start]) if before is None else min(int(steps[start]), before)
        found.append(Segment(first, last, line, reason))
    return (*found, *_begun(lines, steps, int(second), evaluations))


def _first_line(
    lines: Ints, steps: Ints, start: int, evaluations: Curve | None
) -> tuple[int, int | None]:
    """Line at which a segment begins, and the lowest step evaluated before its records.

    It is behind the last record or evaluation of the segment before.
    """
    line = int(lines[start - 1]) + 1
    if evaluations is None or steps[start] >= steps[start - 1]:
        return line, None
    first, end = np.searchsorted(evaluations.lines, [line, int(lines[start])])
    between = evaluations.steps[first:end]
    old = between >= steps[start - 1]
    count = len(old) if old.all() else int(old.argmin())
    line = int(evaluations.lines[first + count - 1]) + 1 if count else line
    return line, int(between[count:].min()) if count < len(between) else None


def _begun(
    lines: Ints, steps: Ints, second: int, evaluations: Curve | None
) -> Iterator[Segment]:
    """The segment of a new training that has been evaluated and not trained yet."""
    if evaluations is None:
        return
    first = int(np.searchsorted(evaluations.lines, int(lines[-1]) + 1))
    late = evaluations.steps[first:]
    new = np.flatnonzero((late <= second) & (late < steps[-1]))
    if len(new):
        line, step = int(evaluations.lines[first + new[0]]), int(late[new[0]])
        yield Segment(step, int(late[new[0] :].max()), line, "restarted")


def _starts(steps: Ints, resumed: Ints, begun: Ints) -> list[int]:
    """Indices of the records at which a run goes on after a restart."""
    back = went_back(steps)
    if _interleaved(steps, back):
        back = back[:0]
    resumed, begun = resumed[resumed > 0], begun[begun > 0]
    # Programs announce more than the start of a training: it goes back to the first
    # steps, too, or to the very step of the record before.
    begun = begun[steps[begun] == steps[begun - 1]]
    return [int(i) for i in np.unique(np.concatenate([back, resumed, begun]))]


def _interleaved(steps: Ints, back: Ints) -> bool:
    """Whether the steps go back because several processes write one file."""
    if len(back) <= _MIN_INTERLEAVED:
        return False
    if np.median(np.diff(back)) <= _FEW_RECORDS:
        return True
    forward = np.diff(steps)
    forward = forward[forward > 0]
    jumps = forward > _FORWARD_JUMP * np.median(forward)
    return bool(np.count_nonzero(jumps) > len(back) / 2)


def _between(lines: Ints, milestones: Sequence[Milestone], kind: str) -> Ints:
    """Indices of the records right behind the milestones of a kind."""
    at = np.array([m.line for m in milestones if m.kind == kind], dtype=np.int64)
    places = np.unique(np.searchsorted(lines, at))
    return places[places < len(lines)]


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
