"""The leaderboard: a row a run, ranked, with the settings that differ."""

import io
import json
import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from watcher.outputs.comparable import differs, incomparable, title
from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.cells import cell_len
from watcher.outputs.text.escape import clean
from watcher.outputs.text.numbers import (
    integer,
    loss,
    mfu,
    milliseconds,
    plain,
    seconds,
    setting,
    short,
)


if TYPE_CHECKING:  # commands list the figures, and need no numpy for that
    from watcher.analysis.model import Analysis

_GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class _Figure:
    """A figure of the summary: its heading, its form, and whether less is better."""

    label: str
    field: str
    form: Callable[[float, str], str]
    lowest: bool = True
    of_loss: bool = False


FIGURES: Final = MappingProxyType(
    {
        "val_loss": _Figure(message("best val"), "best_val", loss, of_loss=True),
        "final_val": _Figure(message("final val"), "final_val", loss, of_loss=True),
        "loss": _Figure(message("final train loss"), "final_loss", loss, of_loss=True),
        "step": _Figure(message("last step"), "last_step", integer, lowest=False),
        "speed": _Figure(message("tokens/s"), "tokens_per_s", short, lowest=False),
        "iteration": _Figure(message("typical iteration"), "typical_ms", milliseconds),
        "mfu": _Figure(message("MFU"), "typical_mfu", mfu, lowest=False),
        "time": _Figure(message("total time"), "training_s", seconds),
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """A run: its rank, None where it has none, its figures and its settings."""

    rank: int | None
    run: str
    path: str
    figures: dict[str, float | None]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Board:
    """Rows in their order; `reason`: why none is ranked, "" where they are."""

    by: str
    rows: tuple[Row, ...]
    reason: str

    @property
    def settings(self) -> list[str]:
        """Names of the settings that differ, in the order of the logs."""
        return list(dict.fromkeys(n for row in self.rows for n in row.settings))


def board(analyses: "Sequence[Analysis]", by: str = "val_loss") -> Board:
    """Rank runs by a figure, the best first; those without it come last."""
    figure = FIGURES[by]
    reason = incomparable(analyses, trained=by == "loss") if figure.of_loss else ""
    differing = _differing(analyses)
    known = [(_value(a, figure), a) for a in analyses]
    known.sort(key=lambda pair: _order(pair[0], lowest=figure.lowest))
    rows = tuple(
        Row(
            rank=None if reason or value is None else place,
            run=analysis.name,
            path=analysis.path,
            figures={name: _value(analysis, f) for name, f in FIGURES.items()},
            settings={n: analysis.info[n] for n in differing if n in analysis.info},
        )
        for place, (value, analysis) in enumerate(known, start=1)
    )
    return Board(by, rows, reason)


def _value(analysis: "Analysis", figure: _Figure) -> float | None:
    value = getattr(analysis.summary, figure.field)
    return value if value is not None and math.isfinite(value) else None


def _order(value: float | None, *, lowest: bool) -> tuple[bool, float]:
    return value is None, (value or 0.0) * (1 if lowest else -1)


def _differing(analyses: "Sequence[Analysis]") -> list[str]:
    """Settings for which two runs state different values."""
    names = dict.fromkeys(name for a in analyses for name in a.info)
    return [name for name in names if differs(analyses, name)]


def _cells(made: Board, lang: str) -> list[list[str]]:
    """Headings and rows as text, without columns that no run fills."""
    figures = [made.by, *(name for name in FIGURES if name != made.by)]
    settings = made.settings
    head = ["#", tr(lang, "run"), *(tr(lang, FIGURES[n].label) for n in figures)]
    rows = [[*head, *(title(name, lang) for name in settings)]]
    for row in made.rows:
        shown = [_shown(row.figures[n], FIGURES[n], lang) for n in figures]
        stated = [_stated(row.settings.get(n), lang) for n in settings]
        rank = "" if row.rank is None else str(row.rank)
        rows.append([rank, clean(row.run), *shown, *stated])
    columns = [c for c in zip(*rows, strict=True) if any(c[1:])]
    return [list(row) for row in zip(*columns, strict=True)]


def _shown(value: float | None, figure: _Figure, lang: str) -> str:
    return "" if value is None else plain(figure.form(value, lang))


def _stated(value: Any, lang: str) -> str:
    return "" if value is None else plain(clean(setting(value, lang)))


def as_text(made: Board, *, lang: str, width: int | None = None) -> str:
    """A table in columns; in a `width`, the last columns are left out and named."""
    rows = _cells(made, lang)
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    fits = _fitting(widths, width)
    name = rows[0].index(tr(lang, "run"))
    lines = [
        _GAP.join(
            cell + " " * (size - cell_len(cell))
            if place == name
            else " " * (size - cell_len(cell)) + cell
            for place, (cell, size) in enumerate(zip(row, widths, strict=True))
            if place < fits
        ).rstrip()
        for row in rows
    ]
    if fits < len(widths):
        left = ", ".join(rows[0][fits:])
        text = tr(lang, "Left out for lack of width: {names}", names=left)
        lines += ["", *textwrap.wrap(text, width or len(text))]
    return "\n".join([*lines, *_notes(made, lang)])


def _fitting(widths: Sequence[int], width: int | None) -> int:
    """How many columns fit, three at least: rank, run and the figure."""
    used = 0
    for place, size in enumerate(widths):
        used += size + len(_GAP)
        if width is not None and used - len(_GAP) > width:
            return max(3, place)
    return len(widths)


def _notes(made: Board, lang: str) -> list[str]:
    return ["", tr(lang, made.reason)] if made.reason else []


def as_markdown(made: Board, *, lang: str) -> str:
    """A table for an issue, a wiki, a chat."""
    head, *rows = [[_escaped(cell) for cell in row] for row in _cells(made, lang)]
    name = head.index(tr(lang, "run"))
    rule = ["---" if place == name else "---:" for place in range(len(head))]
    lines = [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]
    return "\n".join([*lines, *_notes(made, lang)])


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def as_csv(made: Board) -> str:
    """Unrounded values, a row a run, for a spreadsheet."""
    import csv

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    settings = made.settings
    writer.writerow(["rank", "run", "path", *FIGURES, *settings])
    for row in made.rows:
        figures = (row.figures[name] for name in FIGURES)
        stated = (row.settings.get(name) for name in settings)
        writer.writerow([row.rank, clean(row.run), clean(row.path), *figures, *stated])
    return out.getvalue().removesuffix("\n")


def as_json(made: Board) -> str:
    """Unrounded values for a program."""
    rows = [
        {
            "rank": row.rank,
            "run": row.run,
            "path": row.path,
            "figures": row.figures,
            "settings": row.settings,
        }
        for row in made.rows
    ]
    known = {"by": made.by, "comparable": not made.reason, "reason": made.reason}
    return json.dumps(known | {"runs": rows}, indent=2)
