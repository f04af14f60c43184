"""Views of what is no loss: times, rates, norms, schedules."""

from itertools import chain

import numpy as np

from parsers.batch import Floats
from watcher.analysis.model import Analysis, Curve
from watcher.outputs.plot.axis_range import (
    clock,
    last,
    linear,
    loss_scale,
    padded,
    span,
)
from watcher.outputs.plot.decimate import Mask, decimate, running_median
from watcher.outputs.plot.lines import (
    FEW_DOTS,
    Look,
    broken,
    decimated,
    end,
    kept,
    name,
)
from watcher.outputs.plot.ticks import Scale, brief
from watcher.outputs.plot.view import End, Trace, View
from watcher.outputs.text.catalog import message
from watcher.outputs.text.numbers import integer, mfu, milliseconds, percent


# From this many milliseconds on the unit is seconds.
_SECOND = 1000
# More pauses than this are a bar, whatever is drawn.
_MARKS = 300


def times(analysis: Analysis, look: Look) -> View | None:
    """Show the typical iteration; pauses are ticked and never stretch the scale."""
    curve, pause = analysis.time, _paused(analysis)
    if curve is None or not len(curve):
        return None
    keep = curve.current if pause is None else curve.current & ~pause
    title = message("Time per epoch" if look.epochs else "Time per iteration")
    view = level(curve, look, title, keep=keep)
    at = np.flatnonzero(np.empty(0) if pause is None else pause & curve.current)
    if view is None or not len(at):
        return view
    shown = at[np.linspace(0, len(at) - 1, min(len(at), _MARKS)).astype(np.int64)]
    return View(
        title=view.title,
        note=f"{look.tr(_unit(curve, keep)[1])} · {_pauses(analysis, len(at), look)}",
        y=view.y,
        traces=view.traces,
        ends=view.ends,
        marks=curve.steps[shown].astype(np.float64),
    )


def _paused(analysis: Analysis) -> Mask | None:
    """Which times are pauses: none since iterations became slower for good."""
    curve, pause = analysis.time, analysis.pause
    if curve is None or pause is None:
        return pause
    slow = np.zeros(len(curve), dtype=bool)
    for finding in analysis.findings:
        if finding.rule == "slowdown" and finding.since_step is not None:
            end = finding.cleared_step or np.iinfo(np.int64).max
            slow |= (curve.steps >= finding.since_step) & (curve.steps < end)
    return np.asarray(pause & ~slow)


def unpaused(curve: Curve | None, analysis: Analysis) -> Mask | None:
    """Leave the pauses out of what is printed on the same lines as the times."""
    time, pause = analysis.time, analysis.pause
    if curve is None or time is None or pause is None or len(curve) != len(time):
        return None
    return curve.current & ~pause if curve.lines[-1:] == time.lines[-1:] else None


def _pauses(analysis: Analysis, n: int, look: Look) -> str:
    """The number of pauses, and the cost of evaluations where it is known."""
    text = look.tr("pauses ticked above: {n}", n=integer(n, look.lang))
    share = analysis.summary.eval_share
    if not share:
        return text
    cost = look.tr("evaluations {share}", share=percent(share, look.lang))
    return f"{text} · {cost}"


def mean_times(analysis: Analysis, look: Look) -> View | None:
    """Show the mean time per iteration that the log prints, for logs without others."""
    curve = analysis.curves.get("step_avg_ms")
    title = "Mean time per iteration"
    return level(curve, look, title, "ms · running mean of the log")


def level(
    curve: Curve | None,
    look: Look,
    title: str,
    note: str = "",
    *,
    keep: Mask | None = None,
    log: bool = False,
) -> View | None:
    """Show a level metric: every value thin, its running median bold."""
    if curve is None or not len(curve):
        return None
    keep = kept(curve) if keep is None else keep
    factor, unit = _unit(curve, keep)
    at, values = decimated(curve, curve.values, keep, look.x)
    where, medians = running_median(curve.values, keep=keep)
    line = broken(curve.steps[where].astype(np.float64), medians * factor)
    bold = Trace(*line, look.theme.ink)
    raw = Trace(at, values * factor, look.theme.ink, width=0.6, alpha=0.3)
    y = _level_scale(raw.y, bold.y, log=log)
    if y is None:
        return None
    return View(
        title=look.tr(title),
        note=" · ".join(
            look.tr(part) for part in (note or unit, "bold: median") if part
        ),
        y=y,
        traces=(raw, bold),
        ends=_level_end(bold.y, factor, unit, look),
    )


