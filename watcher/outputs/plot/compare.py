"""The picture of several runs: their losses overlaid, one hue a run.

Only losses in one unit share a panel.  More than eight hues are indistinguishable:
of more runs the best eight are coloured, the others are grey.  Up to twenty runs are
named beside their lines; of more runs the coloured ones are.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Literal

import matplotlib as mpl
import numpy as np

from parsers.batch import Floats
from watcher.analysis.model import Analysis, Curve
from watcher.outputs.comparable import incomparable
from watcher.outputs.plot.axis_range import (
    Points,
    clock,
    last,
    loss_scale,
    span,
    steps_scale,
)
from watcher.outputs.plot.canvas import Sheet
from watcher.outputs.plot.decimate import running_median
from watcher.outputs.plot.figure import finish, frames, heading
from watcher.outputs.plot.lines import FEW_DOTS, Look, best, decimated, kept, moving
from watcher.outputs.plot.panels import Panel
from watcher.outputs.plot.ranking import Run, coloured, common_unit, rank
from watcher.outputs.plot.theme import THEMES, rc
from watcher.outputs.plot.ticks import Scale
from watcher.outputs.plot.view import End, Trace, View
from watcher.outputs.text.catalog import message
from watcher.outputs.text.names import shortened
from watcher.outputs.text.numbers import integer, loss


# Width of the names right of the large panel; longer ones are shortened.
_NAMES = 2.3
# So many names have room beside the large panel.
_NAMED = 20
# Letters of a name that fit beside it, with a value.
_LETTERS = 21
# Values beside a small panel are read up to this many runs.
_VALUES = 4


# The losses of a run against steps or seconds, None where it has none.
_Source = Callable[[Run], Points | None]


def compare_figure(
    analyses: Sequence[Analysis],
    *,
    theme: str = "light",
    lang: str = "en",
    to: Literal["png", "svg"] = "png",
) -> bytes:
    """Draw runs over one another and give the file's bytes, equal for equal runs."""
    colours = THEMES[theme]
    epochs = all(analysis.epochs for analysis in analyses)
    look = Look(colours, lang, steps_scale(analyses, log=False), epochs=epochs)
    with mpl.rc_context(rc(colours)):
        return draw_together(analyses, look).render(to)


def draw_together(analyses: Sequence[Analysis], look: Look) -> Sheet:
    """Draw runs on a sheet; call inside `rc_context(rc(look.theme))`."""
    sheet, runs = Sheet(look.theme), coloured(analyses, look)
    title = look.tr("{n} runs compared", n=len(analyses))
    top = heading(sheet, title, _headline(runs, look))
    boxes = frames(below=0.1, above=top, right=_NAMES)
    pairs = zip(boxes, _views(runs, look), strict=True)
    panels = [Panel(sheet, *pair, look.x) for pair in pairs]
    for panel in panels:
        large = panel is panels[0]
        finish(panel, look, title=not large, absent=message("not in these logs"))
    _ring(panels[0], runs)
    return sheet


def _headline(runs: Sequence[Run], look: Look) -> str:
    """Name the run with the lowest validation loss, or why there is none."""
    reason = incomparable([run.analysis for run in runs])
    if reason:
        return look.tr(reason)
    unit = common_unit([run.analysis for run in runs])
    rated = [(rank(run.analysis, unit), run) for run in runs]
    (level, value), run = min(rated, key=lambda pair: pair[0])
    found = best(run.analysis)
    if level > 0 or found is None:
        return look.tr("No validation in these logs")
    step = integer(found[0], look.lang)
    phrase = "Lowest validation: {name}, {value} at step {step}"
    return look.tr(phrase, name=run.name, value=loss(value, look.lang), step=step)


def _views(runs: Sequence[Run], look: Look) -> list[View]:
    """Choose the panels: validation first, or training where there is none."""
    unit = common_unit([run.analysis for run in runs])

    def validation(run: Run) -> Points | None:
        val = run.analysis.val
        if val is None or not len(val) or val.unit != unit:
            return None
        return decimated(val, val.values, kept(val), look.x)

    def training(run: Run) -> Points | None:
        train = run.analysis.train
        if train is None or not len(train):
            return None
        line = moving(run.analysis, train, look)
        return line.x, line.y

    train_unit = next((r.analysis.train.unit for r in runs if r.analysis.train), "")
    train_view = _overlay(runs, look, "Training loss", training, train_unit, "smoothed")
    train_clock = _by_clock(
        runs, look, "Training loss against time", training, train_unit
    )
    if unit:
        large = _overlay(
            runs,
            look,
            "Validation",
            validation,
            unit,
            *_notes(runs, unit, look),
        )
        timed = _by_clock(runs, look, "Validation against time", validation, unit)
        return [_named(large, runs, validation, look), train_view, timed, train_clock]
    late = _late(train_view, look)
    return [
        _named(train_view, runs, training, look),
        late,
        train_clock,
        _times(runs, look),
    ]


def _notes(runs: Sequence[Run], unit: str, look: Look) -> Iterator[str]:
    yield message("ring: best")
    others = [r.name for r in runs if r.analysis.val and r.analysis.val.unit != unit]
    if any(run.colour is None for run in runs):
        yield look.tr("best {n} in colour", n=len(look.theme.runs))
    if others:
        phrase = "in another unit, not drawn: {names}"
        yield look.tr(phrase, names=", ".join(others))


