"""Charts of a run on the screen: what they need, and how they are drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from parsers.batch import Floats
from parsers.metrics import VALIDATION
from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.numbers import integer, loss, magnitude, plain
from watcher.top import pieces, plot
from watcher.top.canvas import Axes, Trace
from watcher.top.model import Model, Size
from watcher.top.pieces import Line, Lines
from watcher.views.pyramid import Cells, joined
from watcher.views.series import Curve, Window
from watcher.views.source import Points


_STYLES: Final = ("train", "val", "good", "warning", "critical", "best")


def window(model: Model, columns: int) -> Window:
    """The part of the curves that a chart of so many columns shows."""
    low, high = model.window or (None, None)
    return Window(
        axis="steps" if model.axis == "steps" else "lines",
        start=low,
        stop=high,
        width=max(2 * columns, 2),
        log=model.log_x,
        smooth=model.smooth,
    )


def clock(model: Model) -> str:
    """Which clock the axis needs, "" for none."""
    return model.axis if model.axis in ("active", "time") else ""


def main(model: Model, size: Size) -> Lines:
    """The main chart: of one run or of several."""
    if not model.loaded.curves:
        return []
    drawn = plot.chart(_traces(model), _axes(model, size), model.look.lang)
    text = tr(model.look.lang, "no finite values to draw")
    return drawn or [[(text, "muted")]]


def key_at(model: Model, size: Size, column: int) -> float | None:
    """The key of the main chart at a column of the screen; None without a chart."""
    if not model.loaded.curves:
        return None
    drawn = plot.canvas(_traces(model), _axes(model, size), model.look.lang)
    return None if drawn is None else drawn.key(column - drawn.margin - 1)


def crossed(model: Model, key: float) -> Model:
    """The crosshair on the point that is nearest to a key."""
    cells = main_cells(model)
    if cells is None or not len(cells):
        return model
    lines = cells.last_line
    clock = next(iter(model.loaded.clocks.values()), None)
    if model.axis == "steps":
        keys = cells.last_step
    else:
        keys = lines if clock is None else clock.at(lines)
    return replace(model, line=int(lines[np.abs(keys - key).argmin()]))


def _axes(model: Model, size: Size) -> Axes:
    curves = [curve for _, curve in model.loaded.curves]
    return Axes(
        size.columns,
        size.rows,
        axis(model),
        model.window or span(curves),
        log_x=model.log_x,
        log_y=model.log_y,
        crosshair=crosshair(model),
        since=_number(model.loaded.row.get("since")) if _by_step(model) else None,
        best=_best(model),
        ascii=model.look.ascii,
    )


def small(model: Model, curve: Curve, size: Size) -> Lines:
    """A small chart below its name."""
    axes = Axes(
        size.columns,
        size.rows - 1,
        axis(model),
        model.window or curve.span,
        log_x=model.log_x,
        log_y=curve.metric == "lr",
        crosshair=crosshair(model),
        ascii=model.look.ascii,
        robust=True,
    )
    clock = model.loaded.clocks.get(model.run or 0)
    trace = Trace("", "train", [cells for _, cells in curve.parts], clock=clock)
    head: Line = [(pieces.safe(curve.metric), "bold"), (_value(model, curve), "")]
    return [head, *plot.chart([trace], axes, model.look.lang)]


def _value(model: Model, curve: Curve) -> str:
    """The value at the crosshair, or the last one."""
    if not curve.parts:
        return ""
    cells = joined([cells for _, cells in curve.parts])
    at = -1 if model.line is None else _at(cells.last_line, model.line)
    return f" {magnitude(float(cells.last[at]))}"


def span(curves: Sequence[Curve]) -> tuple[float, float]:
    """The outer keys of all curves."""
    return min(c.span[0] for c in curves), max(c.span[1] for c in curves)


def _traces(model: Model) -> list[Trace]:
    lang, found = model.look.lang, []
    places = {known["run"]: i for i, known in enumerate(model.loaded.compared)}
    for run, curve in model.loaded.curves:
        cells = [part for _, part in curve.parts]
        if run in places:
            name, style = letter(places[run]), series_style(places[run])
        else:
            style = "val" if curve.metric in VALIDATION else "train"
            last = _finite(cells[-1].last) if cells else np.empty(0)
            value = f" {loss(float(last[-1]), lang)}" if len(last) else ""
            name = f"{_short(curve.metric)}{value}"
        marked = curve.metric in VALIDATION
        clock = model.loaded.clocks.get(run)
        found.append(Trace(name, style, cells, marked=marked, clock=clock))
    return found


def _finite(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def letter(place: int) -> str:
    """The sign of a compared run: A, B, ..."""
    return chr(ord("A") + place % 26)


def series_style(place: int) -> str:
    """The style of a compared run's curve."""
    return _STYLES[place % len(_STYLES)]


