"""Evaluations and checkpoints, and the times that hold them."""

import numpy as np
from numpy.typing import NDArray

from parsers import metrics
from parsers.batch import Ints
from watcher.analysis.model import Measured


def event_lines(run: Measured) -> Ints:
    """Lines of evaluations and checkpoints."""
    curves = [
        c.lines
        for n, c in run.curves.items()
        if n in metrics.VALIDATION or metrics.validation_set(n)
    ]
    saved = [m.line for m in run.milestones if m.kind == "checkpoint"]
    return np.concatenate([*curves, np.array(saved, dtype=np.int64)])


class Events:
    """Which points of a curve come first behind an event."""

    def __init__(self) -> None:
        self._waiting = False  # an event since the last point

    def behind(self, events: Ints, lines: Ints) -> NDArray[np.bool_]:
        """Of new points, at some lines, which are; shape (n,)."""
        marks = np.zeros(len(lines) + 1, dtype=bool)
        marks[np.searchsorted(lines, events)] = True
        marks[0] |= self._waiting
        self._waiting = bool(marks[-1])
        return marks[:-1]
