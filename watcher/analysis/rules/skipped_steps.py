"""Optimizer steps that are skipped one after the other."""

import re
from itertools import takewhile
from typing import Final

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.beside_loss import Fact, Flatness
from watcher.analysis.rules.state import folded


_SKIPPED: Final = 10
# Records between two skipped steps that are still one after the other.
_GAP: Final = 1
# What the line of a skipped step states itself.
_STEP: Final = re.compile(r"(?i)\b(?:step|iter(?:ation)?)[ :=#]{0,3}(\d{1,15})\b")
_SCALE: Final = re.compile(
    r"(?i)\bloss[ _]scale\b\D{0,12}?\b(\d{1,15}(?:\.\d{1,15})?(?:e[-+]?\d{1,3})?)"
)


class SkippedStepsState:
    """Optimizer steps that the log says were skipped, ten in a row."""

    def __init__(self) -> None:
        self._records = 0
        self._last_step = 0
        self._groups: list[_Skipped] = []
        self._flatness = Flatness()
        self._settled = 0  # groups of which all steps are known

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        self._flatness.extend(new)
        self._follow(new)
        for group in self._groups[self._settled :]:
            self._flatness.note(group.places[0], group.begun, group.over)
        self._settle()
        self._flatness.trim()

    def _follow(self, new: Measured) -> None:
        main = new.train if new.train is not None else new.val
        texts = [m.text for m in new.milestones if m.kind == "skipped"]
        skipped = [m.line for m in new.milestones if m.kind == "skipped"]
        lines = main.lines if main is not None else np.empty(0, np.int64)
        places = np.searchsorted(lines, np.array(skipped, dtype=np.int64))
        found = zip((places + self._records).tolist(), texts, strict=True)
        for (place, text), line in zip(found, skipped, strict=True):
            if self._groups and place - self._groups[-1].places[-1] <= _GAP:
                self._groups[-1].add(place, text)
            else:
                self._drop_short()
                self._groups.append(_Skipped(place, text, line))
        if main is None or not len(main):
            return
        for group in self._groups[self._settled :]:
            group.resolve(main, self._records)
        self._records += len(main)
        self._last_step = int(main.steps[-1])

    def findings(self, run: Measured) -> list[Finding]:
        """Every row of skipped steps, in the order of the log."""
        if run.train is None and run.val is None:
            return []
        return [
            g.finding(self._last_step, self._flatness.fact(g.places[0]))
            for g in self._groups
            if g.count >= _SKIPPED
        ]

    def _settle(self) -> None:
        """Groups with the step behind them need nothing more."""
        unsettled = self._groups[self._settled :]
        self._settled += sum(1 for _ in takewhile(_Skipped.is_settled, unsettled))

    def _drop_short(self) -> None:
        if self._groups and self._groups[-1].count < _SKIPPED:
            self._groups.pop()
            self._settled = min(self._settled, len(self._groups))


class _Skipped:
    """Skipped steps one after the other.

    Attributes:
        count: how many.
        begun: the line of the first.  over: that of the record behind them.
        texts: the lines of the first and of the last.
        places: indices of the records behind the first, the one at which it fired, and
            the last.
        steps: of the records at some places, as far as there are any yet.
    """

    def __init__(self, place: int, text: str, line: int) -> None:
        self.count = 1
        self.texts = [text, text]
        self.begun = line
        self.over: int | None = None
        self.places = [place, place, place]
        self.steps: dict[int, int] = {}

    def add(self, place: int, text: str) -> None:
        """One more."""
        self.count += 1
        self.texts[1] = text
        self.places[2] = place
        if self.count <= _SKIPPED:
            self.places[1] = place

    def is_settled(self) -> bool:
        """Whether the step of the record that ended them is known."""
        return self.places[2] + _GAP + 1 in self.steps

    def resolve(self, main: Curve, first: int) -> None:
        """Notes the steps of new records; `first`: the index of their first."""
        behind = self.places[2] + _GAP + 1
        for place in (*self.places, behind):
            if first <= place < first + len(main):
                self.steps[place] = int(main.steps[place - first])
        if first <= behind < first + len(main):
            self.over = int(main.lines[behind - first])

    def finding(self, last_step: int, fact: Fact) -> Finding:
        """The finding; a record that is not there yet has the step of the last."""
        first, fired, last = self.places
        return Finding(
            "skipped_steps",
            "warning",
            self.steps.get(fired, last_step),
            since_step=self._stated() or self.steps.get(first, last_step),
            evidence={"skipped": self.count, **self._scales(), **fact},
            cleared_step=self.steps.get(last + _GAP + 1),
        )

    def _stated(self) -> int | None:
        """The step that the first line states, unless it is behind its record."""
        found = _STEP.search(self.texts[0])
        step = int(found[1]) if found else None
        behind = self.steps.get(self.places[0])
        return step if step and (behind is None or step <= behind) else None

    def _scales(self) -> dict[str, float]:
        """Loss scale in the first and in the last line."""
        found = [_SCALE.search(text) for text in self.texts]
        scales = [float(scale[1]) for scale in found if scale]
        if len(scales) < len(found) or scales[1] >= scales[0]:
            return {}
        return {"scale_before": scales[0], "scale_now": scales[1]}


def skipped_steps(run: Measured) -> list[Finding]:
    """The findings of a whole run."""
    return folded(SkippedStepsState(), run)
