"""`update(model, key)`: the model after a key; what is outside comes as effects."""

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Final

from watcher.outputs.text.catalog import tr
from watcher.top import (
    alerts,
    charts,
    keymap,
    lens,
    metric_order,
    mouse,
    prompts,
    table,
)
from watcher.top import list as runs
from watcher.top.frame import body, help_rows
from watcher.top.model import FOLD, Effect, Model, Mouse


# Points of the moving average, and what follows.
SMOOTH: Final = {0: 10, 10: 50, 50: 200, 200: 0}
_FACTOR: Final = 0.5
_FAR: Final = 10
_MOST: Final = 26  # runs in one comparison


def update(model: Model, key: str | Mouse) -> Model:
    """The model after a key was pressed, or the mouse used."""
    model = replace(model, message="")
    if isinstance(key, Mouse):
        done = mouse.used(model, key)
        return done if isinstance(done, Model) else reduce(act, done, model)
    if model.prompt is not None:
        found = prompts.typed(model, key)
        if isinstance(found, Model):
            return found
        return act(replace(model, prompt=None), found)
    action = keymap.action(model.screen, key)
    return act(model, action) if action else model


def act(model: Model, action: str) -> Model:
    """The model after an action, by its name."""
    return ACTIONS[action](model)


def _effect(kind: str) -> Callable[[Model], Model]:
    return lambda model: replace(model, effects=(*model.effects, Effect(kind)))


def _prompt(kind: str) -> Callable[[Model], Model]:
    return lambda model: prompts.opened(model, kind)


def _moved(by: int) -> Callable[[Model], Model]:
    def move(model: Model) -> Model:
        if model.screen == "list":
            return _row(model, by)
        if model.screen == "alerts":
            last = max(len(model.loaded.alerts) - 1, 0)
            return replace(model, item=min(max(model.item + by, 0), last))
        if model.screen == "help":
            room = body(model.size)
            last = max(help_rows(model, room) - room.rows, 0)
            return replace(model, scrolled=min(max(model.scrolled + by, 0), last))
        return _line(model, by)

    return move


def _paged(sign: int) -> Callable[[Model], Model]:
    def move(model: Model) -> Model:
        size = body(model.size)
        pages = {
            "list": runs.page(size, model),
            "alerts": alerts.page(size),
            "lens": lens.log_rows(size, model),
            "help": size.rows,
        }
        return _moved(sign * pages[model.screen])(model)

    return move


def _row(model: Model, by: int) -> Model:
    shown = table.rows(model)
    if not shown:
        return model
    chosen = table.selected(model)
    at = shown.index(chosen) if chosen is not None else 0
    return replace(model, run=shown[min(max(at + by, 0), len(shown) - 1)])


def _line(model: Model, by: int) -> Model:
    """Another line of the log; behind the last one its end is followed."""
    entry = model.entry(model.run)
    last = entry.lines if entry else 1
    at = max(lens.current(model) + by, 1)
    return replace(model, line=None if at > last else at)


def _end(sign: int) -> Callable[[Model], Model]:
    return _moved(sign * 1_000_000)


def _opened(model: Model) -> Model:
    run = table.selected(model)
    if run == FOLD:
        return replace(model, unfolded=True)
    if run is None:
        return model
    fresh = replace(model, run=run, window=None, line=None, chart="", zoomed=False)
    return fresh.to("run")


def _sorted(model: Model) -> Model:
    form = table.form(model, model.size.columns)
    name = form.columns[table_column(model)][0].name
    if name not in table.SORTED or name == model.sort:
        return replace(model, sort=None)
    return replace(model, sort=name, reverse=False)


def table_column(model: Model) -> int:
    """The chosen column among those that fit."""
    return runs.column_at(model, table.form(model, model.size.columns))


def _column(by: int) -> Callable[[Model], Model]:
    return lambda model: replace(model, column=max(table_column(model) + by, 1))


def _marked(model: Model) -> Model:
    run = table.selected(model)
    if run is None or run == FOLD:
        return model
    model = replace(model, marked=model.marked ^ {run})
    return _row(replace(model, run=run), 1)


def _compared(model: Model) -> Model:
    least = 2
    if len(model.marked) < least:
        text = "mark at least two runs with the space bar"
        return replace(model, message=tr(model.look.lang, text))
    marked = frozenset(sorted(model.marked)[:_MOST])
    fresh = replace(model, marked=marked, window=None, line=None, chart="")
    return fresh.to("compare")


