"""Views of the losses of a run, decimated and scaled.

The large panel holds training against validation, the first small one the training loss
in detail; a log without training loss gets the end of its validation there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from parsers.batch import Floats
from watcher.analysis.model import Analysis, Curve
from watcher.analysis.segments import went_back
from watcher.outputs.plot.axis_range import (
    FEW,
    Points,
    early,
    last,
    loss_scale,
    padded,
    span,
)
from watcher.outputs.plot.decimate import Mask, averages, decimate
from watcher.outputs.plot.panels import End, Trace, View
from watcher.outputs.plot.theme import Theme
from watcher.outputs.plot.ticks import Scale
from watcher.outputs.text.catalog import tr
from watcher.outputs.text.numbers import integer, loss


# Above this many evaluations marks touch one another on the large panel.
_DOTS = 120
# On a small one marks touch above this many.
FEW_DOTS = 30
# A spike this many times above the trend would flatten it: it is ticked instead.
_SPIKE = 4.0


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is wanted: its colours, its language, its scale of steps."""

    theme: Theme
    lang: str
    x: Scale

    def tr(self, text: str, **values: object) -> str:
        """The text in the picture's language."""
        return tr(self.lang, text, **values)


def kept(curve: Curve) -> Mask | None:
    """Mask of the points that no restart superseded, None for all."""
    return None if curve.current.all() else curve.current


def decimated(curve: Curve, values: Floats, keep: Mask | None, x: Scale) -> Points:
    """Decimate a column of a curve."""
    at = decimate(values, keep=keep, log=x.log)
    return broken(curve.steps[at].astype(np.float64), values[at])


def broken(steps: Floats, values: Floats) -> Points:
    """Insert NaN where steps go back, so that matplotlib breaks the line."""
    back = went_back(steps)
    return np.insert(steps, back, np.nan), np.insert(values, back, np.nan)


def superseded(curve: Curve, x: Scale) -> Points:
    """Decimate the points that a restart superseded, with gaps between segments."""
    at = decimate(curve.values, keep=~curve.current, log=x.log)
    stretch = np.searchsorted(np.flatnonzero(np.diff(curve.current)), at)
    gaps = np.flatnonzero(np.diff(stretch)) + 1
    steps = curve.steps[at].astype(np.float64)
    lifted = np.insert(steps, gaps, np.nan), np.insert(curve.values[at], gaps, np.nan)
    return broken(*lifted)


def end(values: Floats, text: str, colour: str, look: Look) -> tuple[End, ...]:
    """Label a line with its name and its last value; none without values."""
    value = last(values)
    if value is None:
        return ()
    return (End(value, f"{text} {loss(value, look.lang)}".strip(), colour),)


def hero(analysis: Analysis, look: Look) -> View:
    """Show training against validation; only what is in one unit shares the panel."""
    val = analysis.val
    alone = val is not None and len(val) > 0 and not analysis.comparable
    thin_lines = [] if alone else [*_raw(analysis, look)]
    bold = [*_validation(analysis, look)]
    if not alone:
        bold = [*_train_at_evaluations(analysis, look), *bold]
    first = bold or thin_lines
    if val is not None and not bold:
        first = thin_lines
    curves = [(trace.x, trace.y) for trace in first]
    curves += [_band(line, look.x) for line in thin_lines]
    ends = [end(t.y, name(t, look), t.colour, look) for t in bold]
    y = loss_scale(curves, look.x)
    return View(
        title="loss",
        note=_hero_note(analysis, look, alone=alone, log=y is not None and y.log),
        y=y,
        traces=(*_old(analysis, look, alone=alone), *thin_lines, *bold),
        ends=tuple(chain.from_iterable(ends)),
    )


def _band(raw: Trace, x: Scale) -> Points:
    """Bound the iterations of the settled run but for the rarest, as two points."""
    late = raw.y[(raw.x >= x.low + early(x)) & np.isfinite(raw.y)]
    if not len(late):
        return np.empty(0), np.empty(0)
    return np.full(2, x.high), np.quantile(late, (0.01, 0.97), method="nearest")


def name(trace: Trace, look: Look) -> str:
    """Name a line by its hue."""
    return look.tr("validation" if trace.colour == look.theme.val else "train")


def _raw(analysis: Analysis, look: Look) -> Iterator[Trace]:
    """Draw the loss of every iteration as a thin line."""
    train = analysis.train
    if train is not None and len(train):
        points = decimated(train, train.values, kept(train), look.x)
        yield Trace(*points, look.theme.train, width=0.6, alpha=0.3)


