"""What the panels of a run show: an analysis becomes views, thinned and scaled.

The large panel holds training against validation; the small ones the training loss in
detail, then the two that say most of this kind of log: time and MFU where it has them,
else throughput, gradient norm, learning rate, accuracy.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from parsers.batch import Floats
from watcher.analysis import Analysis, Curve
from watcher.outputs.captions import say
from watcher.outputs.panels import End, Trace, View
from watcher.outputs.quantities import integer, milliseconds, percent
from watcher.outputs.theme import Theme
from watcher.outputs.thin import Mask, averages, running_median, thin
from watcher.outputs.ticks import Scale, brief, reading


# Smaller or larger than this is no loss of any model; its logarithm still is a float.
_TINY, _HUGE = 1e-100, 1e100
# The first steps fall so far that the rest would look flat (STYLE's 2 %).
_EARLY = 0.02
# They stay in the picture where they take less than about half of its height.
_WORTH = 1.8
# Above this many evaluations marks touch one another on the large panel.
_DOTS = 120
# On a small one marks touch above this many.
FEW_DOTS = 30
# With fewer points than this there is no curve.
_FEW = 3
# From this many milliseconds on people say seconds.
_SECOND = 1000
# A spike this many times above the trend would flatten it: it is ticked instead.
_SPIKE = 4.0
# More pauses than this are a bar, whatever is drawn.
_MARKS = 300


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is wanted: its colours, its language, its scale of steps."""

    theme: Theme
    lang: str
    x: Scale

    def say(self, phrase: str, **values: object) -> str:
        """Put a phrase in the picture's language."""
        return say(self.lang, phrase, **values)


Points = tuple[Floats, Floats]


def steps_scale(analyses: Sequence[Analysis], *, log: bool) -> Scale:
    """Span every step of the runs; one step alone gets room on both sides."""
    curves = [c for a in analyses for c in a.curves.values()]
    curves += [c for a in analyses for c in (a.train, a.val, a.time) if c is not None]
    # Metrics of one line share their steps: ten million need to be looked at once.
    columns = {id(c.steps): c.steps for c in curves if len(c)}.values()
    low = float(min((column.min() for column in columns), default=0))
    high = float(max((column.max() for column in columns), default=1))
    if log:
        return Scale(max(low, 1.0), max(high, 2.0, low + 1), log=True)
    if high == low:
        return Scale(low - 1, high + 1)
    # A run of 5,000 iterations ends at step 4,999: let "5k" be on the scale.
    unit = 10.0 ** math.floor(math.log10(high - low) - 1)
    rounded = math.ceil(high / unit) * unit
    return Scale(low, rounded if rounded - high <= 0.004 * (high - low) else high)


def span(*columns: Floats) -> tuple[float, float] | None:
    """Find the least and the greatest finite value, None without any."""
    every = np.concatenate([np.empty(0), *columns])
    every = every[np.abs(every) <= _HUGE]
    return (float(every.min()), float(every.max())) if len(every) else None


def padded(low: float, high: float, *, log: bool) -> Scale:
    """Give a scale with air at both ends; a constant stands in its middle."""
    if log and low > 0:
        low = max(low, _TINY)
        pad = max((high / low) ** 0.06, 1.01)
        return Scale(low / pad, high * pad, log=True)
    pad = 0.07 * (high - low) or 0.1 * abs(high) or 1.0
    return Scale(low - pad, high + pad)


def loss_scale(curves: Sequence[Points], x: Scale, *, log: bool = True) -> Scale | None:
    """Scale losses logarithmically, or linearly where one is zero or negative.

    The first steps are left out where they would flatten the rest.
    """
    every = span(*(y for _, y in curves))
    settled = span(*(_settled(*points, x) for points in curves))
    if every is None or settled is None:
        return None
    log = log and every[0] > 0
    if _extent(*every, log=log) > _WORTH * _extent(*settled, log=log) > 0:
        return padded(*settled, log=log)
    return padded(*every, log=log)


