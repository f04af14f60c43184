"""A curve of millions of points, summed up over blocks of 64 records.

A pixel of a plot shows where the curve enters and leaves it and how far it goes up and
down meanwhile: first, last, lowest and highest value (M4; Jugel et al., VLDB 2014).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.views.source import Points, Source


BLOCK: Final = 64
# From so many blocks a pixel the edge of a block is at most 1/4 pixel off.
_COARSE: Final = 4
_CHUNK: Final = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Stretches of a curve, in its order; each column of shape (n,).

    Attributes:
        first_line, last_line, first_step, last_step: of the records at its ends.
        first, low, high, last: finite values, NaN without any.
        bad: how many values are not finite.
    """

    first_line: Floats
    last_line: Floats
    first_step: Floats
    last_step: Floats
    first: Floats
    low: Floats
    high: Floats
    last: Floats
    bad: Floats

    def __len__(self) -> int:
        return len(self.first)

    def part(self, start: int, stop: int) -> "Cells":
        """Some of the cells; the arrays are shared."""
        return Cells(*(getattr(self, name)[start:stop] for name in Cells.__slots__))

    def key(self, axis: str, end: str) -> Floats:
        """The line or step of the "first" or "last" record of each cell."""
        column: Floats = getattr(self, f"{end}_{axis.removesuffix('s')}")
        return column

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(getattr(self, name).nbytes for name in Cells.__slots__)


def joined(parts: list[Cells]) -> Cells:
    """Cells behind each other."""
    if len(parts) == 1:
        return parts[0]
    return Cells(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in Cells.__slots__)
    )


def cells(points: Points, starts: Ints) -> Cells:
    """Points summed up from each of the rising `starts` to before the next."""
    ends = np.append(starts[1:], len(points)) - 1
    values = points.values
    finite = np.isfinite(values)
    clean = finite.all()
    known = values if clean else np.where(finite, values, np.nan)
    return Cells(
        points.lines[starts],
        points.lines[ends],
        points.steps[starts],
        points.steps[ends],
        values[starts] if clean else _leading(known, starts, ends + 1),
        np.fmin.reduceat(known, starts),
        np.fmax.reduceat(known, starts),
        values[ends]
        if clean
        else _leading(known[::-1], *_mirrored(starts, ends))[::-1],
        np.add.reduceat((~finite).astype(np.float64), starts),
    )


def merged(found: Cells, starts: Ints) -> Cells:
    """Cells of cells: those from each of the rising `starts` to before the next."""
    ends = np.append(starts[1:], len(found)) - 1
    return Cells(
        found.first_line[starts],
        found.last_line[ends],
        found.first_step[starts],
        found.last_step[ends],
        _leading(found.first, starts, ends + 1),
        np.fmin.reduceat(found.low, starts),
        np.fmax.reduceat(found.high, starts),
        _leading(found.last[::-1], *_mirrored(starts, ends))[::-1],
        np.add.reduceat(found.bad, starts),
    )