def _unit(curve: Curve, keep: Mask | None) -> tuple[float, str]:
    """Choose seconds for iterations of a second and more."""
    typical = last(running_median(curve.values, keep=keep)[1])
    if curve.unit == "ms" and typical is not None and typical >= _SECOND:
        return 1e-3, "s"
    return 1.0, curve.unit


def _level_scale(raw: Floats, bold: Floats, *, log: bool) -> Scale | None:
    """Begin at zero and end above what is usual; the rare rest leaves at the top."""
    found, usual = span(raw), span(bold)
    if found is None or usual is None:
        return None
    if log and found[0] > 0:
        return padded(found[0], min(found[1], usual[1] * 100), log=True)
    common = float(np.quantile(raw[np.isfinite(raw)], 0.99, method="nearest"))
    top = max(usual[1] * 1.3, min(common, usual[1] * 2) * 1.05)
    if found[0] < 0 or top <= 0:
        return padded(*found, log=False)
    return linear(0.0, top)


def _level_end(bold: Floats, factor: float, unit: str, look: Look) -> tuple[End, ...]:
    value = last(bold)
    if value is None:
        return ()
    if unit in ("ms", "s"):
        text = milliseconds(value / factor if unit == "s" else value, look.lang)
    elif unit == "%":
        text = mfu(value, look.lang)
    else:
        text = brief(value, 3)
    return (End(value, text, look.theme.ink),)


def schedule(curve: Curve | None, look: Look) -> View | None:
    """Show the learning rate as it is: no noise, no median."""
    if curve is None or not len(curve):
        return None
    at, values = decimated(curve, curve.values, kept(curve), look.x)
    found = span(values)
    if found is None:
        return None
    value = last(values)
    return View(
        title=look.tr("Learning rate"),
        note=look.tr("peak {n}", n=brief(found[1], 5)),
        y=linear(0.0, found[1] * 1.1)
        if found[0] >= 0 < found[1]
        else padded(*found, log=False),
        traces=(Trace(at, values, look.theme.ink),),
        ends=() if value is None else (End(value, brief(value, 5), look.theme.ink),),
    )


def accuracy(analysis: Analysis, look: Look) -> View | None:
    """Show accuracy of both kinds in the hues of their losses."""
    pairs = (("accuracy", look.theme.train), ("val_accuracy", look.theme.val))
    traces = [
        Trace(*decimated(curve, curve.values, kept(curve), look.x), colour)
        for name, colour in pairs
        if (curve := analysis.curves.get(name)) is not None and len(curve)
    ]
    found = span(*(trace.y for trace in traces))
    if found is None:
        return None
    return View(
        title=look.tr("Accuracy"),
        note=" · ".join(name(trace, look) for trace in traces),
        y=padded(*found, log=False),
        traces=tuple(traces),
        ends=tuple(chain.from_iterable(end(t.y, "", t.colour, look) for t in traces)),
    )


def against_time(analysis: Analysis, look: Look) -> View | None:
    """Show validation against training time, for logs that race against the clock."""
    val, elapsed = analysis.val, analysis.elapsed_s
    if val is None or elapsed is None or len(elapsed) != len(val):
        return None
    keep = np.isfinite(elapsed) & val.current
    at = decimate(val.values, keep=keep)
    longest = span(elapsed[at])
    if longest is None or longest[1] <= 0:
        return None
    unit, size = clock(longest[1])
    trace = Trace(
        elapsed[at] / size, val.values[at], look.theme.val, dots=len(at) <= FEW_DOTS
    )
    x = Scale(0.0, longest[1] / size)
    return View(
        title=look.tr("Validation against time"),
        note=look.tr(val.unit),
        y=loss_scale([(trace.x, trace.y)], x),
        traces=(trace,),
        ends=end(trace.y, "", look.theme.val, look),
        x=x,
        x_name=look.tr(unit),
    )
