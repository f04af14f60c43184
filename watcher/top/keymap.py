"""Every key: what it does on which screen.  Help, the palette and `update` read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from watcher.outputs.text.catalog import message, tr


ALL: Final = ("list", "run", "lens", "alerts", "compare", "help")
_TABLES: Final = ("list", "alerts", "help")
_ROWS: Final = (*_TABLES, "lens")
_CHARTS: Final = ("run", "lens", "compare")


@dataclass(frozen=True, slots=True)
class Binding:
    """An action, its keys, the screens that have it, and a text for the help."""

    action: str
    keys: tuple[str, ...]
    screens: tuple[str, ...]
    help: str


BINDINGS: Final = (
    Binding("down", ("down", "j"), _ROWS, message("next row")),
    Binding("up", ("up", "k"), _ROWS, message("previous row")),
    Binding("page_down", ("pgdn", "^F"), _ROWS, message("a page down")),
    Binding("page_up", ("pgup", "^B"), _ROWS, message("a page up")),
    Binding("first", ("g", "home"), _TABLES, message("first row")),
    Binding("last", ("G", "end"), _TABLES, message("last row")),
    Binding("open", ("enter",), ("list",), message("open the run")),
    Binding("column_left", ("left", "H"), ("list",), message("column to the left")),
    Binding("column_right", ("right", "L"), ("list",), message("column to the right")),
    Binding("sort", ("o",), ("list",), message("sort by the column")),
    Binding("reverse", ("r",), ("list",), message("reverse the order")),
    Binding("filter", ("/",), ("list",), message("filter by name or state")),
    Binding("mark", (" ",), ("list",), message("mark for comparison")),
    Binding("unmark", ("u",), ("list",), message("unmark all")),
    Binding("compare", ("c",), ("list",), message("compare the marked runs")),
    Binding("left", ("left", "H"), _CHARTS, message("crosshair to the left")),
    Binding("right", ("right", "L"), _CHARTS, message("crosshair to the right")),
    Binding("far_left", ("<", "S-left"), _CHARTS, message("ten points to the left")),
    Binding("far_right", (">", "S-right"), _CHARTS, message("ten points to the right")),
    Binding("lens", ("enter",), ("run",), message("the log at the crosshair")),
    Binding("zoom_in", ("+", "="), _CHARTS, message("zoom in")),
    Binding("zoom_out", ("-",), _CHARTS, message("zoom out")),
    Binding("zoom_all", ("0",), _CHARTS, message("the whole curve")),
    Binding("follow", ("f",), ("run", "lens"), message("follow the end")),
    Binding("axis", ("x",), _CHARTS, message("axis: step, line, training time, clock")),
    Binding("log_x", ("l",), _CHARTS, message("logarithmic axis")),
    Binding("log_y", ("y",), _CHARTS, message("logarithmic values")),
    Binding("smooth", ("s",), _CHARTS, message("moving average: 10, 50, 200, off")),
    Binding("chart", ("tab",), ("run",), message("next metric")),
    Binding("metrics", ("m",), ("run",), message("choose the metrics")),
    Binding("zoom_chart", ("z",), ("run",), message("chart on the whole screen")),
    Binding("less", ("Z",), ("lens",), message("log and chart")),
    Binding("more", ("z",), ("lens",), message("log on the whole screen")),
    Binding("record", ("o",), ("lens",), message("what was read of the line")),
    Binding("search", ("/",), ("lens",), message("search the log")),
    Binding("find_next", ("n",), ("lens",), message("next match")),
    Binding("find_previous", ("N",), ("lens",), message("previous match")),
    Binding("goto", ("g",), ("lens",), message("go to a line")),
    Binding("follow", ("G", "end"), ("lens",), message("follow the end")),
    Binding("silence", ("S",), ("alerts",), message("silence the alert")),
    Binding("open_alert", ("enter",), ("alerts",), message("the log at the alert")),
    Binding("next_alert", ("a",), ("list", "run"), message("next run with an alert")),
    Binding("alerts", ("A",), ("list", "run", "lens"), message("all alerts")),
    Binding(
        "copy",
        ("e",),
        ("list", "run"),
        message("copy the path of its picture"),
    ),
    Binding("palette", (":",), ALL, message("any action by its name")),
    Binding("pause", ("p",), ALL, message("pause the screen, go on")),
    Binding("redraw", ("^L",), ALL, message("redraw the screen")),
    Binding("suspend", ("^Z",), ALL, message("suspend the program")),
    Binding("help", ("?",), ALL, message("keys of this screen")),
    Binding("back", ("esc", "backspace"), ALL, message("back")),
    Binding("quit", ("q",), ALL, message("quit")),
)
_BY_KEY: Final = {
    (screen, key): binding.action
    for binding in BINDINGS
    for screen in binding.screens
    for key in binding.keys
}
_NAMES: Final = {
    "down": "↓",
    "up": "↑",
    "left": "←",
    "right": "→",
    "S-left": "Shift-←",
    "S-right": "Shift-→",
    " ": message("space"),
    "pgdn": "PgDn",
    "pgup": "PgUp",
}


def action(screen: str, key: str) -> str | None:
    """What a key does on a screen; None where it does nothing."""
    return _BY_KEY.get((screen, key))


def of(screen: str) -> Sequence[Binding]:
    """The bindings of a screen."""
    return [binding for binding in BINDINGS if screen in binding.screens]


def shown(key: str, lang: str) -> str:
    """The name of a key, as the help has it."""
    name = tr(lang, _NAMES.get(key, key))
    return f"Ctrl-{name[1]}" if len(name) > 1 and name[0] == "^" else name
