"""The training loss jumps where a run was resumed."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from parsers.batch import Floats
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.noise import second_differences, sigma
from watcher.analysis.outcome import ENDS, cause
from watcher.analysis.rules.settings import ResumeJump
from watcher.analysis.segments import restarts


# Records before a resumption that make its baseline and its noise.
_BASELINE: Final = 9
_NOISE: Final = 33
_MIN_NOISE: Final = 8
_SIGMAS: Final = 5.0
# Without a noise estimate only such a rise counts.
_UNKNOWN: Final = 0.5
# A jump shows within so many records, in two of them in a row.
_WITHIN: Final = 10
_MEDIAN_OF: Final = 3


def resume_jump(run: Measured, settings: ResumeJump) -> list[Finding]:
    """Two losses in a row after a resumption are far above those before it.

    Resolves when a median of three has come half of the way back.
    """
    curve = run.train
    if curve is None:
        return []
    places = restarts(curve.lines, run.segments, "resumed").tolist()
    found = [
        _jump(run, curve, at, end, settings)
        for at, end in pairwise([*places, len(curve)])
    ]
    return [finding for finding in found if finding]


def _jump(
    run: Measured, curve: Curve, at: int, end: int, settings: ResumeJump
) -> Finding | None:
    before = curve.values[max(0, at - _NOISE) : at]
    before = before[np.isfinite(before) & (before > 0)]
    after = curve.values[at:end]
    if not len(before):
        return None
    level = float(np.median(before[-_BASELINE:]))
    limit = level * math.exp(_threshold(np.log(before), settings))
    first = next(_pairs_above(after[:_WITHIN], limit), None)
    if first is None:
        return None
    steps = curve.steps[at:end]
    back = _resolved(after, first + 1, (level + float(after[first])) / 2)
    evidence: dict[str, float | int | str | None] = {
        "before": level,
        "after": float(after[first]),
        "metric": curve.metric,
    }
    why = _end(run, int(curve.lines[at - 1]), int(curve.lines[at]))
    if why:
        evidence |= {"end": why, "end_step": int(curve.steps[at - 1])}
    return Finding(
        "resume_jump",
        "warning",
        int(steps[first + 1]),
        since_step=int(steps[0]),
        evidence=evidence,
        cleared_step=None if back is None else int(steps[back]),
    )


def _threshold(y: Floats, settings: ResumeJump) -> float:
    """Rise of the logarithm that is a jump."""
    rise = math.log1p(settings.rise)
    differences = second_differences(y.tolist())
    if len(differences) < _MIN_NOISE:
        return max(rise, math.log1p(_UNKNOWN))
    return max(rise, _SIGMAS * sigma(differences)[0])


def _pairs_above(values: Floats, limit: float) -> Iterator[int]:
    above = values > limit
    yield from np.flatnonzero(above[:-1] & above[1:]).tolist()


def _resolved(values: Floats, start: int, limit: float) -> int | None:
    """First index from `start` on whose median of three is below a limit."""
    for i in range(start + _MEDIAN_OF - 1, len(values)):
        if np.median(values[i - _MEDIAN_OF + 1 : i + 1]) < limit:
            return i
    return None


def _end(run: Measured, last: int, first: int) -> str | None:
    """How the process before the resumption ended, where the log states it."""
    between = [m for m in run.milestones if last <= m.line < first and m.kind in ENDS]
    why = cause(between)
    return ENDS[why.kind] if why and why.kind != "finished" else None
