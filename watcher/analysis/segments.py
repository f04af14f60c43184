"""Where a run was started again, and which points that superseded."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Ints, Milestone
from watcher.analysis.model import Segment


# Two processes that write one file go back and forth all the time: no restarts.
_INTERLEAVED_SHARE: Final = 0.05
_INTERLEAVED_LEAST: Final = 5


def segments(
    lines: Ints, steps: Ints, milestones: Sequence[Milestone]
) -> tuple[Segment, ...]:
    """The stretches of a run, from the records of its main curve in log order."""
    if not len(steps):
        return ()
    back = np.flatnonzero(np.diff(steps) < 0) + 1
    if len(back) > max(_INTERLEAVED_LEAST, _INTERLEAVED_SHARE * len(steps)):
        back = back[:0]
    starts = [0, *back.tolist()]
    ends = [*back.tolist(), len(steps)]
    resumptions = [m.line for m in milestones if m.kind == "resumed"]
    found = []
    for start, end in zip(starts, ends, strict=True):
        line = int(lines[start - 1]) + 1 if start else 1
        resumed = any(line <= r <= lines[start] for r in resumptions)
        onward = start > 0 and steps[start] > steps[0]
        reason = "resumed" if resumed or onward else "restarted" if start else "start"
        found.append(
            Segment(int(steps[start]), int(steps[start:end].max()), line, reason)
        )
    return tuple(found)


def current(
    lines: Ints, steps: Ints, stretches: Sequence[Segment]
) -> NDArray[np.bool_]:
    """False for points whose steps a later stretch trained again; shape (n,)."""
    mask = np.ones(len(steps), dtype=bool)
    redone = np.iinfo(np.int64).max
    for segment, later in zip(stretches[-2::-1], stretches[:0:-1], strict=True):
        redone = min(redone, later.first_step)
        inside = (lines >= segment.first_line) & (lines < later.first_line)
        mask &= ~(inside & (steps >= redone))
    return mask
