"""One metric of a run, ready for any window: its pyramids, and its restarts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from parsers.batch import Floats
from watcher.storage.spans import Columns, Span, with_metric
from watcher.views.pyramid import BLOCK, Cells, Pyramid
from watcher.views.source import (
    NO_POINTS,
    Means,
    Memory,
    Points,
    Smoothed,
    Source,
    Stored,
    in_order,
)


# A curve of fewer points is read at once.
_SHORT: Final = 1 << 16
# Steps that go back more often are those of two writers in one file, not restarts.
_MAX_STRETCHES: Final = 256
# So many windows before the end means change when more points come.
_SETTLED: Final = 4
# A robust average looks at every value of every window: seconds for so many.
_SMOOTHED: Final = 500_000_000
# Bytes beside the pyramids.
_OVERHEAD: Final = 4096


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records between two restarts; along them steps do not fall.

    Attributes:
        start, stop: records of the column.
        first_line: of its first record.
    """

    start: int
    stop: int
    first_line: float


class Column:
    """All points of one metric of one run.

    `open` takes in what was added; the other methods need the snapshot to be the same.
    """

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.source: Source = Memory(NO_POINTS)
        self._whole = Pyramid()
        self._smooth: dict[tuple[int, int], Pyramid] = {}
        self._means = Means()
        self._stamp: object = None
        self._version: object = None
        self._stays_stored = True
        self._in_memory = 0
        self._by_step: tuple[Source, Pyramid] | None = None
        self._places: dict[int, tuple[float, float]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes that are held in memory."""
        held = [self._whole, *self._smooth.values()]
        blocks = sum(pyramid.blocks.nbytes for pyramid in held)
        means = sum(block.nbytes for block in self._means.values())
        return _OVERHEAD + blocks + means + self._in_memory

    def open(self, columns: Columns, spans: Sequence[Span]) -> None:
        """Takes in all records there are now."""
        if columns.version == self._version is not None:
            self.source = self.source.within(columns)
            return
        self._version = columns.version
        groups = with_metric(spans, self.metric)
        stamp = [(span.id, span.records) for group in groups for span in group]
        stored = [Stored(columns, group, self.metric) for group in groups]
        total = sum(map(len, stored))
        if self._stays_stored and len(stored) == 1 and total > _SHORT:
            self._take(stored[0])
            self._stays_stored = not self._whole.unordered
            if self._stays_stored:
                return
        elif stamp == self._stamp:
            return
        self._load(stored)
        self._stamp = stamp

    def stretches(self, first_lines: Sequence[float] = ()) -> list[Stretch]:
        """The parts between restarts: where steps go back, and at the lines given.

        Where steps go back and forth all the time there is one, in order of steps.
        """
        n = len(self.source)
        back = [] if self._is_interleaved() else self._whole.back
        found = [self.at_line(line) for line in first_lines if line > 1]
        cuts = sorted({0, n, *back, *(i for i in found if 0 < i < n)})
        return [Stretch(a, b, self._place(a)[0]) for a, b in pairwise(cuts)]

    def cells(
        self, stretch: Stretch, axis: str, edges: Floats, *, window: int = 0
    ) -> Cells:
        """The stretch as pixels between edges see it; `window`: of a centred mean."""
        source, pyramid = self._on(axis)
        start, stop = stretch.start, stretch.stop
        window = self.window(stretch, window)
        if window < 2:  # noqa: PLR2004 - the mean of one value is the value
            return pyramid.m4(source, axis, edges, start, stop)
        smooth = Smoothed(source, window, (start, stop), self._means)
        pyramid = self._smooth.setdefault((window, start), Pyramid())
        if pyramid.records != len(smooth):
            pyramid.cut(min(pyramid.records, len(smooth)) - _SETTLED * window)
            pyramid.grow(smooth)
        return pyramid.m4(smooth, axis, edges, 0, len(smooth))

    def window(self, stretch: Stretch, wanted: int) -> int:
        """Points in a moving average: as many as wanted, or as there are.

        Of a long curve as many as can be computed while somebody waits.
        """
        records = stretch.stop - stretch.start
        return min(wanted, records, _SMOOTHED // records)

    def near(self, stretch: Stretch, axis: str, key: float) -> Points:
        """The record of a stretch that is nearest to a line or a step."""
        source, pyramid = self._on(axis)
        at = pyramid.index(source, axis, key, stretch.start, stretch.stop)
        first = max(at - 1, stretch.start)
        both = source.read(first, min(at + 1, stretch.stop))
        best = int(np.abs(both.key(axis) - key).argmin())
        return both.part(best, best + 1)

    def ends(self, stretch: Stretch, axis: str) -> tuple[float, float]:
        """The first and the last key of a stretch."""
        source, pyramid = self._on(axis)
        if pyramid is not self._whole:
            first = source.read(stretch.start, stretch.start + 1)
            last = source.read(stretch.stop - 1, stretch.stop)
            return float(first.key(axis)[0]), float(last.key(axis)[0])
        at = ("lines", "steps").index(axis)
        return self._place(stretch.start)[at], self._place(stretch.stop - 1)[at]

    @property
    def last_line(self) -> float:
        """Of the last record."""
        return float(self._whole.blocks.last_line[-1])

    def at_line(self, line: float) -> int:
        """The first record that is not before a line."""
        return self._whole.index(self.source, "lines", line, 0, len(self.source))

    def after(self, line: float, limit: int) -> Points:
        """At most the last `limit` records behind a line."""
        n = len(self.source)
        return self.source.read(max(self.at_line(line + 0.5), n - limit), n)

    def next(self, line: float, limit: int) -> Points:
        """At most the first `limit` records behind a line, and all of the last one."""
        start = self.at_line(line + 0.5)
        stop = min(start + limit, len(self.source))
        if stop > start:
            last = float(self.source.read(stop - 1, stop).lines[0])
            stop = self.at_line(last + 0.5)
        return self.source.read(start, stop)

    def _place(self, record: int) -> tuple[float, float]:
        """Line and step of a record; reading them anew would cost a look-up each."""
        blocks = self._whole.blocks
        if record == len(self.source) - 1:
            return float(blocks.last_line[-1]), float(blocks.last_step[-1])
        if record not in self._places:
            if record % BLOCK == 0:
                at = record // BLOCK
                place = float(blocks.first_line[at]), float(blocks.first_step[at])
            else:
                found = self.source.read(record, record + 1)
                place = float(found.lines[0]), float(found.steps[0])
            self._places[record] = place
        return self._places[record]

    def _is_interleaved(self) -> bool:
        return len(self._whole.back) > _MAX_STRETCHES

    def _on(self, axis: str) -> tuple[Source, Pyramid]:
        """The points in an order in which the key of the axis does not fall."""
        if axis == "lines" or not self._is_interleaved():
            return self.source, self._whole
        if self._by_step is None:
            points = self.source.read(0, len(self.source))
            self._by_step = in_order([points], "steps"), Pyramid()
            self._by_step[1].grow(self._by_step[0])
        return self._by_step

    def _take(self, source: Stored) -> None:
        """Goes on with a source that grew, or begins again if it is another."""
        self.source, self._in_memory = source, 0
        if len(source) < self._whole.records or not self._is_same(source):
            self._forget()
        if len(source) > self._whole.records:
            self._by_step = None
        self._whole.grow(source)

    def _is_same(self, source: Stored) -> bool:
        """Whether the records that were summed up last are still there."""
        blocks, n = self._whole.blocks, self._whole.records
        if not n:
            return True
        first = (n - 1) // BLOCK * BLOCK
        lines = source.lines(first, n)
        ends = blocks.first_line[-1], blocks.last_line[-1]
        return (lines[0], lines[-1]) == ends

    def _load(self, stored: Sequence[Stored]) -> None:
        """Reads all records, of rows that are few or have to be put in order."""
        parts = [source.read(0, len(source)) for source in stored]
        self.source = in_order(parts) if parts else Memory(NO_POINTS)
        self._in_memory = 3 * 8 * len(self.source)
        self._forget()
        self._whole.grow(self.source)

    def _forget(self) -> None:
        self._means.clear()
        self._places.clear()
        self._whole, self._by_step = Pyramid(), None
        self._smooth.clear()
