"""A rule on the training loss that begins anew at each restart."""

from typing import Generic, Protocol, TypeVar

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.segments import SegmentCursor


S_contra = TypeVar("S_contra", contravariant=True)


class Stretch(Protocol[S_contra]):
    """What a rule knows of the finite losses between two restarts."""

    def add(self, steps: Ints, values: Floats, settings: S_contra) -> None:
        """Judges new points."""

    def findings(self) -> list[Finding]:
        """Those of these losses."""


S = TypeVar("S")


class BetweenRestarts(Generic[S]):
    """Walks over the training losses; a subclass begins each stretch."""

    def __init__(self, settings: S) -> None:
        self._settings = settings
        self._cursor = SegmentCursor()
        self._found: list[Finding] = []
        self._stretch = self._begin()

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        curve = self._curve(new)
        if curve is None:
            return
        good = np.flatnonzero(np.isfinite(curve.values))
        steps, values = curve.steps[good], curve.values[good]
        for low, high, begun in self._cursor.parts(curve.lines[good], new.segments):
            if begun:
                self._found += self._stretch.findings()
                self._stretch = self._begin()
            self._stretch.add(steps[low:high], values[low:high], self._settings)

    def findings(self, run: Measured) -> list[Finding]:
        """Everything found, in the order of the log."""
        del run
        return [*self._found, *self._stretch.findings()]

    def _begin(self) -> Stretch[S]:
        raise NotImplementedError

    def _curve(self, new: Measured) -> Curve | None:
        return new.train