def _mirrored(starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """The same stretches, which end with the array, in the array turned round."""
    size = int(ends[-1]) + 1 if len(ends) else 0
    return size - 1 - ends[::-1], size - starts[::-1]


def _leading(values: Floats, starts: Ints, stops: Ints) -> Floats:
    """The first finite value of each stretch, NaN without one."""
    found = values[starts].copy()
    for i in np.flatnonzero(np.isnan(found)).tolist():
        part = values[starts[i] : stops[i]]
        finite = np.flatnonzero(np.isfinite(part))
        if len(finite):
            found[i] = part[finite[0]]
    return found


_NO_CELLS: Final = Cells(*(np.empty(0) for _ in Cells.__slots__))


class Pyramid:
    """Blocks of a source that only grows at its end.

    Attributes:
        records: how many are in it.
        back: records whose step is below the one before, rising.
        unordered: whether a line number is below the one before.
    """

    def __init__(self) -> None:
        self.records = 0
        self.back: list[int] = []
        self.unordered = False
        self._blocks = _NO_CELLS

    @property
    def blocks(self) -> Cells:
        """All blocks; the last one may be incomplete."""
        return self._blocks

    def grow(self, source: Source) -> None:
        """Takes in what the source has more than before."""
        if len(source) == self.records:
            return
        start = self.records // BLOCK * BLOCK
        parts = [self._blocks.part(0, start // BLOCK)]
        for at in range(start, len(source), _CHUNK):
            points = source.read(max(at - 1, 0), min(at + _CHUNK, len(source)))
            self._note_order(points, max(at - 1, 0))
            own = points.part(at - max(at - 1, 0), len(points))
            parts.append(cells(own, np.arange(0, len(own), BLOCK)))
        self._blocks = joined(parts)
        self.records = len(source)

    def _note_order(self, points: Points, at: int) -> None:
        back = np.flatnonzero(np.diff(points.steps) < 0) + 1 + at
        known = self.back[-1] if self.back else -1
        self.back += back[back > known].tolist()
        self.unordered |= bool((np.diff(points.lines) < 0).any())

    def m4(
        self, source: Source, axis: str, edges: Floats, start: int, stop: int
    ) -> Cells:
        """One cell for each pair of edges that has records, and one on either side.

        Records `start` to `stop`, along which the key of the axis does not fall; the
        record before the first edge and the one behind the last each make a cell, so
        that a line goes on to the border of the plot.  The last edge is inclusive.
        """
        first, last = self._between(axis, edges, start, stop)
        if last - first >= _COARSE * (len(edges) - 1):
            found = self._whole(source, first, last, start, stop)
            cuts = _cuts(found.key(axis, "first"), edges)
            return merged(found.part(0, int(cuts[-1])), cuts[:-1])
        a, b = max(start, (first - 1) * BLOCK), min(stop, (last + 1) * BLOCK)
        if a >= b:
            return _NO_CELLS
        points = source.read(a, b)
        cuts = _cuts(points.key(axis), edges)
        return cells(points.part(0, int(cuts[-1])), cuts[:-1])

    def index(
        self, source: Source, axis: str, key: float, start: int, stop: int
    ) -> int:
        """The first record of `start` to `stop` whose key is not below `key`."""
        first, last = self._between(axis, np.array([key, key]), start, stop)
        a, b = max(start, first * BLOCK), min(stop, (last + 1) * BLOCK)
        if a >= b:
            return stop
        return a + int(np.searchsorted(source.read(a, b).key(axis), key))

    def cut(self, records: int) -> None:
        """Forgets the blocks from a record on; `grow` reads them again."""
        kept = max(records, 0) // BLOCK
        if kept < len(self._blocks):
            self._blocks = self._blocks.part(0, kept)
            self.records = kept * BLOCK

    def _between(
        self, axis: str, edges: Floats, start: int, stop: int
    ) -> tuple[int, int]:
        """Blocks that may hold records between the outer edges."""
        begin, end = start // BLOCK, -(-stop // BLOCK)
        last = self._blocks.key(axis, "last")[begin:end]
        first = self._blocks.key(axis, "first")[begin:end]
        return (
            begin + int(np.searchsorted(last[:-1], edges[0])),
            begin + 1 + int(np.searchsorted(first[1:], edges[-1], side="right")),
        )

    def _whole(
        self, source: Source, first: int, last: int, start: int, stop: int
    ) -> Cells:
        """Whole blocks, and at the ends of the range what of a block lies inside."""
        head, tail = -(-start // BLOCK), stop // BLOCK
        if head > tail:
            return _one(source.read(start, stop))
        first, last = max(first - 1, start // BLOCK), min(last + 1, -(-stop // BLOCK))
        parts = [self._blocks.part(max(first, head), min(last, tail))]
        if first < head:
            parts.insert(0, _one(source.read(start, head * BLOCK)))
        if last > tail:
            parts.append(_one(source.read(tail * BLOCK, stop)))
        return joined(parts)


def _cuts(keys: Floats, edges: Floats) -> Ints:
    """Where cells begin, rising, and after them where the last one ends."""
    inner = np.searchsorted(keys, edges[:-1])
    end = int(np.searchsorted(keys, edges[-1], side="right"))
    stop = min(end + 1, len(keys))
    before = [int(inner[0]) - 1] if inner[0] else []
    starts = np.concatenate([before, inner, [end]]).astype(np.int64)
    starts = starts[np.diff(starts, prepend=-1) > 0]
    return np.append(starts[starts < stop], stop)


def _one(points: Points) -> Cells:
    return cells(points, np.zeros(1, np.int64))
