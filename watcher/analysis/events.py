"""Evaluations and checkpoints, and the times that hold them."""

import numpy as np
from numpy.typing import NDArray

from parsers import metrics
from parsers.batch import Ints
from watcher.analysis.model import Measured


class Events:
    """Which points of a curve come first behind an evaluation or a checkpoint."""

    def __init__(self) -> None:
        self._waiting = False  # an event since the last point

    def behind(self, new: Measured, lines: Ints) -> NDArray[np.bool_]:
        """Of new points, at some lines, which are; shape (n,)."""
        curves = [new.curves[n].lines for n in metrics.VALIDATION if n in new.curves]
        saved = [m.line for m in new.milestones if m.kind == "checkpoint"]
        events = np.concatenate([*curves, np.array(saved, dtype=np.int64)])
        marks = np.zeros(len(lines) + 1, dtype=bool)
        marks[np.searchsorted(lines, events)] = True
        marks[0] |= self._waiting
        self._waiting = bool(marks[-1])
        return marks[:-1]
