"""Passes over the data: where a log counts them beside its steps."""

import math

import numpy as np

from watcher.analysis.model import Measured


def epoch_at(run: Measured, step: int) -> float | None:
    """The epoch that the log states at a step, None where it states none.

    Of several records of one step in a row that of the last: the evaluation.
    """
    curve = run.curves.get("epoch")
    if curve is None or run.epochs:
        return None
    found = np.flatnonzero(curve.steps == step)
    if not len(found):
        return None
    in_a_row = int(np.flatnonzero(np.diff(found, append=-2) != 1)[0])
    epoch = float(curve.values[found[in_a_row]])
    return epoch if math.isfinite(epoch) else None
