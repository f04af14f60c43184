"""Views of the losses of a run, scaled.

The large panel holds training against validation; small ones show either by itself.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np

from parsers.metrics import validation_set
from watcher.analysis.model import Analysis, Curve
from watcher.outputs.plot.axis_range import (
    FEW,
    Points,
    early,
    loss_scale,
    padded,
    span,
)
from watcher.outputs.plot.lines import (
    DOTS,
    FEW_DOTS,
    Look,
    averaged,
    decimated,
    end,
    final_loss,
    kept,
    moving,
    name,
    raw_line,
    shows_validation,
    superseded,
    validation_line,
)
from watcher.outputs.plot.theme import printable
from watcher.outputs.plot.ticks import Scale
from watcher.outputs.plot.view import Trace, View
from watcher.outputs.text.numbers import integer


# With fewer points a half of the curve is what the large panel shows.
_LATE = 20
# A spike this many times above the trend would flatten it: it is ticked instead.
_SPIKE = 4.0


def hero(analysis: Analysis, look: Look) -> View:
    """Show training against validation; only what is in one unit shares the panel."""
    beside = shows_validation(analysis)
    alone = beside and not analysis.comparable and analysis.val is not None
    thin_lines = [] if alone else [*raw_line(analysis, look)]
    bold = [*validation_line(analysis, look)] if beside else []
    if not alone:
        bold = [*_train_bold(analysis, look), *bold]
    curves = [(trace.x, trace.y) for trace in bold or thin_lines]
    curves += [_band(line, look.x) for line in thin_lines]
    ends = [
        end(
            t.y,
            _named(t, analysis, look),
            t.colour,
            look,
            at=t.x,
            shown=final_loss(analysis) if t.colour == look.theme.train else None,
        )
        for t in bold
    ]
    y = loss_scale(curves, look.x)
    return View(
        title="loss",
        note=_hero_note(analysis, look, alone=alone, log=y is not None and y.log),
        y=y,
        traces=(*_old(analysis, look, alone=alone), *thin_lines, *bold),
        ends=tuple(chain.from_iterable(ends)),
    )


def _named(trace: Trace, analysis: Analysis, look: Look) -> str:
    """The name of a line; of several validation sets with that of its own."""
    text, val = name(trace, look), analysis.val
    of = validation_set(val.metric) if val is not None else ""
    return (
        f"{text} ({printable(of)})" if of and trace.colour == look.theme.val else text
    )


def _band(raw: Trace, x: Scale) -> Points:
    """Bound the iterations of the settled run but for the rarest, as two points."""
    late = raw.y[(raw.x >= x.low + early(x)) & np.isfinite(raw.y)]
    if not len(late):
        return np.empty(0), np.empty(0)
    return np.full(2, x.high), np.quantile(late, (0.01, 0.97), method="nearest")


def _old(analysis: Analysis, look: Look, *, alone: bool) -> Iterator[Trace]:
    """Draw superseded points faintly."""
    train = None if alone else analysis.train
    val = analysis.val if shows_validation(analysis) else None
    for curve, colour in ((train, look.theme.train), (val, look.theme.val)):
        if curve is not None and not curve.current.all():
            points = superseded(curve, analysis.segments, look.x)
            yield Trace(*points, colour, width=0.6, alpha=0.25)


def _train_bold(analysis: Analysis, look: Look) -> Iterator[Trace]:
    """Draw the training loss at each evaluation; with few, the moving average."""
    val, beside, train = analysis.val, analysis.val_train, analysis.train
    if train is not None and len(train) and averaged(analysis):
        yield moving(analysis, train, look)
    elif val is not None and beside is not None and np.isfinite(beside).any():
        points = decimated(val, beside, kept(val), look.x)
        yield Trace(*points, look.theme.train, dots=len(points[0]) <= DOTS)


def _hero_note(analysis: Analysis, look: Look, *, alone: bool, log: bool) -> str:
    val = analysis.val if shows_validation(analysis) else None
    train, evaluations = analysis.train, 0 if val is None else len(val)
    curve = val or train
    parts = [look.tr(curve.unit)] if curve is not None else []
    if log:
        parts.append(look.tr("log scale"))
    if alone and train is not None and len(train):
        unit = look.tr(train.unit)
        parts.append(look.tr("training loss is in {unit}: see below", unit=unit))
    elif train is not None and len(train) > max(FEW_DOTS, 2 * evaluations):
        parts.append(look.tr("thin: every iteration"))
    if any(c is not None and not c.current.all() for c in (val, train)):
        parts.append(look.tr("faint: before a restart"))
    return " · ".join(part for part in parts if part)


def detail(analysis: Analysis, look: Look) -> View | None:
    """Show the training loss by itself, spikes and all."""
    train = analysis.train
    if train is None or not len(train):
        return None
    return _training(analysis, train, look)


def _training(analysis: Analysis, train: Curve, look: Look) -> View:
    thin_line = next(raw_line(analysis, look))
    bold = moving(analysis, train, look)
    y = _spiky_scale(thin_line, bold, look.x)
    over = thin_line.y > y.high if y is not None else np.zeros(len(thin_line.y), bool)
    return View(
        title=look.tr("Training loss"),
        note=_training_note(analysis, train, look, log=y is not None and y.log),
        y=y,
        traces=(thin_line, bold),
        ends=end(bold.y, "", look.theme.train, look, shown=final_loss(analysis)),
        marks=thin_line.x[over & (thin_line.x > look.x.low + early(look.x))],
    )


def _spiky_scale(raw: Trace, bold: Trace, x: Scale) -> Scale | None:
    """Hold every iteration but the first and those far above the trend."""
    y = loss_scale([(bold.x, bold.y)], x)
    every = span(raw.y[raw.x >= x.low + early(x)])
    if y is None or every is None or not (y.log and every[0] > 0):
        return y if every is None else loss_scale([(raw.x, raw.y)], x)
    top = min(max(every[1], y.high), y.high * _SPIKE)
    return Scale(min(y.low, every[0] / 1.02), max(y.high, top * 1.02), log=True)


def _training_note(analysis: Analysis, train: Curve, look: Look, *, log: bool) -> str:
    parts = [look.tr(train.unit), look.tr("log scale") if log else ""]
    if analysis.smoothed_loss:
        parts.append(look.tr("averaged by the log"))
    elif analysis.window > 1:
        parts.append(
            look.tr("bold: mean of {n}", n=integer(analysis.window, look.lang))
        )
    return " · ".join(part for part in parts if part)


def late(curve: Curve | None, look: Look) -> View | None:
    """Show the second half of validation on a linear scale: is it still falling?"""
    if curve is None or not len(curve):
        return None
    at, values = decimated(curve, curve.values, kept(curve), look.x)
    middle = (look.x.low + look.x.high) / 2
    at, values = at[at >= middle], values[at >= middle]
    found = span(values)
    if found is None or len(values) < FEW:
        return None
    trace = Trace(at, values, look.theme.val, dots=len(at) <= FEW_DOTS)
    return View(
        title=look.tr("Validation, last half"),
        note=look.tr(curve.unit),
        y=padded(*found, log=False),
        traces=(trace,),
        ends=end(values, "", look.theme.val, look),
        x=Scale(middle, look.x.high),
    )


def late_training(analysis: Analysis, look: Look) -> View | None:
    """Show the second half of the training loss on a linear scale."""
    train = analysis.train
    if train is None or len(train) < _LATE:
        return None
    lines = (next(raw_line(analysis, look)), moving(analysis, train, look))
    x = Scale((look.x.low + look.x.high) / 2, look.x.high)
    after = [(line.x[line.x >= x.low], line.y[line.x >= x.low]) for line in lines]
    if span(after[1][1]) is None:
        return None
    return View(
        title=look.tr("Training loss, last half"),
        note=look.tr(train.unit),
        y=loss_scale(after, x, log=False),
        traces=lines,
        ends=end(after[1][1], "", look.theme.train, look, shown=final_loss(analysis)),
        x=x,
    )


def validation(analysis: Analysis, look: Look) -> View | None:
    """Show validation by itself."""
    lines = [*validation_line(analysis, look)]
    y = loss_scale([(t.x, t.y) for t in lines], look.x)
    if y is None or analysis.val is None:
        return None
    parts = (analysis.val.unit, "log scale" if y.log else "")
    return View(
        title=look.tr("Validation"),
        note=" · ".join(look.tr(part) for part in parts if part),
        y=y,
        traces=tuple(replace(t, dots=len(t.x) <= FEW_DOTS) for t in lines),
        ends=end(lines[0].y, "", look.theme.val, look),
    )


def of_set(curve: Curve, look: Look) -> View | None:
    """Show one of several validation sets by itself."""
    at, values = decimated(curve, curve.values, kept(curve), look.x)
    y = loss_scale([(at, values)], look.x)
    if y is None:
        return None
    named = {"name": printable(validation_set(curve.metric))}
    parts = (curve.unit, "log scale" if y.log else "")
    return View(
        title=look.tr("Validation ({name})", **named),
        note=" · ".join(look.tr(part) for part in parts if part),
        y=y,
        traces=(Trace(at, values, look.theme.val, dots=len(at) <= FEW_DOTS),),
        ends=end(values, "", look.theme.val, look),
    )


def gap(analysis: Analysis, look: Look) -> View | None:
    """Show how far validation lies above training."""
    val, beside = analysis.val, analysis.val_train
    if val is None or beside is None or not analysis.comparable:
        return None
    with np.errstate(invalid="ignore"):  # infinity minus infinity is no gap
        apart = val.values - beside
    at, values = decimated(val, apart, kept(val), look.x)
    found = span(values)
    if found is None or np.isfinite(values).sum() < FEW:
        return None
    return View(
        title=look.tr("Validation minus training"),
        note=look.tr(val.unit),
        y=padded(min(found[0], 0.0), max(found[1], 0.0), log=False),
        traces=(Trace(at, values, look.theme.ink, dots=len(at) <= FEW_DOTS),),
        ends=end(values, "", look.theme.ink, look),
    )
