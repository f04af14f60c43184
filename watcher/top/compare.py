"""Marked runs: curves in one chart, results, and the settings that differ."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from watcher.outputs.comparable import title, unlike
from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.cells import cell_len
from watcher.outputs.text.numbers import integer, loss, plain, setting, short
from watcher.top import charts, pieces
from watcher.top.model import Model, Size
from watcher.top.pieces import Line, Lines
from watcher.views.pyramid import joined


_FIGURES: Final = (
    (message("best val"), "best_val", loss),
    (message("step"), "best_val_step", integer),
    (message("val"), "final_val", loss),
    (message("loss"), "final_loss", loss),
    (message("tokens/s"), "tokens_per_s", short),
)
_SETTINGS: Final = 6
_LEAST: Final = 3  # columns: letter, name, best
_NAME: Final = 28


def lines(model: Model, size: Size) -> Lines:
    """The chart, and below it a row for each run, the best first where one can be."""
    table = _table(model, size.columns)
    _, above = chart_area(model, size)
    chart = charts.main(model, above)
    chart += [[] for _ in range(above.rows - len(chart))]
    head = pieces.fitted(_readout(model), size.columns)
    return [head, *chart, *table][: size.rows]


def chart_area(model: Model, size: Size) -> tuple[int, Size]:
    """The first row of the chart, and its size."""
    table = len(model.loaded.compared) + 1 + bool(_reason(model))
    return 1, Size(size.columns, max(5, size.rows - table - 1))


def _readout(model: Model) -> Line:
    """The value of each run at the crosshair."""
    key = charts.crosshair(model)
    if key is None or model.axis != "steps":
        return charts.readout(model)
    lang = model.look.lang
    line: Line = [(f"{tr(lang, 'step')} {plain(integer(key, lang))}", "bold")]
    places = {known["run"]: i for i, known in enumerate(model.loaded.compared)}
    for run, curve in model.loaded.curves:
        if not curve.parts:
            continue  # outside of the window
        cells = joined([part for _, part in curve.parts])
        at = int(np.abs(cells.last_step - key).argmin())
        place = places.get(run, 0)
        text = f" · {charts.letter(place)} {loss(float(cells.last[at]), lang)}"
        line.append((text, charts.series_style(place)))
    return line


def _table(model: Model, room: int) -> Lines:
    lang, runs = model.look.lang, model.loaded.compared
    if not runs:
        return []
    differing = _differing(runs)[:_SETTINGS]
    titles = ["", tr(lang, "run"), *(tr(lang, title) for title, *_ in _FIGURES)]
    titles += [plain(title(name, lang)) for name in differing]
    rows = [_cells(place, run, differing, lang) for place, run in enumerate(runs)]
    widths = [
        max(cell_len(row[i]) for row in [titles, *rows]) for i in range(len(titles))
    ]
    # Half a column is none.
    while len(widths) > _LEAST and sum(widths) + 2 * (len(widths) - 1) > room:
        widths.pop()
    made: Lines = [[(_line(titles, widths), "bold")]]
    for place in range(len(runs)) if _reason(model) else _ranked(runs):
        shown: Line = [(rows[place][0] + " ", charts.series_style(place))]
        made.append([*shown, (_line(rows[place], widths)[2:], "")])
    if reason := _reason(model):
        made.append([(tr(lang, reason), "warning")])
    return [pieces.fitted(line, room) for line in made]


def _reason(model: Model) -> str:
    """Why the losses cannot be compared, "" where they can."""
    runs = model.loaded.compared
    return unlike([run["hyperparameters"] for run in runs], model.loaded.units)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    head = f"{cells[0]:<1} {pieces.padded(cells[1], widths[1])}"
    rest = zip(cells[2:], widths[2:], strict=False)
    shown = (pieces.padded(cell, width, right=True) for cell, width in rest)
    return "  ".join([head, *shown])


def _cells(
    place: int, run: Mapping[str, Any], differing: Sequence[str], lang: str
) -> list[str]:
    name = pieces.safe(run["name"])
    cells = [charts.letter(place), pieces.ending(name, _NAME)]
    for _, key, form in _FIGURES:
        value = run["summary"].get(key)
        cells.append("" if value is None else plain(form(float(value), lang)))
    known = run["hyperparameters"]
    return cells + [_setting(known.get(name), lang) for name in differing]


def _setting(value: object, lang: str) -> str:
    text = "" if value is None else pieces.safe(plain(setting(value, lang)))
    return pieces.cut(text, 14)


def _differing(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    settings = [run["hyperparameters"] for run in runs]
    names = dict.fromkeys(name for found in settings for name in found)
    return [n for n in names if len({str(found.get(n)) for found in settings}) > 1]


def _ranked(runs: Sequence[Mapping[str, Any]]) -> list[int]:
    """Places of the runs, the lowest validation loss first, unknown ones last."""

    def key(place: int) -> tuple[bool, float]:
        value = runs[place]["summary"].get("best_val")
        return value is None, float(value or 0.0)

    return sorted(range(len(runs)), key=key)