def _short(metric: str) -> str:
    return {"loss": "train", "train_loss": "train", "val_loss": "val"}.get(
        metric, metric
    )


def axis(model: Model) -> str:
    """The axis of the chart: lines of the log where its times are not known."""
    is_known = model.axis in ("steps", "lines") or model.loaded.clocks
    return model.axis if is_known else "lines"


_AXES: Final = {
    "steps": message("step"),
    "lines": message("line"),
    "active": message("training time"),
    "time": message("time of day"),
}
NEXT_AXIS: Final = dict(zip(_AXES, [*_AXES][1:] + [*_AXES][:1], strict=True))


def _by_step(model: Model) -> bool:
    return model.axis == "steps"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _best(model: Model) -> tuple[float, float] | None:
    """Step and value of the best evaluation."""
    summary: Mapping[str, object] = model.loaded.row.get("summary", {})
    step, value = (_number(summary.get(n)) for n in ("best_val_step", "best_val"))
    if step is None or value is None or not _by_step(model) or model.chart:
        return None
    return step, value


def main_cells(model: Model) -> Cells | None:
    """The cells of the curve that the crosshair walks along, in order of the log."""
    for _, curve in model.loaded.curves:
        if curve.parts:
            return joined([cells for _, cells in curve.parts])
    return None


def crosshair(model: Model) -> float | None:
    """The key where the crosshair is; None without one."""
    cells = main_cells(model)
    if model.line is None or cells is None or not len(cells):
        return None
    if model.axis != "steps":
        clock = next(iter(model.loaded.clocks.values()), None)
        line = float(model.line)
        return line if clock is None else float(clock.at(np.array([line]))[0])
    point = nearest(model)
    if point is not None:
        return float(point.steps[0])
    return float(cells.last_step[_at(cells.last_line, model.line)])


def nearest(model: Model) -> Points | None:
    """Of the points at the crosshair's line the one that is nearest to it."""
    line = model.line or 0
    found = [points for points in model.loaded.points.values() if len(points)]
    return min(found, key=lambda p: abs(float(p.lines[0]) - line), default=None)


def _at(lines: Floats, line: int) -> int:
    """The cell that holds a line, or the next one."""
    return min(int(np.searchsorted(lines, line)), len(lines) - 1)


def moved(model: Model, by: int) -> Model:
    """The crosshair on another point; at the end of the curve there is none."""
    cells = main_cells(model)
    if cells is None or not len(cells):
        return model
    n = len(cells)
    if model.line is None:
        at = n - 1 if by < 0 else n
    else:
        at = _at(cells.last_line, model.line) + by
    if at >= n:
        return replace(model, line=None) if model.screen != "lens" else model
    return replace(model, line=int(cells.last_line[max(at, 0)]))


def readout(model: Model) -> Line:
    """The values at the crosshair, or what the chart shows."""
    lang = model.look.lang
    if model.line is None:
        known = [tr(lang, "axis: {axis}", axis=_axis_name(model))]
        if model.window:
            low, high = (plot.key(at, axis(model), lang) for at in model.window)
            known.append(f"{low}-{high}")
        if model.smooth:
            known.append(tr(lang, "average of {n}", n=model.smooth))
        return [(" · ".join(known), "muted")]
    line: Line = [(tr(lang, "line {n}", n=plain(integer(model.line, lang))), "bold")]
    point = nearest(model)
    if point is None:
        return line
    step = float(point.steps[0])
    line.append((f" · {tr(lang, 'step')} {plain(integer(step, lang))}", "bold"))
    for metric, points in model.loaded.points.items():
        value = plain(loss(float(points.values[0]), lang))
        text = f" · {_short(metric)} {value}"
        if float(points.steps[0]) != step:
            text += f" @ {plain(integer(float(points.steps[0]), lang))}"
        line.append((text, "val" if metric in VALIDATION else "train"))
    return line


def _axis_name(model: Model) -> str:
    text = _AXES[axis(model)]
    if axis(model) != model.axis:
        text = message("line (no times are known)")
    logarithmic = [tr(model.look.lang, "logarithmic")] if model.log_x else []
    return ", ".join([tr(model.look.lang, text), *logarithmic])


def zoomed(model: Model, factor: float) -> Model:
    """A window narrower or wider by a factor, around the crosshair or at the end."""
    curves = [curve for _, curve in model.loaded.curves]
    if not curves:
        return model
    outer = span(curves)
    low, high = model.window or outer
    centre = crosshair(model)
    if centre is None or not low <= centre <= high:
        centre = high
    share = (centre - low) / (high - low) if high > low else 1.0
    size = (high - low) * factor
    if size >= outer[1] - outer[0]:
        return replace(model, window=None)
    size = max(size, 1.0)
    low = min(max(centre - share * size, outer[0]), outer[1] - size)
    return replace(model, window=(low, low + size))
