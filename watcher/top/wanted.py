"""What a screen needs to be read, from the model alone."""

from typing import Final

from watcher.top import charts, frame, lens, run
from watcher.top import list as runs
from watcher.top.model import FOLD, Model, Size, Wanted


# Lines of the log are read in blocks: moving by a line reads nothing.
_BLOCK: Final = 256


def wanted(model: Model, size: Size) -> Wanted:
    """What the screen of the model shows beside the list."""
    room = frame.body(size)
    if model.screen == "list":
        visible = runs.visible(model, room)
        return Wanted(sparks=tuple(r for r in visible if r != FOLD))
    if model.screen == "run":
        return _run(model, room)
    if model.screen == "lens":
        return _lens(model, room)
    if model.screen == "alerts":
        return Wanted(alerts=True)
    if model.screen == "compare":
        return _compare(model, room)
    return Wanted()


def _run(model: Model, room: Size) -> Wanted:
    columns = room.columns if model.zoomed else run.chart_columns(room)
    n = 0 if model.zoomed else run.small_charts(room)
    entry = model.entry(model.run)
    last = entry.lines if entry else 0
    rows = 0 if model.zoomed else run.log_rows(room)
    return Wanted(
        run=model.run,
        chart=model.chart,
        pinned=model.pinned,
        clock=charts.clock(model),
        window=charts.window(model, columns),
        small=n,
        small_width=2 * (room.columns // n) if n else 0,
        line=model.line,
        log=(max(last - rows + 2, 1), last) if rows and last else None,
    )


def _lens(model: Model, room: Size) -> Wanted:
    at = lens.current(model)
    first = max(at - room.rows, 1) // _BLOCK * _BLOCK + 1
    last = -(-(at + room.rows) // _BLOCK) * _BLOCK
    return Wanted(
        run=model.run,
        chart=model.chart,
        clock=charts.clock(model),
        window=charts.window(model, room.columns),
        line=at,
        log=(first, last),
        record=model.record,
    )


def _compare(model: Model, room: Size) -> Wanted:
    return Wanted(
        clock=charts.clock(model),
        window=charts.window(model, room.columns),
        compared=tuple(sorted(model.marked)),
    )
