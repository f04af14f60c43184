"""Evaluations that take too much of the time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Curve
from watcher.analysis.rules.settings import EvaluationCost


# One or two evaluations say little of their cost.
_LATEST: Final = 3
_USUAL_OF: Final = 20
# Evaluations looked at together: temporaries stay small however many there are.
_PIECE: Final = 1 << 12
# Of the share that is too much: below it evaluations are cheap again.
_CHEAP: Final = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class _Costs:
    """What evaluations took, one after the other, shape (n,).

    Attributes:
        steps: at which their cost was known.  ms: of each, beyond an iteration.
        usual: time of an iteration then, the median of the 20 before.
    """

    steps: Ints
    ms: Floats
    usual: Floats


def evaluation_cost(analysis: Analysis, settings: EvaluationCost) -> list[Finding]:
    """The last three evaluations took more than a quarter of the time of training."""
    costs = _costs(analysis)
    if costs is None or len(costs.steps) < _LATEST:
        return []
    return list(_dear(costs, settings))


def _dear(costs: _Costs, settings: EvaluationCost) -> Iterator[Finding]:
    windows = np.lib.stride_tricks.sliding_window_view(costs.ms, _LATEST)
    one = np.median(windows, axis=1)
    last = _LATEST - 1
    every = (costs.steps[last:] - costs.steps[:-last]) / last
    known = (every > 0) & (one > 0)
    share = np.zeros(len(one))
    np.divide(one, one + costs.usual[last:] * every, out=share, where=known)
    dear = np.flatnonzero(share > settings.share)
    cheap = np.flatnonzero(known & (share < _CHEAP * settings.share))
    at = 0
    while (k := int(np.searchsorted(dear, at))) < len(dear):
        first = int(dear[k])
        over = cheap[np.searchsorted(cheap, first) :][:1].tolist()
        now = over[0] - 1 if over else int(np.flatnonzero(known)[-1])
        yield Finding(
            "evaluation_cost",
            "info",
            int(costs.steps[first + last]),
            evidence={
                "share": float(share[now]),
                "eval_ms": float(one[now]),
                "every": round(float(every[now])),
            },
            cleared_step=int(costs.steps[over[0] + last]) if over else None,
        )
        if not over:
            return
        at = over[0]


def _costs(analysis: Analysis) -> _Costs | None:
    time, val = analysis.time, analysis.val
    if time is None or val is None:
        return None
    # The time after an evaluation holds it; the first of a process its compilation.
    after = np.unique(np.searchsorted(time.lines, val.lines))
    after = after[after < len(time)]
    first = np.append([0], np.flatnonzero(time.steps[1:] < time.steps[:-1]) + 1)
    plain = np.isfinite(time.values)
    plain[after] = plain[first] = False
    told = analysis.curves.get("eval_ms")
    if told is not None:
        return _told(told, time, np.flatnonzero(plain))
    after = np.setdiff1d(after[np.isfinite(time.values[after])], first)
    usual = _usual(time, np.flatnonzero(plain), after)
    return _known(time.steps[after], time.values[after] - usual, usual)


def _told(told: Curve, time: Curve, plain: Ints) -> _Costs:
    """Costs that the log tells itself."""
    usual = _usual(time, plain, np.searchsorted(time.lines, told.lines))
    return _known(told.steps, told.values, usual)


def _known(steps: Ints, ms: Floats, usual: Floats) -> _Costs:
    good = np.isfinite(ms) & np.isfinite(usual)
    return _Costs(steps[good], ms[good], usual[good])


def _usual(time: Curve, plain: Ints, places: Ints) -> Floats:
    """Median of the plain times before some places, of 20 or of as many as came."""
    values = time.values[plain]
    ends = np.searchsorted(plain, places)
    usual = np.full(len(places), np.nan)
    few = np.flatnonzero((ends > 0) & (ends < _USUAL_OF))
    for i in few.tolist():
        usual[i] = np.median(values[: ends[i]])
    many = np.flatnonzero(ends >= _USUAL_OF)
    for at in range(0, len(many), _PIECE):
        some = many[at : at + _PIECE]
        windows = np.lib.stride_tricks.sliding_window_view(values, _USUAL_OF)
        usual[some] = np.median(windows[ends[some] - _USUAL_OF], axis=1)
    return usual
