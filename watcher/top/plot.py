"""Curves in characters: braille dots or ASCII, each column from what is below it.

A column of dots holds the lowest and the highest value of its points (M4), so that no
spike is lost at any zoom and the cost depends on the cells alone.
"""

import math
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from watcher.outputs.text.numbers import integer, loss, plain, seconds
from watcher.top.canvas import Axes, Canvas, Trace
from watcher.top.pieces import Line, Lines


_LEAST_COLUMNS: Final = 10
# Of the values so many at either end may be outliers, where they squeeze the rest.
_OUTER: Final = 0.1
_SQUEEZED: Final = 0.2
_SPARK: Final = "▁▂▃▄▅▆▇█"
_SPARK_ASCII: Final = "_.,-~=+*"


def chart(traces: Sequence[Trace], axes: Axes, lang: str) -> Lines:
    """The chart in its rows; later traces are drawn over earlier ones."""
    drawn = canvas(traces, axes, lang)
    if drawn is None:
        return []
    for trace in traces:
        drawn.draw(trace)
    if axes.since is not None:
        drawn.vertical(axes.since, "┊", "warning")
    if axes.best is not None:
        drawn.mark(*axes.best, "◆", "best")
    if axes.crosshair is not None:
        drawn.vertical(axes.crosshair, "│", "cross")
    return [*drawn.lines(traces), _keys(drawn, lang)]


def canvas(traces: Sequence[Trace], axes: Axes, lang: str) -> Canvas | None:
    """The empty chart; None where there is no value, or no room."""
    limits = _limits(traces, log=axes.log_y, robust=axes.robust)
    if limits is None:
        return None
    made = Canvas(axes, *limits, labels=_values(limits, lang), names=_names(traces))
    return made if made.columns >= _LEAST_COLUMNS and made.rows >= 1 else None


def spark(values: Sequence[float], room: int, *, ascii_only: bool) -> str:
    """A curve in one row; the lowest value is the lowest mark."""
    marks = _SPARK_ASCII if ascii_only else _SPARK
    known = np.asarray(values, float)[-room:]
    if not len(known):
        return ""
    low, high = float(known.min()), float(known.max())
    scale = (len(marks) - 1) / (high - low) if high > low else 0.0
    return "".join(marks[round((value - low) * scale)] for value in known.tolist())


def _limits(
    traces: Sequence[Trace], *, log: bool, robust: bool
) -> tuple[float, float, bool] | None:
    """The lowest and the highest value, and whether all of them have a logarithm."""
    both = [getattr(p, n) for t in traces for p in t.parts for n in ("low", "high")]
    values = np.concatenate(both) if both else np.empty(0)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = float(values.min()), float(values.max())
    # As `np.quantile`, which loads masked arrays: 10 ms before the first chart.
    places = (len(values) - 1) * np.array((_OUTER, 1 - _OUTER))
    inner = np.interp(places, np.arange(len(values)), np.sort(values)).tolist()
    if robust and 0 < inner[1] - inner[0] < _SQUEEZED * (high - low):
        low, high = inner
    return low, high, log and low > 0


def _values(limits: tuple[float, float, bool], lang: str) -> tuple[str, str, str]:
    """Figures for the top, the middle and the bottom."""
    low, high, log = limits
    middle = math.sqrt(low * high) if log else (low + high) / 2
    return loss(high, lang), loss(middle, lang), loss(low, lang)


def _names(traces: Sequence[Trace]) -> int:
    """The width of the names beside the ends of the curves."""
    return max((len(t.name) + 1 for t in traces if t.name and t.parts), default=0)


def key(at: float, axis: str, lang: str) -> str:
    """A key of an axis as text."""
    if axis == "time":
        return time.strftime("%m-%d %H:%M:%S", time.localtime(at))
    return plain(seconds(at, lang) if axis == "active" else integer(at, lang))


def _keys(canvas: Canvas, lang: str) -> Line:
    """The outer keys, below the ends of the chart."""
    first, last = (key(at, canvas.axes.axis, lang) for at in canvas.axes.span)
    room = canvas.columns - len(first)
    shown = first + last.rjust(room) if room > len(last) else first
    return [(" " * (canvas.margin + 1) + shown, "muted")]