def _extent(low: float, high: float, *, log: bool) -> float:
    """Measure a range as the axis will show it."""
    return math.log(high / max(low, _TINY)) if log else high - low


def _settled(at: Floats, values: Floats, x: Scale) -> Floats:
    """Leave out the first steps, and the rare peaks of a long curve but its last."""
    late = values[at >= x.low + _EARLY * (x.high - x.low)]
    late = late[np.isfinite(late)]
    if x.log or len(late) < _FEW:
        return values
    if len(late) < _DOTS // 2:
        return late
    keep = late <= np.quantile(late, 0.985)  # STYLE's 98.5 %
    keep[-1] = True
    return np.asarray(late[keep])


def kept(curve: Curve) -> Mask | None:
    """Tell which points were not trained again after a restart, None for all."""
    return None if curve.current.all() else curve.current


def thinned(curve: Curve, values: Floats, keep: Mask | None, x: Scale) -> Points:
    """Thin a column of a curve."""
    at = thin(values, keep=keep, log=x.log)
    return curve.steps[at].astype(np.float64), values[at]


def superseded(curve: Curve, x: Scale) -> Points:
    """Thin what a later restart trained again, with a gap between two stretches."""
    at = thin(curve.values, keep=~curve.current, log=x.log)
    stretch = np.searchsorted(np.flatnonzero(np.diff(curve.current)), at)
    gaps = np.flatnonzero(np.diff(stretch)) + 1
    steps = curve.steps[at].astype(np.float64)
    return np.insert(steps, gaps, np.nan), np.insert(curve.values[at], gaps, np.nan)


def last(values: Floats) -> float | None:
    """Find the last finite value."""
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else None


def _end(values: Floats, text: str, colour: str) -> tuple[End, ...]:
    """Label a line with its name and its last value; none without values."""
    value = last(values)
    if value is None:
        return ()
    return (End(value, f"{text} {reading(value)}".strip(), colour),)


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
    ends = [_end(t.y, _name(t, look), t.colour) for t in bold]
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
    late = raw.y[(raw.x >= x.low + _early(x)) & np.isfinite(raw.y)]
    if not len(late):
        return np.empty(0), np.empty(0)
    return np.full(2, x.high), np.quantile(late, (0.01, 0.97))


def _name(trace: Trace, look: Look) -> str:
    return look.say("validation" if trace.colour == look.theme.val else "train")


def _raw(analysis: Analysis, look: Look) -> Iterator[Trace]:
    """Draw every iteration's loss, thin."""
    train = analysis.train
    if train is not None and len(train):
        points = thinned(train, train.values, kept(train), look.x)
        yield Trace(*points, look.theme.train, width=0.6, alpha=0.3)


def _old(analysis: Analysis, look: Look, *, alone: bool) -> Iterator[Trace]:
    """Draw what a restart made void, faint."""
    train = None if alone else analysis.train
    pairs = ((train, look.theme.train, 0.6), (analysis.val, look.theme.val, 1.6))
    for curve, colour, width in pairs:
        if curve is not None and not curve.current.all():
            yield Trace(*superseded(curve, look.x), colour, width, alpha=0.25)


def _validation(analysis: Analysis, look: Look) -> Iterator[Trace]:
    val = analysis.val
    if val is not None and len(val):
        points = thinned(val, val.values, kept(val), look.x)
        yield Trace(*points, look.theme.val, dots=len(points[0]) <= _DOTS)


def _train_at_evaluations(analysis: Analysis, look: Look) -> Iterator[Trace]:
    """Draw the training loss at each evaluation; with few, the moving average."""
    val, beside = analysis.val, analysis.val_train
    known = 0 if beside is None else int(np.isfinite(beside).sum())
    train = analysis.train
    if train is not None and len(train) > known and known < _FEW:
        yield moving(analysis, train, look)
    elif val is not None and beside is not None and known:
        points = thinned(val, beside, kept(val), look.x)
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
    return Trace(steps, means, look.theme.train, dots=len(train) <= FEW_DOTS)


