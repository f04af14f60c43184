"""Rules on the course of a run: pace, cost of evaluations, its end."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints
from watcher.analysis import Analysis, Curve
from watcher.finding import Finding
from watcher.rules.settings import EvaluationCost, Slowdown


_RECENT: Final = 20
_BEFORE: Final = 200
_COMPILE_LINES: Final = 5
_BLOCK: Final = 1 << 16
_PIECE: Final = 1 << 14


def slowdown(analysis: Analysis, settings: Slowdown) -> list[Finding]:
    """Iterations take lastingly longer: medians, so that pauses do not count.

    The median of the last 20 exceeds that of the 200 before by the factor, for so
    many lines in a row; it is over when half of that excess is gone.  A log without
    times is judged by its MFU or its throughput, upside down.
    """
    pace = _pace(analysis)
    if pace is None:
        return []
    curve, name, values = pace
    good = np.flatnonzero(np.isfinite(values) & ~_pauses(analysis, len(values)))
    good = good[_COMPILE_LINES:]
    if len(good) < _RECENT + _BEFORE:
        return []
    return list(_slowdowns(curve, name, good, values, settings))


def _pace(analysis: Analysis) -> tuple[Curve, str, Floats] | None:
    """A curve, its name in evidence, and what grows as its run slows down."""
    if analysis.time is not None:
        return analysis.time, "ms", analysis.time.values
    sources = ((analysis.mfu, "mfu"), (analysis.throughput, "rate"))
    for curve, name in sources:
        if curve is not None:
            positive = np.where(curve.values > 0, curve.values, np.nan)
            return curve, name, 1 / positive
    return None


def _slowdowns(
    curve: Curve, name: str, good: Ints, values: Floats, settings: Slowdown
) -> Iterator[Finding]:
    recent, before = _medians(values[good], settings.factor)
    slow = recent > settings.factor * before
    runs = np.flatnonzero(np.diff(slow, prepend=np.False_, append=np.False_))
    free = 0  # from where on no slowdown lasts
    for start, end in zip(runs[::2].tolist(), runs[1::2].tolist(), strict=True):
        told = max(start, free) + settings.lines - 1
        if told >= end:
            continue
        limit = (1 + settings.factor) / 2 * before[told]
        after = np.flatnonzero(recent[told:] < limit)
        over = told + int(after[0]) if len(after) else None
        numbers = recent[told], before[told]
        now, then = (1 / n if name != "ms" else n for n in numbers)
        step = curve.steps[good[_RECENT + _BEFORE - 1 :]]
        yield Finding(
            "slowdown",
            "warning",
            int(step[told]),
            since_step=int(curve.steps[good[start + _BEFORE + _RECENT // 2]]),
            evidence={
                f"now_{name}": float(now),
                f"before_{name}": float(then),
                **({"unit": curve.unit} if name == "rate" else {}),
            },
            cleared_step=None if over is None else int(step[over]),
        )
        if over is None:
            return
        free = over


def _pauses(analysis: Analysis, n: int) -> NDArray[np.bool_]:
    # Only what an event explains is a pause; a lasting slow stretch is not.
    pause = analysis.pause
    if pause is None or analysis.time is None:
        return np.zeros(n, dtype=bool)
    # The first slow iteration in a row, so that what follows need not be known.
    before = np.concatenate([[False], pause[:-1]])
    return np.asarray(pause & ~before, dtype=bool)


def _medians(values: Floats, factor: float) -> tuple[Floats, Floats]:
    """Median of the last 20 at each value, and of the 200 before those."""
    width = _RECENT + _BEFORE - 1
    recent, before = np.empty((2, len(values) - width))
    # Block by block: temporaries stay small however long the log.
    for start in range(0, len(recent), _BLOCK):
        part = slice(start, start + _BLOCK)
        block = values[start : start + _BLOCK + width]
        recent[part], before[part] = _block_medians(block, factor)
    return recent, before


def _block_medians(values: Floats, factor: float) -> tuple[Floats, Floats]:
    """The same for a part of the log.

    Half of a stretch of 200 is at least the least of the lower medians of its ten
    parts: where that shows no slowdown, it stands for the median, which costs more.
    """
    medians, lower = _rolling(values, _RECENT)
    recent = medians[_BEFORE:]
    parts = [lower[at : at + len(recent)] for at in range(0, _BEFORE, _RECENT)]
    before = np.minimum.reduce(parts)
    unsure = np.flatnonzero(recent > factor * before)
    windows = np.lib.stride_tricks.sliding_window_view(values, _BEFORE)
    for at in range(0, len(unsure), _PIECE):
        some = unsure[at : at + _PIECE]
        before[some] = np.median(windows[some], axis=1)
    return recent, before


def _rolling(values: Floats, width: int) -> tuple[Floats, Floats]:
    """Median and lower median of every `width` values in a row, an even number."""
    windows = np.lib.stride_tricks.sliding_window_view(values, width)
    upper, lower = np.empty(len(windows)), np.empty(len(windows))
    half = width // 2
    for at in range(0, len(windows), _PIECE):
        part = np.partition(windows[at : at + _PIECE], (half - 1, half), axis=1)
        lower[at : at + _PIECE] = part[:, half - 1]
        upper[at : at + _PIECE] = part[:, half]
    return (lower + upper) / 2, lower


def evaluation_cost(analysis: Analysis, settings: EvaluationCost) -> list[Finding]:
    """Evaluations take more than a quarter of the time."""
    s = analysis.summary
    share, val = s.eval_share, analysis.val
    few = 3  # one or two evaluations say little of their cost
    if share is None or val is None or share <= settings.share or s.evaluations < few:
        return []
    evidence = {"share": share, "eval_ms": s.eval_ms, "every": s.eval_every}
    return [
        Finding("evaluation_cost", "info", int(val.steps[few - 1]), evidence=evidence)
    ]


def ended(analysis: Analysis) -> list[Finding]:
    """How the run ended, where the log says so: crashed or finished."""
    s = analysis.summary
    if s.outcome is None or s.outcome == "interrupted":
        return []  # interrupted: by its own person
    evidence = {"outcome": s.outcome, "text": s.outcome_text}
    if s.outcome != "finished":
        step = s.last_step or 0  # it may end before its first step
        return [Finding("crashed", "critical", step, evidence=evidence)]
    if s.last_step is None:
        return []
    return [Finding("finished", "info", s.last_step, evidence=evidence)]