def _old(analysis: Analysis, look: Look, *, alone: bool) -> Iterator[Trace]:
    """Draw superseded points faintly."""
    train = None if alone else analysis.train
    pairs = ((train, look.theme.train, 0.6), (analysis.val, look.theme.val, 1.6))
    for curve, colour, width in pairs:
        if curve is not None and not curve.current.all():
            yield Trace(*superseded(curve, look.x), colour, width, alpha=0.25)


def _validation(analysis: Analysis, look: Look) -> Iterator[Trace]:
    val = analysis.val
    if val is not None and len(val):
        points = decimated(val, val.values, kept(val), look.x)
        yield Trace(*points, look.theme.val, dots=len(points[0]) <= _DOTS)


def _train_at_evaluations(analysis: Analysis, look: Look) -> Iterator[Trace]:
    """Draw the training loss at each evaluation; with few, the moving average."""
    val, beside = analysis.val, analysis.val_train
    known = 0 if beside is None else int(np.isfinite(beside).sum())
    train = analysis.train
    if train is not None and len(train) > known and known < FEW:
        yield moving(analysis, train, look)
    elif val is not None and beside is not None and known:
        points = decimated(val, beside, kept(val), look.x)
        yield Trace(*points, look.theme.train, dots=len(points[0]) <= _DOTS)


def moving(analysis: Analysis, train: Curve, look: Look) -> Trace:
    """Draw the centred moving average of the training loss."""
    smooth = train.values if analysis.train_smooth is None else analysis.train_smooth
    at, means = averages(smooth, keep=kept(train), log=look.x.log)
    # At the end a centred window shrinks to one noisy value, which would be read as
    # where training stands: the last quarter of a window holds the mean before it.
    settled = len(smooth) - 1 - analysis.window // 4
    if settled > 0 and np.isfinite(smooth[settled:]).all():
        means = np.where(at > settled, smooth[settled], means)
    steps = train.steps[at].astype(np.float64)
    dots = len(train) <= FEW_DOTS
    return Trace(*broken(steps, means), look.theme.train, dots=dots)


def _hero_note(analysis: Analysis, look: Look, *, alone: bool, log: bool) -> str:
    val, train = analysis.val, analysis.train
    curve = val or train
    parts = [look.tr(curve.unit)] if curve is not None else []
    if log:
        parts.append(look.tr("log scale"))
    if alone and train is not None and len(train):
        unit = look.tr(train.unit)
        parts.append(look.tr("training loss is in {unit}: see below", unit=unit))
    elif train is not None and len(train) > 2 * (0 if val is None else len(val)):
        parts.append(look.tr("thin: every iteration"))
    if any(c is not None and not c.current.all() for c in (val, train)):
        parts.append(look.tr("faint: before a restart"))
    return " · ".join(part for part in parts if part)


def detail(analysis: Analysis, look: Look) -> View:
    """Show the training loss by itself; without one, how validation ends."""
    train = analysis.train
    if train is not None and len(train):
        return _training(analysis, train, look)
    late = _late(analysis.val, look) if analysis.val is not None else None
    return late or View(look.tr("Training loss"))


def _training(analysis: Analysis, train: Curve, look: Look) -> View:
    thin_line = next(_raw(analysis, look))
    bold = moving(analysis, train, look)
    y = _spiky_scale(thin_line, bold, look.x)
    over = thin_line.y > y.high if y is not None else np.zeros(len(thin_line.y), bool)
    return View(
        title=look.tr("Training loss"),
        note=_training_note(analysis, train, look, log=y is not None and y.log),
        y=y,
        traces=(thin_line, bold),
        ends=end(bold.y, "", look.theme.train, look),
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


def _late(curve: Curve, look: Look) -> View | None:
    """Show the second half of a curve on a linear scale: is it still falling?"""
    at, values = decimated(curve, curve.values, kept(curve), look.x)
    middle = (look.x.low + look.x.high) / 2
    at, values = at[at >= middle], values[at >= middle]
    found = span(values)
    if found is None:
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


def best(analysis: Analysis) -> tuple[int, float] | None:
    """Give step and value of the best evaluation."""
    summary, val = analysis.summary, analysis.val
    if summary.best_val is not None and summary.best_val_step is not None:
        return summary.best_val_step, summary.best_val
    if val is None or not (usable := np.isfinite(val.values) & val.current).any():
        return None
    at = int(np.where(usable, val.values, np.inf).argmin())
    return int(val.steps[at]), float(val.values[at])