def _hero_note(analysis: Analysis, look: Look, *, alone: bool, log: bool) -> str:
    val, train = analysis.val, analysis.train
    curve = val or train
    parts = [look.say(curve.unit)] if curve is not None else []
    if log:
        parts.append(look.say("log scale"))
    if alone and train is not None and len(train):
        unit = look.say(train.unit)
        parts.append(look.say("training loss is in {unit}: see below", unit=unit))
    elif train is not None and len(train) > 2 * (0 if val is None else len(val)):
        parts.append(look.say("thin: every iteration"))
    if any(c is not None and not c.current.all() for c in (val, train)):
        parts.append(look.say("faint: before a restart"))
    return " · ".join(part for part in parts if part)


def small(analysis: Analysis, look: Look) -> tuple[View, View, View]:
    """Choose the three small panels."""
    left = _detail(analysis, look)
    pool = (view for view in _pool(analysis, look) if view is not None)
    chosen = [*islice(pool, 2)]
    shown = {view.title for view in chosen}
    usual = (look.say("Time per iteration"), look.say("Utilisation (MFU)"))
    chosen += [View(title) for title in usual if title not in shown]
    return left, chosen[0], chosen[1]


def _detail(analysis: Analysis, look: Look) -> View:
    """Show the training loss by itself; without one, how validation ends."""
    train = analysis.train
    if train is not None and len(train):
        return _training(analysis, train, look)
    late = _late(analysis.val, look) if analysis.val is not None else None
    return late or View(look.say("Training loss"))


def _training(analysis: Analysis, train: Curve, look: Look) -> View:
    thin_line = next(_raw(analysis, look))
    bold = moving(analysis, train, look)
    y = _spiky_scale(thin_line, bold, look.x)
    over = thin_line.y > y.high if y is not None else np.zeros(len(thin_line.y), bool)
    return View(
        title=look.say("Training loss"),
        note=_training_note(analysis, train, look, log=y is not None and y.log),
        y=y,
        traces=(thin_line, bold),
        ends=_end(bold.y, "", look.theme.train),
        marks=thin_line.x[over & (thin_line.x > look.x.low + _early(look.x))],
    )


def _early(x: Scale) -> float:
    return _EARLY * (x.high - x.low)


def _spiky_scale(raw: Trace, bold: Trace, x: Scale) -> Scale | None:
    """Hold every iteration but the first and those far above the trend."""
    y = loss_scale([(bold.x, bold.y)], x)
    every = span(raw.y[raw.x >= x.low + _early(x)])
    if y is None or every is None or not (y.log and every[0] > 0):
        return y if every is None else loss_scale([(raw.x, raw.y)], x)
    top = min(max(every[1], y.high), y.high * _SPIKE)
    return Scale(min(y.low, every[0] / 1.02), max(y.high, top * 1.02), log=True)


def _training_note(analysis: Analysis, train: Curve, look: Look, *, log: bool) -> str:
    parts = [look.say(train.unit), look.say("log scale") if log else ""]
    if analysis.smoothed_loss:
        parts.append(look.say("averaged by the log"))
    elif analysis.window > 1:
        parts.append(
            look.say("bold: mean of {n}", n=integer(analysis.window, look.lang))
        )
    return " · ".join(part for part in parts if part)


def _late(curve: Curve, look: Look) -> View | None:
    """Show the second half of a curve on a linear scale: is it still falling?"""
    at, values = thinned(curve, curve.values, kept(curve), look.x)
    middle = (look.x.low + look.x.high) / 2
    at, values = at[at >= middle], values[at >= middle]
    found = span(values)
    if found is None:
        return None
    trace = Trace(at, values, look.theme.val, dots=len(at) <= FEW_DOTS)
    return View(
        title=look.say("Validation, last half"),
        note=look.say(curve.unit),
        y=padded(*found, log=False),
        traces=(trace,),
        ends=_end(values, "", look.theme.val),
        x=Scale(middle, look.x.high),
    )


