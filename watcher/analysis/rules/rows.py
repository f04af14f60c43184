"""Records in a row that have one property: zeros, norms that are NaN."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from watcher.analysis.model import Curve


@dataclass(frozen=True, slots=True)
class Row:
    """Records one after the other.

    Attributes:
        first: index of the first in the curve.  line: its line.
        length: how many there are so far.
        since_step: of the first.
        fired_step: of the one with which it became long enough, None before.
        cleared_step, cleared_line: of the record that ended it, None while it goes on.
    """

    first: int
    line: int
    length: int
    since_step: int
    fired_step: int | None = None
    cleared_step: int | None = None
    cleared_line: int | None = None


class Rows:
    """The rows of a curve that grows; `length`: of a row that counts."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._points = 0
        self._open: Row | None = None

    def add(self, marks: NDArray[np.bool_], curve: Curve) -> Iterator[Row]:
        """Rows that new points of the curve begin, lengthen or end."""
        turns = np.flatnonzero(np.diff(marks, prepend=np.False_, append=np.False_))
        spans = turns.reshape(-1, 2).tolist()
        if self._open and len(curve) and not marks[0]:
            step, line = int(curve.steps[0]), int(curve.lines[0])
            yield replace(self._open, cleared_step=step, cleared_line=line)
            self._open = None
        for first, end in spans:
            yield self._row(curve, first, end)
        self._points += len(curve)

    def _row(self, curve: Curve, first: int, end: int) -> Row:
        row = self._open
        if row is None or first:
            at, line = self._points + first, int(curve.lines[first])
            row = Row(at, line, 0, int(curve.steps[first]))
        fires = first + self._length - row.length - 1
        if row.fired_step is None and fires < end:
            row = replace(row, fired_step=int(curve.steps[fires]))
        row = replace(row, length=row.length + end - first)
        self._open = row if end == len(curve) else None
        if end == len(curve):
            return row
        step, line = int(curve.steps[end]), int(curve.lines[end])
        return replace(row, cleared_step=step, cleared_line=line)