def _overlay(
    runs: Sequence[Run],
    look: Look,
    title: str,
    source: _Source,
    unit: str,
    *notes: str,
) -> View:
    """Show one loss of every run against steps."""
    lines = [(run, points) for run in runs if (points := source(run)) is not None]
    y = loss_scale([points for _, points in lines], look.x)
    return View(
        title=look.tr(title),
        note=_noted(look, unit, y, *notes),
        y=y,
        traces=tuple(_trace(run, points, look) for run, points in lines),
        ends=tuple(chain.from_iterable(_value(*line, look) for line in lines))
        if len(lines) <= _VALUES
        else (),
    )


def _noted(look: Look, unit: str, y: Scale | None, *notes: str) -> str:
    """Join unit, kind of scale and notes."""
    log = "log scale" if y is not None and y.log else ""
    return " · ".join(look.tr(note) for note in (unit, log, *notes) if note)


def _trace(run: Run, points: Points, look: Look) -> Trace:
    """Draw a run in its colour, or thin and grey."""
    if run.colour is None:
        return Trace(*points, look.theme.muted, width=0.9, alpha=0.35)
    return Trace(*points, run.colour, width=1.8, dashes=run.dashes)


def _value(run: Run, points: Points, look: Look, name: str = "") -> Iterator[End]:
    value, colour = last(points[1]), run.colour or look.theme.muted
    if value is not None:
        yield End(value, f"{name} {loss(value, look.lang)}".strip(), colour)


def _named(view: View, runs: Sequence[Run], source: _Source, look: Look) -> View:
    """Put the runs' names beside the large panel."""
    named = [run for run in runs if run.colour or len(runs) <= _NAMED]
    names = dict(zip(named, shortened([r.name for r in named], _LETTERS), strict=True))
    ends = (
        end
        for run in named
        if (points := source(run)) is not None
        for end in _value(run, points, look, names[run])
    )
    # Marks are clear where there are few lines with few points.
    few = len(view.traces) <= _VALUES
    traces = (replace(t, dots=few and len(t.x) <= FEW_DOTS) for t in view.traces)
    return replace(view, traces=tuple(traces), ends=tuple(ends))


def _by_clock(
    runs: Sequence[Run], look: Look, title: str, source: _Source, unit: str
) -> View:
    """Show one loss of every run against training time, where the logs state it."""
    timed = [
        (run, at, points[1])
        for run in runs
        if (points := source(run)) is not None
        and (at := _seconds(run.analysis, points[0])) is not None
    ]
    longest = span(*(at for _, at, _ in timed))
    if longest is None or longest[1] <= 0:
        return View(look.tr(title))
    name, size = clock(longest[1])
    x = Scale(0.0, longest[1] / size)
    lines = [(run, (at / size, values)) for run, at, values in timed]
    y = loss_scale([points for _, points in lines], x)
    return View(
        title=look.tr(title),
        note=_noted(look, unit, y),
        y=y,
        traces=tuple(_trace(run, points, look) for run, points in lines),
        x=x,
        x_name=look.tr(name),
    )


def _seconds(analysis: Analysis, steps: Floats) -> Floats | None:
    """Look up the training time at steps, by the current points of the curve."""
    base: Curve | None = analysis.val if analysis.train is None else analysis.train
    elapsed = analysis.elapsed_s
    if base is None or elapsed is None or len(elapsed) != len(base) or not len(base):
        return None
    keep = kept(base)
    known = base.steps if keep is None else base.steps[keep]
    times = elapsed if keep is None else elapsed[keep]
    at = np.minimum(np.searchsorted(known, steps), len(known) - 1)
    return np.asarray(times[at], dtype=np.float64)


def _late(view: View, look: Look) -> View:
    """Show the second half of every run, on a linear scale."""
    middle = (look.x.low + look.x.high) / 2
    x = Scale(middle, look.x.high)
    parts = [(t.x[t.x >= middle], t.y[t.x >= middle]) for t in view.traces]
    return View(
        title=look.tr("Training loss, last half"),
        note=view.note.split(" · ")[0],
        y=loss_scale(parts, x, log=False),
        traces=view.traces,
        x=x,
    )


def _times(runs: Sequence[Run], look: Look) -> View:
    """Show the typical iteration of every run."""
    lines = [
        (run, points) for run in runs if (points := _typical(run.analysis)) is not None
    ]
    usual = span(*(y for _, (_, y) in lines))
    if usual is None or usual[1] <= 0:
        return View(look.tr("Time per iteration"))
    return View(
        title=look.tr("Time per iteration"),
        note=look.tr("ms"),
        y=Scale(0.0, usual[1] * 1.2),
        traces=tuple(_trace(run, points, look) for run, points in lines),
    )


def _typical(analysis: Analysis) -> Points | None:
    time, pause = analysis.time, analysis.pause
    if time is None or not len(time):
        return None
    keep = time.current if pause is None else time.current & ~pause
    at, medians = running_median(time.values, keep=keep)
    steps = time.steps[at].astype(np.float64)
    return steps[time.current[at]], medians[time.current[at]]


def _ring(panel: Panel, runs: Sequence[Run]) -> None:
    """Ring the best evaluation of each coloured run."""
    unit = common_unit([run.analysis for run in runs])
    for run in runs:
        found, val = best(run.analysis), run.analysis.val
        if run.colour and found and val is not None and val.unit == unit:
            panel.ring(*found, run.colour, size=7)