def _pool(analysis: Analysis, look: Look) -> Iterator[View | None]:
    """Yield what a reader would want beside the losses, the most wanted first."""
    curves = analysis.curves
    yield _time(analysis, look) or _mean_time(analysis, look)
    mfu, speed = analysis.mfu, analysis.throughput
    note = "% of the device's peak"
    yield _level(mfu, look, "Utilisation (MFU)", note, keep=_unpaused(mfu, analysis))
    if mfu is None:
        yield _level(speed, look, "Throughput", keep=_unpaused(speed, analysis))
    yield _against_time(analysis, look) if analysis.train is None else None
    yield _level(curves.get("grad_norm"), look, "Gradient norm", log=True)
    yield _accuracy(analysis, look)
    yield _schedule(curves.get("lr"), look)
    yield _level(curves.get("tflops"), look, "Arithmetic")
    yield _level(curves.get("memory_mib"), look, "Memory")


def _time(analysis: Analysis, look: Look) -> View | None:
    """Show the typical iteration; pauses are ticked and never stretch the scale."""
    curve, pause = analysis.time, analysis.pause
    if curve is None or not len(curve):
        return None
    keep = curve.current if pause is None else curve.current & ~pause
    view = _level(curve, look, "Time per iteration", keep=keep)
    if view is None or pause is None or not pause.any():
        return view
    at = np.flatnonzero(pause & curve.current)
    shown = at[np.linspace(0, len(at) - 1, min(len(at), _MARKS)).astype(np.int64)]
    return View(
        title=view.title,
        note=f"{look.say(_unit(curve, keep)[1])} · {_pauses(analysis, len(at), look)}",
        y=view.y,
        traces=view.traces,
        ends=view.ends,
        marks=curve.steps[shown].astype(np.float64),
    )


def _unpaused(curve: Curve | None, analysis: Analysis) -> Mask | None:
    """Leave the pauses out of what is printed on the same lines as the times."""
    time, pause = analysis.time, analysis.pause
    if curve is None or time is None or pause is None or len(curve) != len(time):
        return None
    return curve.current & ~pause if curve.lines[-1:] == time.lines[-1:] else None


def _pauses(analysis: Analysis, n: int, look: Look) -> str:
    """Say how many pauses there are, and what evaluations cost where that is known."""
    text = look.say("pauses ticked above: {n}", n=integer(n, look.lang))
    share = analysis.summary.eval_share
    if share is None:
        return text
    cost = look.say("evaluations {share}", share=percent(100 * share, look.lang))
    return f"{text} · {cost}"


def _mean_time(analysis: Analysis, look: Look) -> View | None:
    curve = analysis.curves.get("step_avg_ms")
    title, note = "Mean time per iteration", "ms · running mean of the log"
    return _level(curve, look, title, note)


