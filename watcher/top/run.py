"""One run: its losses, its figures, small charts, and the end of its log."""

from collections.abc import Iterator
from typing import Final

from watcher.outputs.report.status_table import COLUMNS
from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.numbers import mfu, milliseconds, ratio
from watcher.top import charts, pieces
from watcher.top.model import Model, Size
from watcher.top.pieces import Lines


# From so many columns the figures stand beside the chart.
_WIDE: Final = 100
_FIGURES: Final = 34
_HIGH: Final = 30
_TALL: Final = 20
_SMALL_ROWS: Final = 6
_SMALL_COLUMNS: Final = 32


def lines(model: Model, size: Size) -> Lines:
    """All rows between the title and the hints."""
    head = _head(model, size.columns)
    _, above = chart_area(model, size)
    if model.zoomed:
        return [*head, *charts.main(model, above)]
    figures = list(_figures(model))
    body = charts.main(model, above)
    body += [[] for _ in range(above.rows - len(body))]
    if size.columns >= _WIDE:
        width = max((len(name) for name, _ in figures), default=0)
        column: Lines = [
            [(f"{name:<{width}}  ", "muted"), (value, "")] for name, value in figures
        ]
        body = pieces.beside(body, column[: above.rows], above.columns + 2)
    return [*head, *body, *_small(model, size), *_log(model, size)]


def chart_area(model: Model, size: Size) -> tuple[int, Size]:
    """The first row of the main chart, and its size."""
    head = len(_head(model, size.columns))
    if model.zoomed:
        return head, Size(size.columns, size.rows - head)
    return head, Size(chart_columns(size), chart_rows(size, head))


def chart_columns(size: Size) -> int:
    """Columns of the main chart."""
    return size.columns - _FIGURES - 2 if size.columns >= _WIDE else size.columns


def chart_rows(size: Size, head: int) -> int:
    """Rows of the main chart, below so many."""
    rest = small_rows(size) + log_rows(size)
    return max(4, size.rows - head - rest)


def small_rows(size: Size) -> int:
    """Rows of the small charts, where there is room for them."""
    return _SMALL_ROWS if size.rows >= _HIGH else 0


def small_charts(size: Size) -> int:
    """How many small charts stand beside each other."""
    return size.columns // _SMALL_COLUMNS if small_rows(size) else 0


def log_rows(size: Size) -> int:
    """Rows of the log, with the rule above them."""
    return 7 if size.rows >= _HIGH else 4 if size.rows >= _TALL else 0


def _head(model: Model, room: int) -> Lines:
    """The headline, the first alerts, and the values at the crosshair."""
    entry = model.entry(model.run)
    if entry is None:
        return [[]]
    text = entry.text(model.look.lang)
    text = text or tr(model.look.lang, entry.line.state)
    found: Lines = [[(pieces.cut(pieces.safe(text), room), entry.line.severity)]]
    if room < _WIDE:
        known = [f"{name} {value}" for name, value in _figures(model) if value]
        found.append([(pieces.whole(known[1:], room), "muted")])
    return [*found, pieces.fitted(charts.readout(model), room)]


def _figures(model: Model) -> Iterator[tuple[str, str]]:
    """Name and value of each figure that is known."""
    entry, lang = model.entry(model.run), model.look.lang
    if entry is None:
        return
    for column in COLUMNS[2:]:
        value = column.cell(entry.line, lang)
        if value and column.name != "updated":
            yield tr(lang, column.title), value
    summary = model.loaded.row.get("summary", {})
    for name, form in _MORE.items():
        value = summary.get(name)
        if isinstance(value, int | float):
            yield tr(lang, _TITLES[name]), pieces.safe(form(value, lang))
    for note in entry.line.notes:
        yield tr(lang, "note"), pieces.safe(note)


_MORE: Final = {
    "ratio": lambda value, _: ratio(value),
    "typical_ms": milliseconds,
    "typical_mfu": mfu,
}
_TITLES: Final = {
    "ratio": message("val/train"),
    "typical_ms": message("iteration"),
    "typical_mfu": "MFU",
}


def _small(model: Model, size: Size) -> Lines:
    """Charts of other metrics in a row."""
    if not small_rows(size) or not model.loaded.small:
        return [[] for _ in range(small_rows(size))]
    columns = size.columns // max(len(model.loaded.small), 1)
    found: Lines = [[] for _ in range(small_rows(size))]
    for place, curve in enumerate(model.loaded.small):
        block = charts.small(model, curve, Size(columns - 2, small_rows(size)))
        found = pieces.beside(found, block, place * columns) if place else block
    return [*found, *([] for _ in range(small_rows(size) - len(found)))]


def _log(model: Model, size: Size) -> Lines:
    """The last lines of the log, below a rule."""
    n = log_rows(size)
    if not n:
        return []
    excerpt = model.loaded.excerpt
    texts = excerpt.lines[-(n - 1) :] if excerpt else [model.loaded.problem]
    shown: Lines = [
        [(pieces.cut(pieces.safe(text), size.columns), "")] for text in texts
    ]
    return [[("─" * size.columns, "muted")], *shown]
