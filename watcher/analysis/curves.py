"""Measures a run: from its columns to curves and segments."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers import metrics
from parsers.batch import Floats, Ints
from watcher.analysis.model import Curve, Measured, Segment
from watcher.analysis.segments import current, segments, spans
from watcher.analysis.smoothing import centred_mean
from watcher.storage.columns import Run


_MS: Final = 1000.0
# A time above this many typical ones holds more than an iteration.
_PAUSE_FACTOR: Final = 3.0
# After an evaluation or a checkpoint, this much more is enough.
_PAUSE_AFTER_EVENT: Final = 1.15
# nanoGPT's running mean of MFU: 0.9 of the old, 0.1 of the new.
_MFU_DECAY: Final = 0.9
_SAMPLE: Final = 100_000
# Formats with one record an epoch, and records that show it in others.
_EPOCH_FORMATS: Final = frozenset({"keras", "epochs"})
_MIN_EPOCHS: Final = 2
# Share of the records that are of another run in a table of results.
_OTHER_RUNS: Final = 0.8
_THROUGHPUT: Final = ("tokens_per_s", "samples_per_s", "iters_per_s")


def measure(
    run: Run,
    *,
    name: str,
    path: str,
    window: int | None = None,
    changed_at: float | None = None,
    ended: bool = False,
) -> Measured:
    """The curves and segments of a run.

    `window`: points in the moving average; default min(50, n // 10) of the log.
    """
    curves = _curves(run)
    milestones = run.milestones()
    main = curves.get("loss") or _validation(curves)
    val = _validation(curves)
    parts = segments(main.lines, main.steps, milestones, val) if main else ()
    curves = {
        key: replace(c, current=current(c.lines, c.steps, parts))
        for key, c in curves.items()
    }
    train, val = curves.get("loss"), _validation(curves)
    n = len(train) if train else 0
    points = window if window is not None else min(50, n // 10)
    time = _time(curves)
    events = _events(curves, [m.line for m in milestones if m.kind == "checkpoint"])
    pause = _pauses(time, events) if time else None
    return Measured(
        name=name,
        path=path,
        format=run.format.name if run.format else "",
        info=_info(run),
        train=train,
        train_smooth=_smooth(train, parts, points) if train else None,
        window=points,
        val=val,
        val_train=_val_train(val, curves) if val else None,
        other_sets=_other_sets(val, curves),
        comparable=_comparable(val, curves),
        time=time,
        pause=pause,
        mfu=_mfu(curves, time, pause, run),
        throughput=_throughput(curves),
        curves=curves,
        elapsed_s=_elapsed(curves, time, train or val),
        smoothed_loss=bool(run.format and "loss" in run.format.averaged),
        segments=parts,
        milestones=milestones,
        lines=run.lines,
        changed_at=changed_at,
        ended=ended,
        epochs=_counts_epochs(run, curves, main),
        table=_is_table(curves, main),
    )


def _is_table(curves: Mapping[str, Curve], main: Curve | None) -> bool:
    """Whether nearly every record is of another run than the one before."""
    changes = curves.get("run_no")
    if main is None or changes is None:
        return False
    return len(changes) >= _OTHER_RUNS * (len(main) - 1)


def _counts_epochs(run: Run, curves: Mapping[str, Curve], main: Curve | None) -> bool:
    """Whether what the log calls a step is an epoch."""
    if run.format is not None and run.format.name in _EPOCH_FORMATS:
        return True
    epoch = curves.get("epoch")
    if epoch is None or main is None or len(epoch) < _MIN_EPOCHS:
        return False
    return bool(np.array_equal(epoch.values, epoch.steps))


def _curves(run: Run) -> dict[str, Curve]:
    units = run.format.units if run.format else {}
    found = {}
    for name in run.metrics():
        lines, steps, values = run.column(name)
        unit = units.get(metrics.plain(name), metrics.unit(name))
        everywhere = np.ones(len(steps), dtype=bool)
        found[name] = Curve(name, unit, steps, values, lines, everywhere)
    return found


def _validation(curves: Mapping[str, Curve]) -> Curve | None:
    return next(iter(_validations(curves)), None)


def _validations(curves: Mapping[str, Curve]) -> list[Curve]:
    """The validation, then the losses of named sets in the order of the log."""
    main = next((curves[n] for n in metrics.VALIDATION if n in curves), None)
    named = [c for n, c in curves.items() if metrics.validation_set(n)]
    named.sort(key=lambda c: int(c.lines[0]))
    return named if main is None else [main, *named]


def _other_sets(
    val: Curve | None, curves: Mapping[str, Curve]
) -> tuple[tuple[Curve, Floats], ...]:
    others = [c for c in _validations(curves) if c is not val]
    return tuple((c, _val_train(c, curves)) for c in others)


def _info(run: Run) -> dict[str, int | float | str | bool]:
    info = dict(run.facts)
    if run.planned is not None:
        info.setdefault("max_iters", run.planned)
    return info


def _smooth(train: Curve, parts: Sequence[Segment], window: int) -> Floats:
    """Centred mean within each segment, so that a restart is not smeared."""
    means = [
        centred_mean(train.values[first:end], window)
        for first, end in spans(train.lines, parts)
    ]
    return np.concatenate(means)


def _val_train(val: Curve, curves: Mapping[str, Curve]) -> Floats:
    """Training loss at each evaluation, from what the log held until then."""
    for name in ("train_loss", "loss"):
        if name in curves:
            beside = _at_lines(curves[name], val.lines)
            if np.isfinite(beside).any():
                return beside
    if "loss" not in curves:
        return np.full(len(val), np.nan)
    return _mean_since_last(curves["loss"], val.lines)


def _at_lines(curve: Curve, lines: Ints) -> Floats:
    """Values of a curve at some lines, NaN where it has none there."""
    at = np.searchsorted(curve.lines, lines).clip(max=len(curve) - 1)
    return np.where(curve.lines[at] == lines, curve.values[at], np.nan)


def _mean_since_last(train: Curve, lines: Ints) -> Floats:
    """Mean of the finite training losses between an evaluation and the one before."""
    finite = np.isfinite(train.values)
    total = np.concatenate([[0.0], np.cumsum(np.where(finite, train.values, 0.0))])
    count = np.concatenate([[0], np.cumsum(finite)])
    end = np.searchsorted(train.lines, lines)
    start = np.concatenate([[0], end[:-1]])
    n = count[end] - count[start]
    means: Floats = np.full(len(lines), np.nan)
    np.divide(total[end] - total[start], n, out=means, where=n > 0)
    return means


def _comparable(val: Curve | None, curves: Mapping[str, Curve]) -> bool:
    if val is None or metrics.plain(val.metric) != "val_loss":
        return False
    beside = curves.get("train_loss") or curves.get("loss")
    return beside is not None and beside.unit == val.unit


def _time(curves: Mapping[str, Curve]) -> Curve | None:
    """Time of an iteration in ms: as printed, else from a clock or a rate."""
    if "iter_ms" in curves:
        return curves["iter_ms"]
    if "train_time_ms" in curves:
        clock = curves["train_time_ms"]
        passed, done = np.diff(clock.values), np.diff(clock.steps)
        ok = np.flatnonzero((done > 0) & (passed > 0))
        return _times(clock, ok + 1, passed[ok] / done[ok])
    if "iters_per_s" in curves:
        rate = curves["iters_per_s"]
        some = np.flatnonzero(rate.values > 0)
        return _times(rate, some, _MS / rate.values[some])
    return None


def _times(curve: Curve, where: Ints, ms: Floats) -> Curve | None:
    if not len(where):
        return None
    return replace(_part(curve, where), metric="iter_ms", unit="ms", values=ms)


def _part(curve: Curve, where: Ints) -> Curve:
    return replace(
        curve,
        steps=curve.steps[where],
        values=curve.values[where],
        lines=curve.lines[where],
        current=curve.current[where],
    )


def _events(curves: Mapping[str, Curve], checkpoints: list[int]) -> Ints:
    """Lines of evaluations and checkpoints, rising."""
    lines = [
        c.lines
        for n, c in curves.items()
        if n in metrics.VALIDATION or metrics.validation_set(n)
    ]
    return np.sort(np.concatenate([*lines, np.array(checkpoints, dtype=np.int64)]))


def _pauses(time: Curve, events: Ints) -> NDArray[np.bool_]:
    """Which times hold an evaluation, a checkpoint or a compilation."""
    typical = _typical(time.values)
    eventful = np.zeros(len(time) + 1, dtype=bool)
    eventful[np.searchsorted(time.lines, events)] = True
    after = eventful[:-1] & (time.values > _PAUSE_AFTER_EVENT * typical)
    return np.asarray(after | (time.values > _PAUSE_FACTOR * typical))


def _typical(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")


def _mfu(
    curves: Mapping[str, Curve],
    time: Curve | None,
    pause: NDArray[np.bool_] | None,
    run: Run,
) -> Curve | None:
    """MFU in %, NaN where it is not known (-100) or, for nanoGPT, in a pause."""
    if "mfu" not in curves:
        return None
    printed = curves["mfu"]
    known = printed.values >= 0
    if not known.any():
        return None
    averaged = run.format is not None and "mfu" in run.format.averaged
    if averaged and time is not None and pause is not None and len(time) == len(known):
        constant = _mfu_times_ms(printed.values, time.values, pause)
        if constant is not None:
            known &= ~pause & (time.values > 0)
            values = np.full(len(known), np.nan)
            np.divide(constant, time.values, out=values, where=known)
            return replace(printed, values=values)
    return replace(printed, values=np.where(known, printed.values, np.nan))


def _mfu_times_ms(mfu: Floats, ms: Floats, pause: NDArray[np.bool_]) -> float | None:
    """The product of MFU and time of an iteration, out of nanoGPT's running mean.

    The mean forgets a pause only after ten lines, which makes a saw-tooth.  MFU is
    some constant over the time of the iteration; the constant is the median of
    what undoing the mean gives, m[t] - 0.9 m[t-1] over 0.1, times the time.
    """
    if len(mfu) <= 1:
        return None
    # A sample is enough for a median.
    at = np.unique(np.linspace(1, len(mfu) - 1, min(len(mfu), _SAMPLE)).astype(int))
    fresh = (mfu[at] - _MFU_DECAY * mfu[at - 1]) / (1 - _MFU_DECAY)
    usable = (mfu[at - 1] > 0) & ~pause[at] & (fresh > 0) & (ms[at] > 0)
    return float(np.median((fresh * ms[at])[usable])) if usable.any() else None


def _throughput(curves: Mapping[str, Curve]) -> Curve | None:
    return next((curves[n] for n in _THROUGHPUT if n in curves), None)


def _elapsed(
    curves: Mapping[str, Curve], time: Curve | None, main: Curve | None
) -> Floats | None:
    """Seconds of training until each point of the main curve."""
    if main is None:
        return None
    if "train_time_ms" in curves:
        clock = curves["train_time_ms"]
        return np.interp(main.lines, clock.lines, clock.values) / _MS
    typical = _typical(time.values) if time is not None else float("nan")
    if time is None or not np.isfinite(typical):
        return None
    # A line after several iterations states the time of the last alone.
    spent = np.diff(time.steps, prepend=time.steps[:1] - 1).astype(np.float64)
    spent -= 1
    np.clip(spent, 0, None, out=spent)
    spent *= typical
    known = np.isfinite(time.values)
    np.add(spent, time.values, out=spent, where=known)
    spent[~known] += typical
    np.cumsum(spent, out=spent)
    spent /= _MS
    same = time.lines is main.lines
    return spent if same else np.interp(main.lines, time.lines, spent)
