"""Rules on the course of a run: pace, cost of evaluations, checkpoints, its end."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats
from watcher.analysis import Analysis
from watcher.finding import Finding
from watcher.rules.settings import BestCheckpointLost, EvaluationCost, Slowdown


_RECENT: Final = 20
_BEFORE: Final = 200
_COMPILE_LINES: Final = 5
_PIECE: Final = 1 << 14


def slowdown(analysis: Analysis, settings: Slowdown) -> list[Finding]:
    """Iterations take lastingly longer: medians, so that pauses do not count.

    The median of the last 20 exceeds that of the 200 before by the factor, for so
    many lines in a row.
    """
    time = analysis.time
    if time is None:
        return []
    good = np.flatnonzero(np.isfinite(time.values) & ~_pauses(analysis))
    good = good[_COMPILE_LINES:]
    if len(good) < _RECENT + _BEFORE:
        return []
    values = time.values[good]
    recent, before = _medians(values, settings.factor)
    slow = recent > settings.factor * before
    starts = np.flatnonzero(np.diff(slow, prepend=np.False_) & slow)
    for start in starts.tolist():
        last = start + settings.lines - 1
        if slow[start : last + 1].sum() < settings.lines:
            continue
        at = good[last + _RECENT + _BEFORE - 1]
        return [
            Finding(
                "slowdown",
                "warning",
                int(time.steps[at]),
                since_step=int(time.steps[good[start + _BEFORE + _RECENT // 2]]),
                evidence={
                    "now_ms": float(recent[last]),
                    "before_ms": float(before[last]),
                },
            )
        ]
    return []


def _pauses(analysis: Analysis) -> NDArray[np.bool_]:
    assert analysis.time is not None
    # Only what an event explains is a pause; a lasting slow stretch is not.
    pause = analysis.pause
    if pause is None:
        return np.zeros(len(analysis.time), dtype=bool)
    # The first slow iteration in a row, so that what follows need not be known.
    before = np.concatenate([[False], pause[:-1]])
    return np.asarray(pause & ~before, dtype=bool)


def _medians(values: Floats, factor: float) -> tuple[Floats, Floats]:
    """Median of the last 20 at each value, and of the 200 before those.

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


def best_checkpoint_lost(
    analysis: Analysis, settings: BestCheckpointLost
) -> list[Finding]:
    """The last checkpoint was saved at an evaluation that is worse than the best.

    Only where checkpoints follow evaluations of their own step (nanoGPT): elsewhere
    older checkpoints stay on disk under other names.
    """
    val = analysis.val
    if val is None or analysis.format not in {"nanogpt", "llama2c"}:
        return []
    saved = [m for m in analysis.milestones if m.kind == "checkpoint"]
    finite = np.isfinite(val.values) & val.current
    if not saved or not finite.any():
        return []
    last = saved[-1]
    at = np.flatnonzero(finite & (val.lines < last.line))
    if not len(at):
        return []
    here, best = int(at[-1]), int(at[val.values[at].argmin()])
    low, now = float(val.values[best]), float(val.values[here])
    if now <= low * (1 + settings.rise):
        return []
    return [
        Finding(
            "best_checkpoint_lost",
            "warning",
            int(val.steps[here]),
            since_step=int(val.steps[best]),
            evidence={"best": low, "saved": now, "unit": val.unit},
        )
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
