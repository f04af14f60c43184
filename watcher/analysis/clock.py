"""Time spent until the evaluations of a run."""

import numpy as np

from watcher.analysis.model import Clock, Curve, Measured


def clock_of(run: Measured, val: Curve) -> Clock | None:
    """Time until each of the evaluations, None where it is not known."""
    if val.metric in run.clocks:
        return run.clocks[val.metric]
    elapsed = run.elapsed_s
    if elapsed is None or not len(elapsed):
        return None
    source = run.val if run.train is None else run.train
    assert source is not None
    at = np.searchsorted(source.lines, val.lines).clip(max=len(elapsed) - 1)
    return Clock(elapsed[at] * 1000, np.zeros(len(at)))
