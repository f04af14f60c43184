"""All alerts: those that fire, then history; what each means and what to do."""

import time
from typing import Final

from watcher.outputs.text.catalog import tr
from watcher.outputs.text.cells import cell_len
from watcher.outputs.text.names import shortened
from watcher.outputs.text.numbers import integer, plain
from watcher.top import pieces
from watcher.top.model import Item, Model, Size
from watcher.top.pieces import Line, Lines


_MARKS: Final = {"critical": "!", "warning": "~", "info": "i"}
# Rows of the selected alert: of its text, its advice, the rule above and the title.
_DETAIL: Final = 8
_NARROW_DETAIL: Final = 12
_NARROW: Final = 80
_LEAST_ROWS: Final = 3


def lines(model: Model, size: Size) -> Lines:
    """A row for each alert, and below them the selected one whole."""
    lang, items = model.look.lang, model.loaded.alerts
    if not items:
        return [[(tr(lang, "no alerts"), "muted")]]
    n = page(size)
    at = min(model.item, len(items) - 1)
    first = at // n * n
    made: Lines = []
    page_of = items[first : first + n]
    names = [pieces.safe(item.run) for item in page_of]
    room = min(max(map(cell_len, names)), size.columns // 3)
    shown = zip(page_of, shortened(names, room), strict=True)
    for place, (item, name) in enumerate(shown, first):
        line = _row(item, pieces.padded(name, room), lang)
        if place == at:
            line = pieces.styled(pieces.filled(line, size.columns), "selected")
        made.append(pieces.fitted(line, size.columns))
    made += [[] for _ in range(n - len(made))]
    return [*made, [("─" * size.columns, "muted")], *_detail(items[at], size, lang)]


def page(size: Size) -> int:
    """Rows of the list."""
    return max(_LEAST_ROWS, size.rows - _detail_rows(size))


def _detail_rows(size: Size) -> int:
    return _DETAIL if size.columns >= _NARROW else _NARROW_DETAIL


def item_at(model: Model, size: Size, row: int) -> int | None:
    """The alert in a row; None where there is none."""
    n, last = page(size), len(model.loaded.alerts) - 1
    found = max(min(model.item, last), 0) // n * n + row
    return found if 0 <= row < n and found <= last else None


def chosen(model: Model) -> Item | None:
    """The selected alert."""
    items = model.loaded.alerts
    return items[min(model.item, len(items) - 1)] if items else None


def _row(item: Item, name: str, lang: str) -> Line:
    style = item.severity if item.state == "firing" else "muted"
    state = tr(lang, "silenced") if item.silenced else tr(lang, item.state)
    line: Line = [(f"{_MARKS.get(item.severity, ' ')} ", style), (f"{name}  ", "bold")]
    line.append((f"{_clock(item.since)}  {pieces.padded(state, 9)}  ", "muted"))
    return [*line, (pieces.safe(item.text), style)]


def _detail(item: Item, size: Size, lang: str) -> Lines:
    step = plain(integer(item.step, lang))
    head = f"{item.rule} · {tr(lang, item.severity)} · {tr(lang, 'step')} {step}"
    found: Lines = [[(head, "bold")]]
    n = _detail_rows(size) // 2 - 1
    for row in pieces.wrapped(pieces.safe(item.text), size.columns)[:n]:
        found.append([(row, "")])
    if item.advice:
        text = tr(lang, "To do: {advice}", advice=pieces.safe(item.advice))
        found += [[(row, "good")] for row in pieces.wrapped(text, size.columns)[:n]]
    return found


def _clock(at: float) -> str:
    return time.strftime("%m-%d %H:%M", time.localtime(at))
