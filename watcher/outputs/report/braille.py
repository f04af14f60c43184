"""Curves drawn in characters: a line of braille dots, evaluations as letters on it."""

import math
from dataclasses import dataclass

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.model import Analysis, Curve
from watcher.outputs.text.numbers import integer, loss


# A piece of text and its style: "", "train", "val", "best", "muted".
Piece = tuple[str, str]
Line = list[Piece]

# Dots of a braille cell by row and column, as Unicode numbers them.
_DOTS = np.array(((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80)))
_TALL, _WIDE = 4, 2
_BRAILLE = 0x2800
_UPPER, _LOWER = 0x1B, 0xE4  # dots of the upper and the lower half of a cell
# Points of a smooth curve that are drawn: more than any terminal has dots.
_DRAWN = 20_000
_LEAST_COLUMNS = 12
_ENDS = 2  # points that make a curve


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where values fall: a grid of `rows` x `columns` cells over a range of steps.

    `low`, `high`: of the figures, as logarithms where `log`.
    """

    rows: int
    columns: int
    first: float
    last: float
    low: float
    high: float
    log: bool

    @property
    def wide(self) -> int:
        """Dots across the grid."""
        return self.columns * _WIDE

    @property
    def tall(self) -> int:
        """Dots down the grid."""
        return self.rows * _TALL

    def across(self, steps: Ints) -> Ints:
        """Dots of the steps, from the left."""
        span = max(self.last - self.first, 1.0)
        places = np.rint((steps - self.first) / span * (self.wide - 1))
        return np.asarray(places, np.int64)

    def down(self, values: Floats) -> Ints:
        """Dots of the values, from the top."""
        scaled = np.log(values) if self.log else values
        span = self.high - self.low
        share = (scaled - self.low) / span if span > 0 else np.full(len(values), 0.5)
        return np.rint((1 - share) * (self.tall - 1)).astype(np.int64)


def chart(
    analysis: Analysis, *, lang: str, width: int, rows: int, dots: bool
) -> list[Line]:
    """Training loss as a line, evaluations as `o`, the best one as `*`, log scale.

    At most `width` columns and `rows` rows and a row of steps; nothing when there
    are fewer than two points of each or too little room.  Without `dots`, ASCII alone.
    """
    line, marks = _points(analysis)
    if max(len(line[0]), len(marks[0])) < _ENDS:
        return []
    scale = _scale(analysis, line, marks)
    names = _names(scale, lang)
    labels = _labels(analysis, line, marks, lang)
    margin = max(map(len, names)) + 2
    right = max((len(text) for text, _, _ in labels), default=0) + 1
    columns = width - margin - right
    if columns < _LEAST_COLUMNS:
        return []
    frame = _Frame(rows, columns, *scale)
    grid = _grid(analysis, frame, line, marks, dots=dots)
    ends = _ends(frame, labels)
    axis = _left(frame, names, bars="┤│" if dots else "||")
    body = [
        [left, *joined(cells), (" " + text if text else "", style)]
        for left, cells, (text, style) in zip(axis, grid, ends, strict=True)
    ]
    return [*body, _steps(frame, margin, lang)]


def _points(
    analysis: Analysis,
) -> tuple[tuple[Ints, Floats], tuple[Ints, Floats]]:
    """Steps and values of the line and of the marks, those that can be drawn."""
    line = _drawable(analysis.train, analysis.train_smooth)
    return line, _drawable(analysis.val, None)


def _drawable(curve: Curve | None, values: Floats | None) -> tuple[Ints, Floats]:
    """Current finite points, evenly decimated, with the first and the last."""
    if curve is None or len(curve) == 0:
        return np.empty(0, np.int64), np.empty(0)
    places = np.linspace(0, len(curve) - 1, min(len(curve), _DRAWN)).astype(np.int64)
    shown = (curve.values if values is None else values)[places]
    keep = curve.current[places] & np.isfinite(shown)
    return curve.steps[places][keep], shown[keep]


def _scale(
    analysis: Analysis, line: tuple[Ints, Floats], marks: tuple[Ints, Floats]
) -> tuple[float, float, float, float, bool]:
    """First and last step, lowest and highest figure, and whether they are logs."""
    curves = [c for c in (analysis.train, analysis.val) if c is not None and len(c)]
    # Of all points: a run that ends in NaN leaves its end of the chart empty.
    steps = np.array([(c.steps.min(), c.steps.max()) for c in curves])
    values = np.concatenate((line[1], marks[1]))
    log = bool((values > 0).all())
    ends = np.array((values.min(), values.max()))
    low, high = (np.log(ends) if log else ends).tolist()
    return float(steps.min()), float(steps.max()), low, high, log


def _names(
    scale: tuple[float, float, float, float, bool], lang: str
) -> tuple[str, str, str]:
    """Figures for the top, the middle and the bottom of the axis."""
    _, _, low, high, log = scale
    at = (high, low + (high - low) / 2, low)
    top, middle, bottom = (loss(math.exp(x) if log else x, lang) for x in at)
    return top, middle, bottom


def _labels(
    analysis: Analysis,
    line: tuple[Ints, Floats],
    marks: tuple[Ints, Floats],
    lang: str,
) -> list[tuple[str, str, float]]:
    """Name and last figure of each curve, its style, and the figure itself."""
    bits = analysis.val is not None and analysis.val.metric == "val_bpb"
    curves = (("train", "train", line[1]), ("bpb" if bits else "val", "val", marks[1]))
    return [
        (f"{name} {loss(float(values[-1]), lang)}", style, float(values[-1]))
        for name, style, values in curves
        if len(values)
    ]


def _ends(frame: _Frame, labels: list[tuple[str, str, float]]) -> list[Piece]:
    """The labels on the rows where their curves end, never two on one row."""
    falling = sorted(labels, key=lambda label: -label[2])
    rows = frame.down(np.array([value for _, _, value in falling])) // _TALL
    if len(rows) > 1 and rows[0] == rows[1]:
        rows += (-1, 0) if rows[0] > 0 else (0, 1)
    ends: list[Piece] = [("", "")] * frame.rows
    for (text, style, _), row in zip(falling, rows, strict=True):
        ends[row] = (text, style)
    return ends


def _left(frame: _Frame, names: tuple[str, str, str], *, bars: str) -> list[Piece]:
    """The axis: a figure at the top, the middle and the bottom."""
    width = max(map(len, names))
    at = {frame.rows // 2: names[1], frame.rows - 1: names[2], 0: names[0]}
    return [
        (f"{at.get(row, ''):>{width}} {bars[row not in at]}", "muted")
        for row in range(frame.rows)
    ]


def _steps(frame: _Frame, margin: int, lang: str) -> Line:
    """The first and the last step, below the ends of the grid, as room allows."""
    first, last = integer(frame.first, lang), integer(frame.last, lang)
    if len(first) + len(last) < frame.columns:
        last = first + last.rjust(frame.columns - len(first))
    if len(last) > frame.columns:
        return []
    return [(" " * margin + last.rjust(frame.columns), "muted")]


def _grid(
    analysis: Analysis,
    frame: _Frame,
    line: tuple[Ints, Floats],
    marks: tuple[Ints, Floats],
    *,
    dots: bool,
) -> list[Line]:
    """Every cell with its style; marks are drawn over the line."""
    alone = len(line[0]) == 0
    codes = _line(frame, *(marks if alone else line))
    style = "val" if alone else "train"
    cells = [[(_glyph(int(code), dots=dots), style) for code in row] for row in codes]
    # A mark stands in the cell through which its line would run.
    rows, columns = frame.down(marks[1]) // _TALL, frame.across(marks[0]) // _WIDE
    best = analysis.summary.best_val_step
    for step, row, column in zip(marks[0], rows, columns, strict=True):
        if step != best and cells[row][column][1] != "best":
            cells[row][column] = ("o", "val")
        elif step == best:
            cells[row][column] = ("*", "best")
    return cells


def _line(frame: _Frame, steps: Ints, values: Floats) -> Ints:
    """Braille codes of a curve without gaps, shape (rows, columns)."""
    canvas = np.zeros((frame.tall, frame.wide), np.bool_)
    if len(steps):
        order = np.argsort(steps, kind="stable")
        at = frame.across(steps[order])
        down = frame.down(values[order])
        dense = np.arange(at[0], at[-1] + 1)
        between = np.rint(np.interp(dense, at, down)).astype(np.int64)
        top, bottom = between.copy(), between.copy()
        np.minimum.at(top, at - at[0], down)
        np.maximum.at(bottom, at - at[0], down)
        # Steep parts reach to their neighbour, so that the line has no gaps.
        bottom[:-1] = np.maximum(bottom[:-1], between[1:] - 1)
        top[:-1] = np.minimum(top[:-1], between[1:] + 1)
        height = np.arange(frame.tall)[:, None]
        canvas[:, dense] = (height >= top) & (height <= bottom)
    cells = canvas.reshape(frame.rows, _TALL, frame.columns, _WIDE)
    return np.asarray(np.einsum("rycx,yx->rc", cells, _DOTS))


def _glyph(code: int, *, dots: bool) -> str:
    """A cell as braille, or in ASCII by which half of it is inked."""
    if code == 0:
        return " "
    if dots:
        return chr(_BRAILLE + code)
    return ":" if code & _UPPER and code & _LOWER else "'" if code & _UPPER else "."


def joined(cells: Line) -> Line:
    """Neighbours of one style as one piece."""
    joined: Line = []
    for text, style in cells:
        if joined and joined[-1][1] == style:
            joined[-1] = (joined[-1][0] + text, style)
        else:
            joined.append((text, style))
    return joined
