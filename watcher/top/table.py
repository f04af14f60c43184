"""The table of runs: which are shown, in which order, in which columns."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from watcher.daemon.status import Line
from watcher.outputs.report.status_table import (
    COLUMNS,
    Column,
    folded,
    matching,
    needs_attention,
    ordered,
)
from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.cells import cell_len
from watcher.outputs.text.names import apart, shortened
from watcher.outputs.text.numbers import difference
from watcher.top.model import FOLD, Entry, Model


_GAP: Final = 2
_SHORTEST: Final = 12
# Rather than the last two columns a part of the names is left out, if they stay apart.
_KEPT: Final = 2
_BAR: Final = 8
SPARK: Final = 8


def _bar(line: Any, _: str) -> str:
    """How much of the plan is done."""
    if not line.max_steps or line.step is None:
        return ""
    full: int = min(_BAR, round(line.step / line.max_steps * _BAR))
    return "█" * full + "░" * (_BAR - full)


def _mark(line: Any, lang: str) -> str:
    """That of the alert, or how the run ended: colours are never alone."""
    return _own("alert").cell(line, lang) or _ENDS.get(line.state, "")


_ENDS: Final = {"crashed": "x", "finished": "✓"}


def _since_best(line: Any, _: str) -> str:
    if line.val_loss is None or line.best_val is None:
        return ""
    return f"+{difference(line.val_loss - line.best_val)}"


def _changed(line: Any, _: str) -> str:
    """When the log last changed: a time that stays when nothing changes."""
    if line.updated is None:
        return ""
    at = time.localtime(line.updated)
    today = at[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d", at)


def _own(name: str) -> Column:
    return next(c for c in COLUMNS if c.name == name)


_COLUMNS: Final = (
    replace(_own("alert"), cell=_mark),
    _own("run"),
    _own("state"),
    _own("step"),
    Column("bar", message("done"), _bar, 2, lambda a: a.step, right=False),
    _own("loss"),
    _own("val"),
    _own("best"),
    Column("delta", message("since best"), _since_best, 2, lambda a: a.val_loss),
    _own("speed"),
    _own("left"),
    replace(_own("updated"), cell=_changed, rank=2),
    _own("unread"),
    _own("tags"),
    Column("spark", message("curve"), lambda *_: "", 4, lambda _: None, right=False),
)
_AT: Final = {column.name: i for i, column in enumerate(_COLUMNS)}
# Columns whose order means something.
SORTED: Final = ("run", *(c.name for c in COLUMNS[2:]))


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns that fit: each with its place among the cells, its title and width."""

    columns: tuple[tuple[Column, int, str, int], ...]
    names: dict[int, str]


def cells(line: Line, lang: str) -> tuple[str, ...]:
    """The cells of a run, one for each column."""
    return tuple(column.cell(line, lang) for column in _COLUMNS)


def rows(model: Model) -> Sequence[int]:
    """The runs that are shown, in their order; FOLD where finished ones are folded."""
    return arranged(
        model.fleet.entries, model.sort, model.reverse, model.filter, model.unfolded
    )[0]


def selected(model: Model) -> int | None:
    """The selected row's run; the first one where it is not shown."""
    shown = rows(model)
    if model.run in shown:
        return model.run
    return shown[0] if shown else None


@lru_cache(4)
def arranged(
    entries: tuple[Entry, ...],
    by: str | None,
    reverse: bool,  # noqa: FBT001 - of a cached function
    text: str,
    unfolded: bool,  # noqa: FBT001
) -> tuple[tuple[int, ...], int]:
    """Runs in the order of the list, and how many are folded."""
    numbers = {id(entry.line): entry.run for entry in entries}
    by = by if by in {c.name for c in COLUMNS} else None
    lines = ordered(matching([e.line for e in entries], text), by)
    if reverse:
        lines.reverse()
    shown, over = (lines, []) if unfolded or by or text else folded(lines)
    found = tuple(numbers[id(line)] for line in shown)
    return (found + ((FOLD,) if over else ()), len(over))


@lru_cache(4)
def by_number(entries: tuple[Entry, ...]) -> dict[int, Entry]:
    """Entries by run."""
    return {entry.run: entry for entry in entries}


@lru_cache(4)
def urgent(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Runs that need attention, the most severe first."""
    numbers = {id(entry.line): entry for entry in entries}
    return tuple(
        numbers[id(line)]
        for line in ordered([e.line for e in entries], None)
        if needs_attention(line)
    )


def form(model: Model, columns: int) -> Layout:
    """The columns of the list; only folding changes them, not a filter or an order."""
    entries = model.fleet.entries
    if not (model.unfolded or model.sort or model.filter):
        shown = set(arranged(entries, None, False, "", False)[0])  # noqa: FBT003
        entries = tuple(entry for entry in entries if entry.run in shown)
    return layout(entries, columns - 2, model.look.lang)


@lru_cache(4)
def layout(entries: tuple[Entry, ...], room: int, lang: str) -> Layout:
    """Columns that fit: the least important are dropped, then names are shortened."""
    found = []
    widths = [entry.widths for entry in entries]
    for at, column in enumerate(_COLUMNS):
        title = tr(lang, column.title) if column.title else ""
        longest = max(map(itemgetter(at), widths), default=0)
        longest = SPARK if column.name == "spark" else longest
        if longest or not column.rank:
            found.append((column, at, title, max(longest, cell_len(title), 1)))
    while _total(found) > room and any(c[0].rank for c in found):
        if _ranked(found) <= _KEPT and _are_apart(entries, found, room):
            break
        found.remove(min((c for c in found if c[0].rank), key=lambda c: c[0].rank))
    return _shortened(entries, found, room)


def _total(found: Sequence[tuple[Column, int, str, int]]) -> int:
    return sum(width for *_, width in found) + _GAP * len(found)


def _are_apart(
    entries: Sequence[Entry], found: Sequence[tuple[Column, int, str, int]], room: int
) -> bool:
    """Whether the names may be shortened to what the other columns leave."""
    width = next(width for c, _, _, width in found if c.name == "run")
    left = width - _total(found) + room
    return left >= _SHORTEST and apart([e.cells[_AT["run"]] for e in entries], left)


def _ranked(found: Sequence[tuple[Column, int, str, int]]) -> int:
    return sum(c[0].rank > 0 for c in found)


def _shortened(
    entries: Sequence[Entry],
    found: Sequence[tuple[Column, int, str, int]],
    room: int,
) -> Layout:
    """Names as long as the room allows."""
    names = [entry.cells[_AT["run"]] for entry in entries]
    over = _total(found) - room
    width = max((e.widths[_AT["run"]] for e in entries), default=_SHORTEST)
    if over > 0:
        width = max(_SHORTEST, width - over)
        names = list(shortened(names, width)) if names else []
    columns = tuple(
        (c, at, title, max(width, cell_len(title)) if c.name == "run" else old)
        for c, at, title, old in found
    )
    return Layout(columns, {e.run: n for e, n in zip(entries, names, strict=True)})
