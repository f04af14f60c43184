"""Curves for pictures: as many points as pixels can show, of runs of any length.

    series = Series(database)  # keep it: it only takes in what was added
    curve(series, row.id, "loss", parts=analysis.segments, width=1200)

Nothing but the blocks of the metric is read; the run is not loaded.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from parsers import metrics
from parsers.batch import Floats
from watcher.analysis.model import Curve, Segment
from watcher.analysis.segments import current
from watcher.views.pyramid import Cells
from watcher.views.series import Series, Window
from watcher.views.source import NO_POINTS, Points


# Of a pixel: first, lowest, highest and last value.
PER_PIXEL: Final = 4


def curve(
    series: Series,
    run: int,
    metric: str,
    *,
    parts: Sequence[Segment] = (),
    unit: str | None = None,
    width: int = 1200,
    smooth: int = 0,
    log: bool = False,
) -> Curve | None:
    """A metric of a run with all its extremes, None without points.

    Every point of a curve of up to `PER_PIXEL * width`; of a longer one the first, the
    lowest, the highest and the last value of each of `width` stretches of the log (of
    the axis of steps where `log`), and a NaN where one of them holds some.  The line
    and the step of a lowest and a highest value are those of the middle of its stretch.

    `parts`: segments, which a moving average over `smooth` points does not cross.
    """
    points = None if smooth else series.whole(run, metric, PER_PIXEL * width)
    if points is None:
        axis = "steps" if log else "lines"
        window = Window(axis=axis, width=width, log=log, smooth=smooth)
        points = _decimated(series, run, metric, parts, window)
    if not len(points):
        return None
    lines, steps = points.lines.astype(np.int64), points.steps.astype(np.int64)
    unit = metrics.unit(metric) if unit is None else unit
    is_current = current(lines, steps, parts)
    return Curve(metric, unit, steps, points.values, lines, is_current)


def _decimated(
    series: Series, run: int, metric: str, parts: Sequence[Segment], window: Window
) -> Points:
    first_lines = [float(part.first_line) for part in parts[1:]]
    found = series.curves(run, [metric], window, first_lines=first_lines)
    return _joined([_points(cells) for curve in found for _, cells in curve.parts])


def _points(cells: Cells) -> Points:
    """The points of cells, in their order, each once."""
    has_gap = np.isfinite(cells.first) & (cells.bad > 0)
    rises = cells.last >= cells.first
    near = np.where(rises, cells.low, cells.high)
    far = np.where(rises, cells.high, cells.low)
    gap = np.full(len(cells), np.nan)
    values = np.stack([cells.first, gap, near, far, cells.last], axis=1)
    several = cells.last_line > cells.first_line
    kept = np.ones(values.shape, dtype=bool)
    kept[:, 1] = has_gap
    kept[:, 2] = several & (near != cells.first) & np.isfinite(near)
    kept[:, 3] = several & (far != cells.last) & np.isfinite(far)
    kept[:, 4] = several
    lines = _spread(cells.first_line, cells.last_line)
    steps = _spread(cells.first_step, cells.last_step)
    return Points(lines[kept], steps[kept], values[kept])


def _spread(first: Floats, last: Floats) -> Floats:
    """Keys of the five points of each cell: its ends, and its middle."""
    middle = (first + last) // 2
    return np.stack([first, middle, middle, middle, last], axis=1)


def _joined(found: Sequence[Points]) -> Points:
    if not found:
        return NO_POINTS
    return Points(
        np.concatenate([part.lines for part in found]),
        np.concatenate([part.steps for part in found]),
        np.concatenate([part.values for part in found]),
    )