def _next_alert(model: Model) -> Model:
    """The next run that needs attention, in the order of the list."""
    found = [entry.run for entry in table.urgent(model.fleet.entries)]
    if not found:
        return replace(model, message=tr(model.look.lang, "no alerts are firing"))
    at = found.index(model.run) + 1 if model.run in found else 0
    run = found[at % len(found)]
    return replace(model, run=run, window=None, line=None)


def _open_alert(model: Model) -> Model:
    """The log at an alert: the line of its step is looked up outside."""
    item = alerts.chosen(model)
    if item is None:
        return model
    effect = Effect("find", (item.run, item.step))
    return replace(model, effects=(*model.effects, effect))


def _silence(model: Model) -> Model:
    return prompts.opened(model, "silence") if alerts.chosen(model) else model


def _found(sign: int) -> Callable[[Model], Model]:
    def find(model: Model) -> Model:
        if not model.search:
            return prompts.opened(model, "search")
        effect = Effect("search", (model.search, sign))
        return replace(model, effects=(*model.effects, effect))

    return find


def _copied(model: Model) -> Model:
    """The path of the picture; which one is asked where there is a report, too."""
    run = table.selected(model) if model.screen == "list" else model.run
    entry = model.entry(run)
    if entry is None or not entry.line.picture:
        return replace(model, message=tr(model.look.lang, "there is no picture yet"))
    if entry.report:
        return prompts.opened(replace(model, run=run), "copy")
    return prompts.copied(model, entry.line.picture)


def _back(model: Model) -> Model:
    """The screen before; on the list first the filter, then the fold."""
    if model.screen == "run" and model.zoomed:
        return replace(model, zoomed=False)
    if model.back:
        return replace(model, screen=model.back[-1], back=model.back[:-1])
    if model.filter:
        return replace(model, filter="")
    return replace(model, unfolded=False, sort=None, reverse=False)


def _quit(model: Model) -> Model:
    return replace(model, effects=(*model.effects, Effect("quit")))


ACTIONS: Final[dict[str, Callable[[Model], Model]]] = {
    "down": _moved(1),
    "up": _moved(-1),
    "page_down": _paged(1),
    "page_up": _paged(-1),
    "first": _end(-1),
    "last": _end(1),
    "open": _opened,
    "column_left": _column(-1),
    "column_right": _column(1),
    "sort": _sorted,
    "reverse": lambda model: replace(model, reverse=not model.reverse),
    "filter": lambda model: prompts.opened(model, "filter", model.filter),
    "mark": _marked,
    "unmark": lambda model: replace(model, marked=frozenset()),
    "compare": _compared,
    "left": lambda model: charts.moved(model, -1),
    "right": lambda model: charts.moved(model, 1),
    "far_left": lambda model: charts.moved(model, -_FAR),
    "far_right": lambda model: charts.moved(model, _FAR),
    "lens": lambda model: model.to("lens"),
    "zoom_in": lambda model: charts.zoomed(model, _FACTOR),
    "zoom_out": lambda model: charts.zoomed(model, 1 / _FACTOR),
    "zoom_all": lambda model: replace(model, window=None),
    "follow": lambda model: replace(model, line=None, window=None),
    "axis": lambda model: replace(
        model, axis=charts.NEXT_AXIS[model.axis], window=None
    ),
    "log_x": lambda model: replace(model, log_x=not model.log_x),
    "log_y": lambda model: replace(model, log_y=not model.log_y),
    "smooth": lambda model: replace(model, smooth=SMOOTH[model.smooth]),
    "chart": lambda model: replace(model, chart=metric_order.following(model)),
    "metrics": _prompt("metrics"),
    "zoom_chart": lambda model: replace(model, zoomed=not model.zoomed),
    "more": lambda model: replace(model, context=True),
    "less": lambda model: replace(model, context=False),
    "record": lambda model: replace(model, record=not model.record),
    "search": _prompt("search"),
    "find_next": _found(1),
    "find_previous": _found(-1),
    "goto": _prompt("goto"),
    "silence": _silence,
    "open_alert": _open_alert,
    "next_alert": _next_alert,
    "alerts": lambda model: replace(model, item=0).to("alerts"),
    "copy": _copied,
    "palette": _prompt("palette"),
    "pause": lambda model: replace(model, paused=not model.paused),
    "redraw": _effect("redraw"),
    "suspend": _effect("suspend"),
    "help": lambda model: replace(model, scrolled=0).to("help"),
    "back": _back,
    "quit": _quit,
}