def _level(
    curve: Curve | None,
    look: Look,
    title: str,
    note: str = "",
    *,
    keep: Mask | None = None,
    log: bool = False,
) -> View | None:
    """Show what stays about level: every value thin, its running median bold."""
    if curve is None or not len(curve):
        return None
    keep = kept(curve) if keep is None else keep
    factor, unit = _unit(curve, keep)
    at, values = thinned(curve, curve.values, keep, look.x)
    where, medians = running_median(curve.values, keep=keep)
    bold = Trace(
        curve.steps[where].astype(np.float64), medians * factor, look.theme.ink
    )
    raw = Trace(at, values * factor, look.theme.ink, width=0.6, alpha=0.3)
    y = _level_scale(raw.y, bold.y, log=log)
    if y is None:
        return None
    notes = [look.say(note or unit), "" if note else look.say("bold: median")]
    notes = (
        [look.say(note)] if note.startswith("%") else [look.say(unit), look.say(note)]
    )
    return View(
        title=look.say(title),
        note=" · ".join(filter(None, notes)),
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
    finite = raw[np.isfinite(raw)]
    top = max(
        usual[1] * 1.3, min(float(np.quantile(finite, 0.99)), usual[1] * 2) * 1.05
    )
    if found[0] < 0 or top <= 0:
        return padded(*found, log=False)
    return Scale(0.0, top)


def _level_end(bold: Floats, factor: float, unit: str, look: Look) -> tuple[End, ...]:
    value = last(bold)
    if value is None:
        return ()
    if unit in ("ms", "s"):
        text = milliseconds(value / factor if unit == "s" else value, look.lang)
    elif unit == "%":
        text = f"{value:.1f} %"
    else:
        text = brief(value, 3)
    return (End(value, text, look.theme.ink),)


def _schedule(curve: Curve | None, look: Look) -> View | None:
    """Show the learning rate as it is: no noise, no median."""
    if curve is None or not len(curve):
        return None
    at, values = thinned(curve, curve.values, kept(curve), look.x)
    found = span(values)
    if found is None:
        return None
    value = last(values)
    return View(
        title=look.say("Learning rate"),
        note=look.say("peak {n}", n=brief(found[1], 3)),
        y=Scale(0.0, found[1] * 1.1)
        if found[0] >= 0 < found[1]
        else padded(*found, log=False),
        traces=(Trace(at, values, look.theme.ink),),
        ends=() if value is None else (End(value, brief(value, 3), look.theme.ink),),
    )


def _accuracy(analysis: Analysis, look: Look) -> View | None:
    """Show accuracy of both kinds in the hues of their losses."""
    pairs = (("accuracy", look.theme.train), ("val_accuracy", look.theme.val))
    traces = [
        Trace(*thinned(curve, curve.values, kept(curve), look.x), colour)
        for name, colour in pairs
        if (curve := analysis.curves.get(name)) is not None and len(curve)
    ]
    found = span(*(trace.y for trace in traces))
    if found is None:
        return None
    return View(
        title=look.say("Accuracy"),
        note=" · ".join(_name(trace, look) for trace in traces),
        y=padded(*found, log=False),
        traces=tuple(traces),
        ends=tuple(end for t in traces for end in _end(t.y, "", t.colour)),
    )


def _against_time(analysis: Analysis, look: Look) -> View | None:
    """Show validation against training time, for logs that race against the clock."""
    val, elapsed = analysis.val, analysis.elapsed_s
    if val is None or elapsed is None or len(elapsed) != len(val):
        return None
    keep = np.isfinite(elapsed) & val.current
    at = thin(val.values, keep=keep)
    longest = span(elapsed[at])
    if longest is None or longest[1] <= 0:
        return None
    unit, size = clock(longest[1])
    trace = Trace(
        elapsed[at] / size, val.values[at], look.theme.val, dots=len(at) <= FEW_DOTS
    )
    x = Scale(0.0, longest[1] / size)
    return View(
        title=look.say("Validation against time"),
        note=look.say(val.unit),
        y=loss_scale([(trace.x, trace.y)], x),
        traces=(trace,),
        ends=_end(trace.y, "", look.theme.val),
        x=x,
        x_name=look.say(unit),
    )


def clock(longest: float) -> tuple[str, float]:
    """Choose the unit in which people would tell a time, and its seconds."""
    for size, unit in ((3600.0, "hours"), (60.0, "minutes")):
        if longest >= 2 * size:
            return unit, size
    return "seconds", 1.0


def best(analysis: Analysis) -> tuple[int, float] | None:
    """Give step and value of the best evaluation."""
    summary, val = analysis.summary, analysis.val
    if summary.best_val is not None and summary.best_val_step is not None:
        return summary.best_val_step, summary.best_val
    if val is None or not (usable := np.isfinite(val.values) & val.current).any():
        return None
    at = int(np.where(usable, val.values, np.inf).argmin())
    return int(val.steps[at]), float(val.values[at])
