"""The list of runs: what needs attention, then a row for each run."""

from collections import Counter
from typing import Final

from watcher.outputs.report.status_table import OVER, needs_attention
from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.cells import cell_len
from watcher.outputs.text.numbers import count
from watcher.top import pieces
from watcher.top.model import FOLD, Entry, Model, Size
from watcher.top.pieces import Line, Lines
from watcher.top.plot import spark
from watcher.top.table import (
    SPARK,
    Layout,
    arranged,
    by_number,
    form,
    rows,
    selected,
    urgent,
)


_URGENT: Final = 3
_NAME: Final = 28  # cells of a name above the table
# A lower terminal shows the table alone.
_LOW: Final = 14
_STATES: Final = {
    "running": "good",
    "quiet": "good",
    "stalled": "warning",
    "crashed": "critical",
    "finished": "muted",
    "stopped": "muted",
}


def lines(model: Model, size: Size) -> Lines:
    """All rows between the title and the hints."""
    top = _needs(model, size)
    return [*top, *_table(model, Size(size.columns, size.rows - len(top)))]


def title(model: Model, room: int | None = None) -> str:
    """How many runs are in which state; those that need attention are left out last."""
    lang = model.look.lang
    states = Counter(entry.line.state for entry in model.fleet.entries)
    needing = sum(needs_attention(e.line) for e in model.fleet.entries)
    over = sum(n for state, n in states.items() if state in OVER)
    total = count(len(model.fleet.entries), "run", lang)
    going = states["running"] + states["quiet"]
    known = [
        tr(lang, text, n=n) if n else ""
        for n, text in (
            (going, message("{n} running")),
            (needing, message("{n} need you")),
            (over, message("{n} over")),
        )
    ]
    choices = ([total, *known], known, known[:2], known[1:2], known[:1])
    shown = [" · ".join(filter(None, parts)) for parts in choices]
    fitting = (text for text in shown if text and (not room or cell_len(text) <= room))
    return next(fitting, total)


def page(size: Size, model: Model) -> int:
    """Rows of the table that fit."""
    return max(1, size.rows - 1 - len(_needs(model, size)))


def visible(model: Model, size: Size) -> list[int]:
    """The runs on the page of the selected one."""
    shown, n = rows(model), page(size, model)
    chosen = selected(model)
    at = shown.index(chosen) if chosen is not None else 0
    first = at // n * n
    return list(shown[first : first + n])


def run_at(model: Model, size: Size, row: int) -> int | None:
    """The run in a row, or FOLD; None where there is none."""
    needs = len(_needs(model, size))
    if row < needs:
        found = [entry.run for entry in urgent(model.fleet.entries)[:_URGENT]]
    else:
        row -= needs + 1
        found = visible(model, size)
    return found[row] if 0 <= row < len(found) else None


def _needs(model: Model, size: Size) -> Lines:
    """The worst alerts, a line each."""
    found = urgent(model.fleet.entries)
    if size.rows < _LOW or not found:
        return []
    made: Lines = []
    for entry in found[:_URGENT]:
        mark = "!" if entry.line.severity == "critical" else "~"
        text = entry.text(model.look.lang)
        name = pieces.ending(pieces.safe(entry.line.run), _NAME)
        line: Line = [(f"{mark} ", entry.line.severity), (name, "bold")]
        made.append([*line, (f"  {pieces.safe(text)}", entry.line.severity)])
    if len(found) > _URGENT:
        more = tr(model.look.lang, "{n} more: A", n=len(found) - _URGENT)
        made.append([(f"  {more}", "muted")])
    return [*[pieces.fitted(line, size.columns) for line in made], []]


def _table(model: Model, size: Size) -> Lines:
    lang = model.look.lang
    entries = by_number(model.fleet.entries)
    layout = form(model, size.columns)
    chosen = selected(model)
    made = [_head(model, layout)]
    for run in visible(model, Size(size.columns, size.rows + len(_needs(model, size)))):
        line = _fold(model) if run == FOLD else _row(model, layout, entries[run])
        if run == chosen:
            line = pieces.styled(pieces.filled(line, size.columns), "selected")
        made.append(line)
    if not entries:
        made.append([(tr(lang, "no runs with metrics yet"), "muted")])
    elif not rows(model):
        text = tr(lang, "no run matches {filter}; esc shows all", filter=model.filter)
        made.append([(text, "muted")])
    return made


def _fold(model: Model) -> Line:
    entries = model.fleet.entries
    _, n = arranged(entries, model.sort, model.reverse, model.filter, model.unfolded)
    text = tr(model.look.lang, "{n} finished: enter shows them", n=n)
    return [(f"  ▸ {text}", "muted")]


def _head(model: Model, layout: Layout) -> Line:
    line: Line = [("  ", "")]
    for at, (column, _, name, width) in enumerate(layout.columns):
        is_right = column.right
        style = "bold column" if at == column_at(model, layout) else "bold"
        arrow = " "
        if column.name == model.sort:
            down = column.largest != model.reverse
            arrow = "▼" if down else "▲"
        shown = pieces.padded(name, width, right=is_right)
        line += [(shown, style), (f"{arrow} ", "bold")]
    return line


def column_at(model: Model, layout: Layout) -> int:
    """The chosen column, among those that fit."""
    return min(max(model.column, 1), len(layout.columns) - 1)


def _row(model: Model, layout: Layout, entry: Entry) -> Line:
    mark = "●" if entry.run in model.marked else " "
    line: Line = [(f"{mark} ", "bold")]
    for column, at, _, width in layout.columns:
        text, style = entry.cells[at], ""
        if column.name == "run":
            text = layout.names[entry.run]
        elif column.name == "state":
            style = _STATES.get(entry.line.state, "")
        elif column.name == "alert":
            style = entry.line.severity or _STATES.get(entry.line.state, "")
        elif column.name == "spark":
            values = model.loaded.sparks.get(entry.run, ())
            text, style = spark(values, SPARK, ascii_only=model.look.ascii), "val"
        elif column.name == "bar":
            style = "muted"
        shown = pieces.padded(text, width, right=column.right)
        line += [(shown, style), ("  ", "")]
    return line
