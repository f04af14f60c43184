"""The curves of a run as outputs read them: with what is derived from several."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parsers import metrics
from parsers.batch import Floats, Milestone
from parsers.format import Format
from watcher.analysis.course import Course
from watcher.analysis.events import Events, event_lines
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Curve, Measured, Segment, Summary
from watcher.analysis.pieces import throughput, times
from watcher.analysis.rules.pauses import PAUSE, PAUSE_AFTER_EVENT
from watcher.analysis.segments import current, spans
from watcher.analysis.smoothing import centred_mean


_MS: Final = 1000.0
_WINDOW: Final = 50
_TENTH: Final = 10


def analysis(
    course: Course,
    curves: Mapping[str, Curve],
    milestones: Sequence[Milestone],
    *,
    lines: int,
    window: int | None = None,
    smooth: Curve | None = None,
) -> Analysis:
    """All that is known of a run.

    `curves`: every metric, with all points or, where `smooth` is its moving average, as
    many as a picture shows.  `window`: points in the average; default min(50, n // 10).
    """
    findings, summary = course.judged()
    facts = course.facts()
    train, time = curves.get("loss"), times(curves)
    window = moving_window(course, window) if train is not None else 0
    whole = replace(
        facts,
        curves=curves,
        milestones=tuple(milestones),
        lines=lines,
        window=window,
        train=train,
        time=time if time is not None and len(time) else None,
        throughput=throughput(curves),
    )
    sets = [(c.metric, curves[c.metric]) for c in _sets(facts) if c.metric in curves]
    beside = [(c, course.trained_at(name, c.lines)) for name, c in sets]
    main = train if train is not None else next((c for c, _ in beside), None)
    pause = _pauses(whole, facts.usual_ms) if whole.time is not None else None
    with_pause = replace(
        whole,
        val=beside[0][0] if beside else None,
        val_train=beside[0][1] if beside else None,
        other_sets=tuple(beside[1:]),
        pause=pause,
        train_smooth=_smoothed(train, smooth, course.segments, window),
        elapsed_s=None if main is None else _elapsed(course, whole, main),
        mfu=_mfu(whole, pause, course.mfu_ms),
    )
    return concluded(with_pause, findings, summary)


def concluded(
    run: Measured, findings: tuple[Finding, ...], summary: Summary
) -> Analysis:
    """A run with what was found in it."""
    shared = {f.name: getattr(run, f.name) for f in fields(Measured)}
    return Analysis(**shared, findings=findings, summary=summary)


def moving_window(course: Course, window: int | None) -> int:
    """Points in the moving average; `window`: as many as are asked for."""
    return min(_WINDOW, course.records // _TENTH) if window is None else window


def curve(
    name: str, columns: Any, form: Format | None, segments: Sequence[Segment]
) -> Curve:
    """A metric from its columns: lines, steps and values."""
    lines, steps, values = columns
    units = form.units if form else {}
    unit = units.get(metrics.plain(name), metrics.unit(name))
    return Curve(name, unit, steps, values, lines, current(lines, steps, segments))


def _sets(facts: Measured) -> list[Curve]:
    main = [facts.val] if facts.val is not None else []
    return [*main, *(c for c, _ in facts.other_sets)]


def _smoothed(
    train: Curve | None, smooth: Curve | None, parts: Sequence[Segment], window: int
) -> Floats | None:
    """Centred mean within each segment, so that a restart is not smeared."""
    if train is None:
        return None
    if smooth is not None:
        return np.interp(train.lines, smooth.lines, smooth.values)
    means = [
        centred_mean(train.values[first:end], window)
        for first, end in spans(train.lines, parts)
    ]
    # Most runs are one segment, whose mean need not be in memory twice.
    return means[0] if len(means) == 1 else np.concatenate(means)


def _pauses(run: Measured, usual_ms: float) -> NDArray[np.bool_]:
    """Which times hold an evaluation, a checkpoint or a compilation."""
    assert run.time is not None
    values = run.time.values
    eventful = Events().behind(event_lines(run), run.time.lines)
    after = eventful & (values > PAUSE_AFTER_EVENT * usual_ms)
    return np.asarray(after | (values > PAUSE * usual_ms))


def _mfu(
    run: Measured, pause: NDArray[np.bool_] | None, constant: float | None
) -> Curve | None:
    """MFU in %, NaN where it is not known (-100) or, for nanoGPT, in a pause."""
    printed, time = run.curves.get("mfu"), run.time
    if printed is None or not (printed.values >= 0).any():
        return None
    stated = constant if run.averaged_mfu else None
    if stated is not None and time is not None and pause is not None:
        last = int(time.lines[-1]) == int(printed.lines[-1])
        known = ~pause & (time.values > 0)
        if len(time) == len(printed):
            known &= printed.values >= 0
        if last:
            values = np.full(len(known), np.nan)
            np.divide(stated, time.values, out=values, where=known)
            return replace(time, metric="mfu", unit=printed.unit, values=values)
    known = printed.values >= 0
    return replace(printed, values=np.where(known, printed.values, np.nan))


def _elapsed(course: Course, run: Measured, main: Curve) -> Floats | None:
    """Seconds of training until each point of the main curve."""
    if "train_time_ms" in run.curves:
        clock = run.curves["train_time_ms"]
        return np.interp(main.lines, clock.lines, clock.values) / _MS
    if run.time is None or not np.isfinite(run.usual_ms):
        return None
    lines, seconds = course.elapsed(run.time)
    if np.array_equal(lines, main.lines):
        return seconds
    return np.interp(main.lines, lines, seconds)
