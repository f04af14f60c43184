"""The mouse: a click selects, a wheel moves or zooms, a drag zooms into a chart."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from watcher.top import alerts, charts, compare, lens, run
from watcher.top import list as runs
from watcher.top.frame import LEAST, body
from watcher.top.model import Model, Mouse, Size


_MOVES: Final = {"wheel up": ("up",) * 3, "wheel down": ("down",) * 3}
_ZOOMS: Final = {"wheel up": ("zoom_in",), "wheel down": ("zoom_out",)}
_WHEEL: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    **dict.fromkeys(("list", "lens", "alerts"), _MOVES),
    **dict.fromkeys(("run", "compare"), _ZOOMS),
}
_CHARTS: Final = {
    "run": run.chart_area,
    "lens": lens.chart_area,
    "compare": compare.chart_area,
}


def used(model: Model, event: Mouse) -> Model | Sequence[str]:
    """The model after an event, or the actions that it stands for."""
    size = model.size
    if model.prompt is not None or size.columns < LEAST.columns:
        return model
    if event.kind in _MOVES:
        return _WHEEL.get(model.screen, {}).get(event.kind, ())
    if event.kind == "press":
        return replace(model, pressed=event)
    start, model = model.pressed, replace(model, pressed=None)
    return model if start is None else _released(model, start, event)


def _released(model: Model, start: Mouse, end: Mouse) -> Model | Sequence[str]:
    room = body(model.size)
    # Below the title.
    row = start.row - 1
    if (area := _CHARTS.get(model.screen)) is not None:
        top, size = area(model, room)
        if top <= row < top + size.rows:
            return _charted(model, size, start.column, end.column)
    if start.row != end.row:
        return model
    if model.screen == "list":
        return _chosen(model, runs.run_at(model, room, row))
    if model.screen == "alerts":
        item = alerts.item_at(model, room, row)
        return model if item is None else replace(model, item=item)
    if model.screen == "lens":
        line = lens.line_at(model, room, row)
        return model if line is None else replace(model, line=line)
    return model


def _chosen(model: Model, found: int | None) -> Model | Sequence[str]:
    """Another row is selected; the selected one is opened."""
    if found is None:
        return model
    return ("open",) if found == model.run else replace(model, run=found)


def _charted(model: Model, size: Size, start: int, end: int) -> Model:
    """The crosshair at a column, or the chart between two of them."""
    first, last = sorted((start, end))
    low, high = (charts.key_at(model, size, column) for column in (first, last))
    if low is None or high is None:
        return model
    if low == high:
        return charts.crossed(model, low)
    return replace(model, window=(low, high))
