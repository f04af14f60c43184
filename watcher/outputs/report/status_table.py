"""The table of `gptwatch status`: columns that fit, rows in a stable order."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.cells import cell_len
from watcher.outputs.text.escape import clean
from watcher.outputs.text.names import apart, shortened
from watcher.outputs.text.numbers import integer, loss, plain, seconds, short, size


_GAP: Final = 2
# A name is shortened in its middle, and never below this.
_SHORTEST: Final = 12
# Rather than the last two columns a part of the names is left out, if they stay apart.
_KEPT: Final = 2
_MINUTE_S: Final = 60
# States in which a run does nothing any more.
OVER: Final = frozenset({"finished", "stopped", "replaced", "unwatched", "crashed"})
# So many runs that are over are still read one by one.
_FOLDED: Final = 10
_MARKS: Final = {"critical": "!", "warning": "~"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, its cells, and when it is dropped.

    `rank`: the lowest is dropped first where the width is short; 0 is never dropped.
    `key`: what `--sort` sorts by, the largest first where `largest`.
    """

    name: str
    title: str
    cell: Callable[[Any, str], str]
    rank: int
    key: Callable[[Any], Any]
    largest: bool = False
    right: bool = True


def _known(form: Callable[[float, str], str], value: float | None, lang: str) -> str:
    return "" if value is None else plain(form(value, lang))


def _step(line: Any, lang: str) -> str:
    text = _known(integer, line.step, lang)
    planned = _known(integer, line.max_steps or None, lang)
    return f"{text} / {planned}" if planned else text


def _best(line: Any, lang: str) -> str:
    text = _known(loss, line.best_val, lang)
    if line.best_step is None:
        return text
    return f"{text} @ {_known(integer, line.best_step, lang)}"


def _left(line: Any, lang: str) -> str:
    left = line.eta_s if line.state in {"running", "quiet"} else None
    return _known(seconds, left, lang)


def _unread(line: Any, lang: str) -> str:
    """Bytes of the log that are not read yet, and since when."""
    if not line.lag_bytes:
        return ""
    return plain(f"{size(line.lag_bytes)}, {seconds(round(line.lag_s), lang)}")


def _updated(line: Any, lang: str) -> str:
    """How long ago the log last changed."""
    if line.age_s is None:
        return ""
    if line.age_s < _MINUTE_S:
        return f"{int(line.age_s)} {tr(lang, 's')}"
    return plain(seconds(round(line.age_s), lang))


def _name(line: Any, _: str) -> str:
    return clean(line.run)


def _mark(line: Any, _: str) -> str:
    return _MARKS.get(line.severity, "")


def _state(line: Any, lang: str) -> str:
    return tr(lang, line.state)


def _tags(line: Any, _: str) -> str:
    return clean(" ".join(line.tags or ()))


COLUMNS: Final = (
    Column("alert", "", _mark, 0, lambda a: a.severity, right=False),
    Column("run", message("run"), _name, 0, lambda a: a.run, right=False),
    Column("state", message("state"), _state, 0, lambda a: a.state, right=False),
    Column("step", message("step"), _step, 9, lambda a: a.step, largest=True),
    Column(
        "loss",
        message("loss"),
        lambda a, lang: _known(loss, a.loss, lang),
        5,
        lambda a: a.loss,
    ),
    Column(
        "val",
        message("val"),
        lambda a, lang: _known(loss, a.val_loss, lang),
        7,
        lambda a: a.val_loss,
    ),
    Column("best", message("best val"), _best, 8, lambda a: a.best_val),
    Column(
        "speed",
        message("tokens/s"),
        lambda a, lang: _known(short, a.tokens_per_s, lang),
        3,
        lambda a: a.tokens_per_s,
        largest=True,
    ),
    Column("left", message("time left"), _left, 6, lambda a: a.eta_s),
    Column("updated", message("updated"), _updated, 4, lambda a: a.age_s),
    Column(
        "elapsed",
        message("elapsed"),
        lambda a, lang: _known(seconds, a.elapsed_s, lang),
        2,
        lambda a: a.elapsed_s,
        largest=True,
    ),
    Column(
        "unread",
        message("unread"),
        _unread,
        1,
        lambda a: a.lag_bytes,
        largest=True,
    ),
    Column("tags", message("tags"), _tags, 2, lambda a: a.tags or None, right=False),
)
SORTS: Final = tuple(c.name for c in COLUMNS)


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows as text, a cell a column, all of one width a column."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def table(lines: Sequence[Any], *, lang: str, width: int | None) -> Table:
    """Cells in columns of equal width; `width` None: nothing is dropped or cut."""
    columns = [
        (c, [tr(lang, c.title), *(c.cell(line, lang) for line in lines)])
        for c in COLUMNS
    ]
    # A column without any value says nothing.
    columns = [pair for pair in columns if any(pair[1][1:]) or pair[0].name == "state"]
    if width is not None:
        columns = _fitting(columns, width)
    padded = [_padded(column, cells) for column, cells in columns]
    return Table(tuple(c.name for c, _ in columns), tuple(zip(*padded, strict=True)))


