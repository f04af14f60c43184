"""The log around a line, with the point that the line holds on the chart above."""

from typing import Final

from watcher.outputs.text.catalog import tr
from watcher.outputs.text.numbers import integer, plain
from watcher.top import charts, pieces
from watcher.top.model import Model, Size
from watcher.top.pieces import Line, Lines


_CHART: Final = 3
_TALL: Final = 16
# Rows of what was read of the line.
_RECORD: Final = 3


def lines(model: Model, size: Size) -> Lines:
    """All rows between the title and the hints."""
    above = chart_rows(size, model)
    chart = charts.main(model, Size(size.columns, above)) if above else []
    chart += [[] for _ in range(above - len(chart))]
    head = pieces.fitted(charts.readout(model), size.columns)
    shown = _log(model, Size(size.columns, log_rows(size, model)))
    return [*chart, head, *shown, *_record(model, size.columns)]


def chart_rows(size: Size, model: Model) -> int:
    """Rows of the chart above the log."""
    return 0 if model.context or size.rows < _TALL else size.rows // _CHART


def log_rows(size: Size, model: Model) -> int:
    """Rows of the log itself."""
    record = _RECORD if model.record else 0
    return max(1, size.rows - chart_rows(size, model) - 2 - record)


def chart_area(model: Model, size: Size) -> tuple[int, Size]:
    """The first row of the chart, and its size."""
    return 0, Size(size.columns, chart_rows(size, model))


def line_at(model: Model, size: Size, row: int) -> int | None:
    """The line of the log in a row; None where there is none."""
    n, excerpt = log_rows(size, model), model.loaded.excerpt
    row -= chart_rows(size, model) + 1
    if excerpt is None or not 0 <= row < n:
        return None
    found = first_line(model, n) + row
    return found if found < excerpt.first + len(excerpt.lines) else None


def first_line(model: Model, rows: int) -> int:
    """The line in the first of so many rows of the log, the end in the lowest one."""
    entry = model.entry(model.run)
    last = entry.lines if entry else 1
    return max(min(current(model) - rows // 2, last - rows + 1), 1)


def current(model: Model) -> int:
    """The line that is marked."""
    entry = model.entry(model.run)
    last = entry.lines if entry else 1
    return last if model.line is None else model.line


def _log(model: Model, size: Size) -> Lines:
    excerpt, lang = model.loaded.excerpt, model.look.lang
    if excerpt is None:
        text = model.loaded.problem or tr(lang, "reading the log ...")
        return [[(row, "warning")] for row in pieces.wrapped(text, size.columns)]
    at = current(model)
    first = first_line(model, size.rows)
    width = len(str(excerpt.first + len(excerpt.lines)))
    found: Lines = []
    for number in range(first, first + size.rows):
        place = number - excerpt.first
        if not 0 <= place < len(excerpt.lines):
            continue
        text = _dotted(excerpt.lines[place])
        mark = "●" if number in model.loaded.marked else " "
        line: Line = [(f"{number:>{width}} ", "muted"), (f"{mark} ", "val")]
        line += _searched(text, model.search)
        if number == at:
            line = pieces.styled(pieces.filled(line, size.columns), "selected")
        found.append(pieces.fitted(line, size.columns))
    found = found[: size.rows]
    found += [[] for _ in range(size.rows - len(found))]
    of = entry.lines if (entry := model.entry(model.run)) else 0
    where = f"{pieces.safe(str(excerpt.path))}:{at}"
    text = tr(lang, "{where} of {n} lines", where=where, n=plain(integer(of, lang)))
    return [*found, [(pieces.ending(text, size.columns), "muted")]]


def _record(model: Model, room: int) -> Lines:
    """Where the line begins in its file, its format, and what was read of it."""
    entry, loaded, lang = model.entry(model.run), model.loaded, model.look.lang
    if not model.record or entry is None:
        return []
    at = "" if loaded.offset is None else plain(integer(loaded.offset, lang))
    head = [tr(lang, "byte {n}", n=at) if at else "", entry.line.format]
    values = (
        f"{pieces.safe(metric)} {value:.10g}" for metric, value in loaded.parsed.items()
    )
    known = [*filter(None, head), *values]
    if not loaded.parsed:
        known.append(tr(lang, "no values were read of this line"))
    rows = pieces.wrapped(" · ".join(known), room)[:_RECORD]
    made: Lines = [[(row, "good")] for row in rows]
    return [*made, *([] for _ in range(_RECORD - len(made)))]


def _dotted(text: str) -> str:
    """A line with control codes as dots: nothing of a log moves the cursor."""
    shown = "".join(c if c >= " " or c == "\t" else "·" for c in text).expandtabs(4)
    return pieces.safe(shown)


def _searched(text: str, search: str) -> Line:
    """The text with what is searched marked."""
    at = text.casefold().find(search.casefold()) if search else -1
    if at < 0:
        return [(text, "")]
    end = at + len(search)
    return [(text[:at], ""), (text[at:end], "found"), (text[end:], "")]
