"""Nothing is learned: the training loss stays where it began, or a metric is constant.

A classifier that guesses has the loss ln(classes), a language model ln(vocabulary).
"""

import math
from typing import Final

import numpy as np

from parsers import metrics
from parsers.batch import Floats
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured


# So many records make five means; each may lie so far from the first records.
_RECORDS: Final = 100
_PARTS: Final = 5
_TOLERANCE: Final = 0.005
# Vocabularies and numbers of classes that are common: their logarithms are guesses.
_GUESSES: Final = (2, 10, 65, 100, 1000, 10_000, 32_000, 32_768, 50_257, 50_304)
_EQUAL: Final = 5
_EQUAL_LOSSES: Final = 20
# Constant at the end of its scale is no sign of a fault.
_PERFECT: Final = (1.0, 100.0)
_LR_RECORDS: Final = 20
# A schedule ends at 0: the last part of a planned run is exempt.
_LAST: Final = 0.9


def no_movement(run: Measured) -> list[Finding]:
    """The first hundred losses stay at that of a guess, or the first twenty are equal.

    A loss that hovers elsewhere may belong to a model that has learned before.
    """
    curve = run.train
    if curve is None:
        return []
    values = curve.values[np.isfinite(curve.values)]
    constant = _constant(curve, _EQUAL_LOSSES)
    if constant is not None:
        return [_stuck(run, curve, _EQUAL_LOSSES, constant)]
    if len(values) < _RECORDS or len(values) != len(curve):
        return []
    means, errors = _means(values[:_RECORDS])
    first = float(means[0])
    near = np.abs(means / first - 1) < _TOLERANCE if first > 0 else np.zeros(1, bool)
    if not near.all() or (errors > _TOLERANCE / 2 * first).any():
        return []
    level = float(means[-1])
    return [_stuck(run, curve, _RECORDS, level)] if _guess(run, level) else []


def constant_metric(run: Measured) -> list[Finding]:
    """A validation figure has exactly one value in all of five evaluations."""
    names = [*metrics.VALIDATION, *(m for m in run.curves if metrics.better(m))]
    found = []
    for name in dict.fromkeys(names):
        curve = run.curves.get(name)
        value = _constant(curve, _EQUAL) if curve and name.startswith("val") else None
        if curve is None or value is None or value in _PERFECT:
            continue
        found.append(
            Finding(
                "constant_metric",
                "warning",
                int(curve.steps[curve.current][_EQUAL - 1]),
                since_step=int(curve.steps[curve.current][0]),
                evidence={"metric": name, "level": value, "unit": curve.unit},
                cleared_step=_changed(curve),
            )
        )
    return found


def zero_learning_rate(run: Measured) -> list[Finding]:
    """The learning rate is 0 in twenty records in a row, before the last of the run."""
    curve = run.curves.get("lr")
    if curve is None or len(curve) < _LR_RECORDS:
        return []
    zero = curve.values == 0
    planned = run.info.get("max_iters")
    if isinstance(planned, int):
        zero &= curve.steps < _LAST * planned
    elif not zero.all():
        zero[int(zero.argmin()) :] = False  # it may be the end of the schedule
    turns = np.flatnonzero(np.diff(zero, prepend=np.False_, append=np.False_))
    return [
        Finding(
            "zero_learning_rate",
            "info",
            int(curve.steps[first + _LR_RECORDS - 1]),
            since_step=int(curve.steps[first]),
            evidence={"records": end - first},
            cleared_step=int(curve.steps[end]) if end < len(curve) else None,
        )
        for first, end in turns.reshape(-1, 2).tolist()
        if end - first >= _LR_RECORDS
    ]


def _constant(curve: Curve, n: int) -> float | None:
    """The one value of a curve's first points, None if they differ."""
    first = curve.values[curve.current][:n]
    if len(first) < n or not np.isfinite(first).all() or (first != first[0]).any():
        return None
    return float(first[0]) if first[0] else None


def _changed(curve: Curve) -> int | None:
    other = np.flatnonzero(curve.values != curve.values[0])
    return int(curve.steps[other[0]]) if len(other) else None


def _means(values: Floats) -> tuple[Floats, Floats]:
    w = len(values) // _PARTS
    parts = values[: _PARTS * w].reshape(_PARTS, w)
    return parts.mean(axis=1), parts.std(axis=1) / math.sqrt(w)


def _stuck(run: Measured, curve: Curve, n: int, level: float) -> Finding:
    evidence: dict[str, float | int | str | None] = {"level": level}
    guess = _guess(run, level)
    if guess:
        evidence["classes"] = guess
    return Finding(
        "no_movement",
        "warning",
        int(curve.steps[n - 1]),
        since_step=int(curve.steps[0]),
        evidence=evidence,
        cleared_step=_moved(curve, n, level),
    )


def _guess(run: Measured, level: float) -> int | None:
    """The number of classes of which a loss is the logarithm."""
    stated = run.info.get("vocab_size")
    known = (stated, *_GUESSES) if isinstance(stated, int) and stated > 1 else _GUESSES
    near = (k for k in known if abs(math.log(k) / level - 1) < _TOLERANCE / 2)
    return next(near, None) if level > 0 else None


def _moved(curve: Curve, n: int, level: float) -> int | None:
    """The step at which the mean of as many records as a part has left the level."""
    w = max(1, n // _PARTS)
    total = np.cumsum(np.concatenate([[0.0], curve.values]))
    means = (total[w:] - total[:-w]) / w
    far = np.flatnonzero(np.abs(means[n - w + 1 :] - level) > 2 * _TOLERANCE * level)
    return int(curve.steps[n + far[0]]) if len(far) else None