def _fitting(columns: Any, width: int) -> Any:
    """Drop the least important columns, then shorten the names."""
    while (over := _width(columns) - width) > 0:
        droppable = [pair for pair in columns if pair[0].rank]
        name = next(cells for c, cells in columns if c.name == "run")
        room = max(map(cell_len, name)) - over
        is_enough = len(droppable) <= _KEPT and room >= _SHORTEST
        if not droppable or (is_enough and apart(name[1:], room)):
            return _shortened(columns, over)
        columns.remove(min(droppable, key=lambda pair: pair[0].rank))
    return columns


def _width(columns: Any) -> int:
    cells = sum(max(map(cell_len, cells)) for _, cells in columns)
    return int(cells + _GAP * (len(columns) - 1))


def _shortened(columns: Any, over: int) -> Any:
    return [
        (
            c,
            [
                cells[0],
                *shortened(cells[1:], max(_SHORTEST, max(map(cell_len, cells)) - over)),
            ],
        )
        if c.name == "run"
        else (c, cells)
        for c, cells in columns
    ]


def _padded(column: Column, cells: Sequence[str]) -> list[str]:
    width = max(map(cell_len, cells))
    pad = [" " * (width - cell_len(cell)) for cell in cells]
    if column.right:
        return [space + cell for cell, space in zip(cells, pad, strict=True)]
    return [cell + space for cell, space in zip(cells, pad, strict=True)]


def ordered(lines: Sequence[Any], by: str | None) -> list[Any]:
    """Runs that need attention, then those in progress, by name, then those over."""
    if by is None:
        return sorted(lines, key=_urgency)
    column = next(c for c in COLUMNS if c.name == by)
    known = [line for line in lines if _comparable(column.key(line))]
    known.sort(key=lambda line: (column.key(line), line.run), reverse=column.largest)
    return known + [line for line in lines if not _comparable(column.key(line))]


def _comparable(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _urgency(line: Any) -> tuple[int, float, str]:
    over = line.state in OVER
    if needs_attention(line):
        return 0, 0.0 if line.severity == "critical" else 1.0, line.run
    # Of those that are over the last comes first; it does not move any more.
    return (2, -(line.updated or 0.0), line.run) if over else (1, 0.0, line.run)


def needs_attention(line: Any) -> bool:
    """Whether an alert fires for a run that can still be saved, or that crashed."""
    return bool(line.severity) and line.state not in OVER - {"crashed"}


def folded(lines: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The runs to show, and those that are over and many enough to fold."""
    shown: list[Any] = []
    over: list[Any] = []
    for line in lines:
        is_over = line.state in OVER and not needs_attention(line)
        (over if is_over else shown).append(line)
    return (shown, over) if len(over) > _FOLDED else (list(lines), [])


def matching(lines: Sequence[Any], text: str) -> list[Any]:
    """The runs whose name, state, format or tags hold every word of a text."""
    words = text.casefold().split()

    def holds(line: Any) -> bool:
        known = (line.run, line.state, line.format, line.severity, *(line.tags or ()))
        text = " ".join(known).casefold()
        return all(word in text for word in words)

    return [line for line in lines if holds(line)]


def details(line: Any, lang: str) -> Iterator[tuple[str, str]]:
    """All that is known of one run, name and value."""
    yield tr(lang, "run"), clean(line.run)
    yield tr(lang, "log"), clean(line.path)
    yield tr(lang, "log format"), line.format
    for column in COLUMNS[2:]:
        yield tr(lang, column.title), column.cell(line, lang)
    yield tr(lang, "picture"), clean(line.picture)
    for note in line.notes:
        yield tr(lang, "note"), clean(note)
