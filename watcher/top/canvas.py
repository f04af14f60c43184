"""Character cells of a chart: dots in them, marks on them, and where values fall."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.top.pieces import Line, Lines, Piece
from watcher.views.clock import Clock
from watcher.views.pyramid import Cells


# Dots of a braille cell by row and column, as Unicode numbers them.
_DOTS: Final = np.array(((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80)))
_BRAILLE: Final = 0x2800
_UPPER, _LOWER = 0x1B, 0xE4  # dots of the upper and the lower half of a cell
_FEW: Final = 4  # cells of the chart for each point: then points are marked


@dataclass(frozen=True, slots=True)
class Trace:
    """A curve to draw.

    Attributes:
        name: beside its end.
        style: of its dots.
        parts: one for each stretch between restarts.
        marked: whether its points are marked where they are few.
        clock: of an axis of time, None of the others.
    """

    name: str
    style: str
    parts: Sequence[Cells]
    marked: bool = False
    clock: Clock | None = None

    def keys(self, part: Cells, axis: str, end: str) -> Floats:
        """The first or the last key of each cell, on an axis."""
        if self.clock is None:
            return part.key(axis, end)
        return self.clock.at(part.key("lines", end))


@dataclass(frozen=True, slots=True)
class Axes:
    """What a chart spans, and what stands in it.

    Attributes:
        columns, rows: of character cells, labels and the row of keys included.
        axis: "steps", "lines", "active" or "time"; `span`: its outer keys.
        log_x, log_y: scales; values that are not positive have no logarithm.
        crosshair, since: keys of vertical lines, None for none.
        best: key and value of a mark.
        ascii: whether there is no braille.
        robust: whether outliers may leave the chart; they are marked at its edge.
    """

    columns: int
    rows: int
    axis: str
    span: tuple[float, float]
    log_x: bool = False
    log_y: bool = True
    crosshair: float | None = None
    since: float | None = None
    best: tuple[float, float] | None = None
    ascii: bool = False
    robust: bool = False


class Canvas:
    """Character cells, dots in them, and where keys and values fall."""

    def __init__(
        self,
        axes: Axes,
        low: float,
        high: float,
        log: bool,  # noqa: FBT001 - of the limits
        *,
        labels: tuple[str, str, str],
        names: int,
    ) -> None:
        self.labels = labels
        self.margin = max(map(len, labels)) + 1
        self.names = names if axes.columns - self.margin - names > 2 * names else 0
        self.columns = axes.columns - self.margin - 1 - self.names
        self.rows = axes.rows - 1
        self.axes = axes
        self._log = log
        self._low, self._high = (math.log(x) if log else x for x in (low, high))
        self._codes = np.zeros((max(self.rows, 0), max(self.columns, 0)), np.int64)
        self._styles: dict[tuple[int, int], str] = {}
        self._marks: dict[tuple[int, int], Piece] = {}

    def across(self, keys: Floats, cells: int) -> Ints:
        """Columns of keys, of so many cells; outside of the chart where they are."""
        low, high = self.axes.span
        if self.axes.log_x:
            low, high = math.log(max(low, 1.0)), math.log(max(high, 1.0))
            keys = np.log(np.maximum(keys, 1.0))
        share = (keys - low) / (high - low) if high > low else np.zeros(len(keys))
        return np.floor(share * (cells - 1) + 0.5).astype(np.int64)

    def key(self, column: int) -> float:
        """The key at a column, that of an end outside of the chart."""
        low, high = self.axes.span
        share = min(max(column / (self.columns - 1), 0.0), 1.0)
        if not self.axes.log_x:
            return low + share * (high - low)
        low, high = max(low, 1.0), max(high, 1.0)
        return low * math.exp(share * math.log(high / low))

    def down(self, values: Floats, cells: int) -> Ints:
        """Rows of finite values from the top."""
        scaled = np.log(np.maximum(values, 1e-300)) if self._log else values
        span = self._high - self._low
        share = (scaled - self._low) / span if span > 0 else np.full(len(values), 0.5)
        return np.floor((1 - share) * (cells - 1) + 0.5).astype(np.int64)

    def draw(self, trace: Trace) -> None:
        """Draws a curve without gaps between its points; restarts are gaps."""
        wide, tall = 2 * self.columns, 4 * self.rows
        dots = np.zeros((tall, wide), np.bool_)
        for part in trace.parts:
            self._stretch(trace, part, dots)
            self._bad(trace, part)
            if self.axes.robust:
                self._outside(trace, part)
        blocks = dots.reshape(self.rows, 4, self.columns, 2)
        codes = np.einsum("rycx,yx->rc", blocks, _DOTS)
        self._codes |= codes
        inked = np.nonzero(codes)
        self._styles.update(
            dict.fromkeys(zip(*(i.tolist() for i in inked), strict=True), trace.style)
        )
        points = sum(map(len, trace.parts))
        if trace.marked and points * _FEW <= self.columns * 2:
            for part in trace.parts:
                self._points(trace, part)

    def _stretch(self, trace: Trace, part: Cells, dots: np.ndarray) -> None:
        tall, wide = dots.shape
        known = np.flatnonzero(np.isfinite(part.low))
        if not len(known):
            return
        first, last = (
            trace.keys(part, self.axes.axis, end)[known] for end in ("first", "last")
        )
        keys = (first + last) / 2
        at = self.across(keys, wide)
        top, bottom = (
            self.down(values[known], tall) for values in (part.high, part.low)
        )
        begin = self.down(part.first[known], tall)
        end = self.down(part.last[known], tall)
        for i, column in enumerate(at.tolist()):
            if 0 <= column < wide:
                dots[max(top[i], 0) : bottom[i] + 1, column] = True
            if i:
                _join(dots, (int(at[i - 1]), int(end[i - 1])), (column, int(begin[i])))

    def _points(self, trace: Trace, part: Cells) -> None:
        known = np.flatnonzero(np.isfinite(part.last))
        keys = trace.keys(part, self.axes.axis, "last")[known]
        columns = self.across(keys, self.columns).tolist()
        rows = self.down(part.last[known], self.rows).tolist()
        for place in zip(rows, columns, strict=True):
            if 0 <= place[1] < self.columns:
                self._marks[place] = ("o", trace.style)

    def _outside(self, trace: Trace, part: Cells) -> None:
        """Marks at the edge where values are above or below the chart."""
        tall = 4 * self.rows
        keys = trace.keys(part, self.axes.axis, "last")
        known = np.flatnonzero(np.isfinite(part.low))
        above = self.down(part.high[known], tall) < 0
        below = self.down(part.low[known], tall) >= tall
        edges = ((above, 0, "▲"), (below, self.rows - 1, "▼"))
        for is_outside, row, mark in edges:
            for column in self.across(keys[known][is_outside], self.columns).tolist():
                if 0 <= column < self.columns:
                    self._marks[row, column] = (mark, "warning")

    def _bad(self, trace: Trace, part: Cells) -> None:
        """Marks where values are not finite, at the top."""
        keys = trace.keys(part, self.axes.axis, "last")[np.flatnonzero(part.bad)]
        for column in self.across(keys, self.columns).tolist():
            if 0 <= column < self.columns:
                self._marks[0, column] = ("×", "critical")

    def mark(self, key: float, value: float, mark: str, style: str) -> None:
        """Puts a mark on a point."""
        column = int(self.across(np.array([key]), self.columns)[0])
        row = int(self.down(np.array([value]), self.rows)[0])
        if 0 <= column < self.columns and 0 <= row < self.rows:
            self._marks[row, column] = (mark, style)

    def vertical(self, key: float, mark: str, style: str) -> None:
        """A line from top to bottom, behind the curves."""
        column = int(self.across(np.array([key]), self.columns)[0])
        if not 0 <= column < self.columns:
            return
        for row in range(self.rows):
            if not self._codes[row, column]:
                self._marks.setdefault((row, column), (mark, style))
            elif style == "cross":
                known = self._styles.get((row, column), "")
                self._styles[row, column] = f"{known} {style}"

    def lines(self, traces: Sequence[Trace]) -> Lines:
        """All rows with their labels, the name of a curve where it ends."""
        named = self._named(traces)
        middle = self.rows // 2
        labels = {middle: 1, self.rows - 1: 2, 0: 0}
        found: Lines = []
        for row in range(self.rows):
            label = self.labels[labels[row]] if row in labels else ""
            line: Line = [(f"{label:>{self.margin}}│", "muted")]
            line += _joined([self._cell(row, column) for column in range(self.columns)])
            found.append([*line, *named.get(row, [])])
        return found

    def _cell(self, row: int, column: int) -> Piece:
        if (row, column) in self._marks:
            return self._marks[row, column]
        code = int(self._codes[row, column])
        if not code:
            return " ", ""
        style = self._styles[row, column]
        if not self.axes.ascii:
            return chr(_BRAILLE + code), style
        glyph = (
            ":" if code & _UPPER and code & _LOWER else "'" if code & _UPPER else "."
        )
        return glyph, style

    def _named(self, traces: Sequence[Trace]) -> dict[int, Line]:
        """Names at the rows where the curves end, one for each row."""
        found: dict[int, Line] = {}
        for trace in traces:
            last = _last(trace)
            if last is None or not self.names or not trace.name:
                continue
            row = int(self.down(np.array([last]), self.rows)[0])
            near = sorted(range(self.rows), key=lambda r, row=row: abs(r - row))  # type: ignore[misc]
            free = next((r for r in near if r not in found), None)
            if free is not None:
                found[free] = [(f" {trace.name}", trace.style)]
        return found


def _last(trace: Trace) -> float | None:
    """The last finite value of a curve."""
    for part in reversed(trace.parts):
        known = part.last[np.isfinite(part.last)]
        if len(known):
            return float(known[-1])
    return None


def _join(dots: np.ndarray, start: tuple[int, int], end: tuple[int, int]) -> None:
    """A straight line between two dots, columns and rows, as far as it is inside."""
    tall, wide = dots.shape
    n = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    right, down = (end[0] - start[0]) / n, (end[1] - start[1]) / n
    # Few dots: a loop is many times as fast as arrays.
    for i in range(n + 1):
        column, row = round(start[0] + i * right), round(start[1] + i * down)
        if 0 <= column < wide and 0 <= row < tall:
            dots[row, column] = True


def _joined(cells: Sequence[Piece]) -> Line:
    """Neighbours of one style as one piece."""
    joined: Line = []
    for text, style in cells:
        if joined and joined[-1][1] == style:
            joined[-1] = (joined[-1][0] + text, style)
        else:
            joined.append((text, style))
    return joined
