"""A panel of a picture: axes, curves, and labels that do not overlap."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from parsers.batch import Floats
from watcher.outputs.plot.canvas import HEIGHT, WIDTH, Align, Box, Sheet, TextStyle
from watcher.outputs.plot.spread import between, spread
from watcher.outputs.plot.ticks import Scale, labels, ticks
from watcher.outputs.plot.view import Dashes, End, Trace, View


Spot = tuple[float, float, Align]

# What lies beyond is no loss of any model, and its square overflows a float.
_BEYOND = 1e100
# A line that ends before this share of the axis is labelled where it ends.
_EARLY_END = 0.85


class Panel:
    """A view drawn on a sheet, and the places in it that are taken."""

    def __init__(self, sheet: Sheet, box: Box, view: View, x: Scale) -> None:
        """Draw the frame: title, note, axes; `x` holds unless the view has its own."""
        self.sheet, self.box, self.view = sheet, box, view
        self.x = view.x or x
        self.y = view.y or Scale(0, 1)
        self._taken: list[Box] = []
        self.axes = self._frame()

    def _frame(self) -> Axes:
        """Put down the axes: a line below, a grid across, numbers at both."""
        box = self.box
        area = (box.left / WIDTH, box.bottom / HEIGHT)
        size = (box.width / WIDTH, box.height / HEIGHT)
        axes = self.sheet.figure.add_axes((*area, *size), label=self.view.title)
        for side in ("left", "top", "right"):
            axes.spines[side].set_visible(False)
        self._number_x(axes)
        self._number_y(axes)
        return axes

    def _number_x(self, axes: Axes) -> None:
        theme, x = self.sheet.theme, self.x
        if x.log:
            axes.set_xscale("log")
        axes.set_xlim(x.low, x.high)
        # A label of four characters is 0.33 inches wide.
        marks = ticks(x, most=11, gap=0.38 / self.box.width)
        if not self.view.x_name:  # there is no step 2.5
            marks = [mark for mark in marks if mark == int(mark)]
        if self.view.y is None:
            marks = []
        axes.set_xticks(marks, labels(marks))
        axes.minorticks_off()
        axes.tick_params(
            axis="x", colors=theme.muted, labelsize=8.5, length=3, width=0.8, pad=3
        )

    def _number_y(self, axes: Axes) -> None:
        theme, y = self.sheet.theme, self.y
        if y.log:
            axes.set_yscale("log")
        axes.set_ylim(y.low, y.high)
        # Small panels have room for four, the large one for seven numbers.
        most = max(4, min(7, round(self.box.height * 3)))
        marks = ticks(y, most=most, gap=0.2 / self.box.height) if self.view.y else []
        axes.set_yticks(marks, labels(marks))
        axes.minorticks_off()
        axes.tick_params(axis="y", colors=theme.muted, labelsize=8.5, length=0, pad=6)
        axes.grid(visible=True, axis="y", color=theme.grid, linewidth=0.8)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The position of a point, in inches."""
        across = self.box.left + self.box.width * self.x.at(x)
        return across, self.box.bottom + self.box.height * self.y.at(y)

    def head(self, *, title: bool) -> None:
        """Write the note above, and the title where the heading does not hold it."""
        theme, box = self.sheet.theme, self.box
        style = TextStyle(8, theme.muted)
        room = min(_room(box), WIDTH - 0.1 - box.left)
        note = self.sheet.fit(self.view.note, style, room)
        self.sheet.write(box.left, box.top + 0.15, note, style)
        if title:
            bold = TextStyle(10.5, theme.ink, bold=True)
            text = self.sheet.fit(self.view.title, bold, room)
            self.sheet.write(box.left, box.top + 0.35, text, bold)

    def draw(self) -> None:
        """Draw the traces, the marks at the top, the labels at the end."""
        for trace in self.view.traces:
            self._line(trace)
        self._marks()
        self._ends()

    def _line(self, trace: Trace) -> None:
        x = self._steps(trace.x)
        line = Line2D(
            x,
            np.clip(trace.y, -_BEYOND, _BEYOND),
            color=trace.colour,
            linewidth=trace.width,
            alpha=trace.alpha,
            linestyle=trace.dashes,
        )
        self.axes.add_line(line)
        if trace.dots or len(trace.x) == 1:
            self.dots(x, trace.y, trace.colour)

    def dots(self, x: Floats, y: Floats, colour: str, *, size: float = 4.0) -> None:
        """Mark points, ringed in paper; those outside the scale stay unmarked."""
        inside = (y >= self.y.low) & (y <= self.y.high)
        inside &= (x >= self.x.low) & (x <= self.x.high)
        self._symbols(
            x[inside], y[inside], marker="o", markersize=size, markerfacecolor=colour
        )

    def ring(self, x: float, y: float, colour: str, *, size: float = 8.5) -> None:
        """Put a hollow ring on a point."""
        self._symbols(
            [x],
            [y],
            marker="o",
            markersize=size,
            markerfacecolor=self.sheet.theme.paper,
            markeredgecolor=colour,
            markeredgewidth=2,
        )

    def _symbols(self, x: Any, y: Any, **style: Any) -> None:
        looks: dict[str, Any] = {
            "markeredgecolor": self.sheet.theme.paper,
            "markeredgewidth": 0.8,
        }
        # Half of a mark on the edge stands outside of the axes.
        looks |= {"linestyle": "none", "clip_on": False, "zorder": 3} | style
        self.axes.add_line(Line2D(x, y, **looks))

    def _marks(self) -> None:
        """Tick what the scale leaves out, at the top."""
        x = self.view.marks
        top = self.axes.get_xaxis_transform()
        self._symbols(
            x,
            np.full(len(x), 1.0),
            marker="|",
            markersize=4,
            markeredgecolor=self.sheet.theme.muted,
            transform=top,
        )

    def _ends(self) -> None:
        outside = [end for end in self.view.ends if not self._within(end)]
        ends = sorted(outside, key=lambda end: end.value)
        wanted = [between(self.place(0, end.value)[1], self.box) for end in ends]
        # Many labels are smaller rather than over one another.
        line = self.box.height / max(1, len(ends) - 1)
        style = TextStyle(9, self.sheet.theme.ink, bold=True)
        if style.line > line:
            style = replace(style, size=style.size * line / style.line)
        heights = spread(wanted, style.line, self.box.bottom, self.box.top)
        for end, height in zip(ends, heights, strict=True):
            colour = replace(style, colour=end.colour)
            text = self.sheet.fit(end.text, colour, WIDTH - self.box.right - 0.12)
            self.sheet.write(self.box.right + 0.08, height, text, colour)

    def _within(self, end: End) -> bool:
        """Label a line that ends early beside its last point, if there is room."""
        if end.at is None or self.x.at(end.at) > _EARLY_END:
            return False
        x, y = self.place(end.at, end.value)
        spots: list[Spot] = [
            (x + 0.1, y, "left"),
            (x + 0.1, y + 0.16, "left"),
            (x + 0.1, y - 0.16, "left"),
        ]
        return self.label(end.text, TextStyle(9, end.colour, bold=True), spots)

    def border(self, x: float) -> None:
        """Draw a line of the grid from top to bottom."""
        self.axes.axvline(x, color=self.sheet.theme.grid, linewidth=0.8, zorder=0.6)

    def pointer(self, x: float, colour: str) -> None:
        """Put a small triangle above a step."""
        top = self.axes.get_xaxis_transform()
        self._symbols(
            [x], [1.0], marker="v", markersize=5, markerfacecolor=colour, transform=top
        )

    def shade(self, start: float, stop: float, colour: str, alpha: float) -> None:
        """Tint a stretch of the run, with a dashed line where it begins."""
        self.axes.axvspan(
            start, stop, color=colour, alpha=alpha, linewidth=0, zorder=0.5
        )
        self.rule(start, colour, dashes=(0, (3, 3)))

    def rule(self, x: float, colour: str, *, dashes: Dashes = "-") -> None:
        """Draw a thin line from top to bottom."""
        self.axes.axvline(x, color=colour, linewidth=0.9, linestyle=dashes, zorder=1.5)

    def label(self, text: str, style: TextStyle, spots: Sequence[Spot]) -> bool:
        """Write inside the panel at the first spot that is free, else nowhere.

        A spot is x and y in inches, and the alignment of the text.  Bold lines
        are kept clear where one of the spots allows it.
        """
        width = self.sheet.width(text, style)
        boxes = [(spot, _around(spot, width, style)) for spot in spots]
        free = [pair for pair in boxes if self._free(pair[1])]
        if not free:
            return False
        spot, box = min(free, key=lambda pair: self._crossings(pair[1]))
        self._taken.append(box)
        self.sheet.write(*spot[:2], text, style, ha=spot[2], halo=True)
        return True

    def _free(self, box: Box) -> bool:
        return self.box.holds(box) and not any(map(box.meets, self._taken))

    def _crossings(self, box: Box) -> int:
        """Count the points of bold lines in a box."""
        return sum(_inside(box, path) for path in self._bold)

    @cached_property
    def _bold(self) -> list[Floats]:
        """Trace the bold lines, which words avoid."""
        return [self._path(trace) for trace in self.view.traces if trace.alpha == 1]

    def _path(self, trace: Trace) -> Floats:
        """Trace a line in inches, with points closer than letters are wide."""
        across = self.box.left + self.box.width * _places(self.x, self._steps(trace.x))
        up = self.box.bottom + self.box.height * _places(self.y, trace.y)
        ok = np.isfinite(across) & np.isfinite(up)
        if not ok.any():
            return np.empty((0, 2))
        dense = np.linspace(self.box.left, self.box.right, 400)
        heights = np.interp(dense, across[ok], up[ok], left=np.nan, right=np.nan)
        return np.column_stack([dense, heights])

    def _steps(self, x: Floats) -> Floats:
        """Put step 0 at the left edge of a logarithmic scale, which has no zero."""
        return np.maximum(x, self.x.low) if self.x.log else x


def _places(scale: Scale, values: Floats) -> Floats:
    """Place values on a scale, as `Scale.at` does; NaN where they have no place."""
    if not scale.log:
        return (values - scale.low) / (scale.high - scale.low)
    usable = np.where(values > 0, values, np.nan)
    return np.asarray(np.log(usable / scale.low) / math.log(scale.high / scale.low))


def _room(box: Box) -> float:
    """The width of a note: up to the tick labels of the next panel."""
    return box.width + 0.95


def _around(spot: Spot, width: float, style: TextStyle) -> Box:
    x, y, ha = spot
    left = {"left": x, "center": x - width / 2, "right": x - width}[ha]
    return Box(left, y - style.line / 2, width, style.line)


def _inside(box: Box, points: Floats) -> int:
    """Count points in a box, a little air around it."""
    air = 0.04
    x, y = points[:, 0], points[:, 1]
    across = (x > box.left - air) & (x < box.right + air)
    return int((across & (y > box.bottom - air) & (y < box.top + air)).sum())
