"""Evaluations take too much of the time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.settings import EvaluationCost
from watcher.analysis.segments import restarts


# One or two evaluations do not show their cost.
_LATEST: Final = 3
_USUAL_OF: Final = 20
# Evaluations processed at a time: temporaries stay small however many there are.
_CHUNK: Final = 1 << 12
# Hysteresis: below this part of the threshold it resolves.
_CHEAP: Final = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """What evaluations took, one after the other, shape (n,).

    Attributes:
        steps: at which their cost was known.  ms: of each, beyond an iteration.
        usual: time of an iteration then, the median of the 20 before.
    """

    steps: Ints
    ms: Floats
    usual: Floats


def evaluation_cost(run: Measured, settings: EvaluationCost) -> list[Finding]:
    """The last three evaluations took more than a quarter of the time of training."""
    costs = evaluation_costs(run)
    if costs is None or len(costs.steps) < _LATEST:
        return []
    return list(_findings(costs, settings))


def _findings(costs: Costs, settings: EvaluationCost) -> Iterator[Finding]:
    windows = np.lib.stride_tricks.sliding_window_view(costs.ms, _LATEST)
    one = np.median(windows, axis=1)
    last = _LATEST - 1
    every = (costs.steps[last:] - costs.steps[:-last]) / last
    known = (every > 0) & (one > 0)
    share = np.zeros(len(one))
    np.divide(one, one + costs.usual[last:] * every, out=share, where=known)
    expensive = np.flatnonzero(share > settings.share)
    cheap = np.flatnonzero(known & (share < _CHEAP * settings.share))
    at = 0
    while (k := int(np.searchsorted(expensive, at))) < len(expensive):
        first = int(expensive[k])
        over = cheap[np.searchsorted(cheap, first) :][:1].tolist()
        now = over[0] - 1 if over else int(np.flatnonzero(known)[-1])
        yield Finding(
            "evaluation_cost",
            "info",
            int(costs.steps[first + last]),
            evidence={
                "share": float(share[now]),
                "eval_ms": float(np.median(costs.ms[: now + _LATEST])),
                "every": round(float(every[now])),
            },
            cleared_step=int(costs.steps[over[0] + last]) if over else None,
        )
        if not over:
            return
        at = over[0]


def evaluation_costs(run: Measured) -> Costs | None:
    """What each evaluation took, None where the log does not show it."""
    time, val = run.time, run.val
    if time is None or val is None:
        return None
    # The time after an evaluation holds it; the first of a process its compilation.
    after = np.unique(np.searchsorted(time.lines, val.lines))
    after = after[after < len(time)]
    first = np.append([0], restarts(time.lines, run.segments))
    plain = np.isfinite(time.values)
    plain[after] = plain[first] = False
    stated = run.curves.get("eval_ms")
    if stated is not None:
        return _stated(stated, time, np.flatnonzero(plain))
    after = np.setdiff1d(after[np.isfinite(time.values[after])], first)
    usual = _usual(time, np.flatnonzero(plain), after)
    return _known(time.steps[after], time.values[after] - usual, usual)


def _stated(stated: Curve, time: Curve, plain: Ints) -> Costs:
    """Costs that the log states."""
    usual = _usual(time, plain, np.searchsorted(time.lines, stated.lines))
    return _known(stated.steps, stated.values, usual)


def _known(steps: Ints, ms: Floats, usual: Floats) -> Costs:
    good = np.isfinite(ms) & np.isfinite(usual)
    return Costs(steps[good], ms[good], usual[good])


def _usual(time: Curve, plain: Ints, places: Ints) -> Floats:
    """Median of the plain times before some places, of 20 or of those there are."""
    values = time.values[plain]
    ends = np.searchsorted(plain, places)
    usual = np.full(len(places), np.nan)
    few = np.flatnonzero((ends > 0) & (ends < _USUAL_OF))
    for i in few.tolist():
        usual[i] = np.median(values[: ends[i]])
    many = np.flatnonzero(ends >= _USUAL_OF)
    for at in range(0, len(many), _CHUNK):
        some = many[at : at + _CHUNK]
        windows = np.lib.stride_tricks.sliding_window_view(values, _USUAL_OF)
        usual[some] = np.median(windows[ends[some] - _USUAL_OF], axis=1)
    return usual
