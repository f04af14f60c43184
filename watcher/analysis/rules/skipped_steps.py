"""Optimizer steps that are skipped one after the other."""

from typing import Final

import numpy as np

from parsers.batch import Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.state import folded


_SKIPPED: Final = 10
# Records between two skipped steps that are still one after the other.
_GAP: Final = 1


class SkippedStepsState:
    """Optimizer steps that the log says were skipped, ten in a row."""

    def __init__(self) -> None:
        self._records = 0
        self._last_step = 0
        self._groups: list[_Skipped] = []

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        main = new.train if new.train is not None else new.val
        skipped = [m.line for m in new.milestones if m.kind == "skipped"]
        lines = main.lines if main is not None else np.empty(0, np.int64)
        places = np.searchsorted(lines, np.array(skipped, dtype=np.int64))
        for place in (places + self._records).tolist():
            if self._groups and place - self._groups[-1].places[-1] <= _GAP:
                self._groups[-1].add(place)
            else:
                self._drop_short()
                self._groups.append(_Skipped(place))
        if main is None or not len(main):
            return
        if self._groups:
            for group in self._groups[-2:]:
                group.resolve(main.steps, self._records)
        self._records += len(main)
        self._last_step = int(main.steps[-1])

    def findings(self, run: Measured) -> list[Finding]:
        """Every row of skipped steps, in the order of the log."""
        if run.train is None and run.val is None:
            return []
        return [g.finding(self._last_step) for g in self._groups if g.count >= _SKIPPED]

    def _drop_short(self) -> None:
        if self._groups and self._groups[-1].count < _SKIPPED:
            self._groups.pop()


class _Skipped:
    """Skipped steps one after the other.

    Attributes:
        count: how many.
        places: indices of the records behind the first, the one at which it fired, and
            the last.
        steps: of the records at some places, as far as there are any yet.
    """

    def __init__(self, place: int) -> None:
        self.count = 1
        self.places = [place, place, place]
        self.steps: dict[int, int] = {}

    def add(self, place: int) -> None:
        """One more."""
        self.count += 1
        self.places[2] = place
        if self.count <= _SKIPPED:
            self.places[1] = place

    def resolve(self, steps: Ints, first: int) -> None:
        """Notes the steps of new records; `first`: the index of their first."""
        for place in (*self.places, self.places[2] + _GAP + 1):
            if first <= place < first + len(steps):
                self.steps[place] = int(steps[place - first])

    def finding(self, last_step: int) -> Finding:
        """The finding; a record that is not there yet has the step of the last."""
        first, fired, last = self.places
        return Finding(
            "skipped_steps",
            "warning",
            self.steps.get(fired, last_step),
            since_step=self.steps.get(first, last_step),
            evidence={"skipped": self.count},
            cleared_step=self.steps.get(last + _GAP + 1),
        )


def skipped_steps(run: Measured) -> list[Finding]:
    """The findings of a whole run."""
    return folded(SkippedStepsState(), run)
