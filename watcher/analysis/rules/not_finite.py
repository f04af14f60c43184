"""A loss that is NaN or infinite."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.state import folded


# Records of a loss within which values that are not finite have one cause.
_RECURS: Final = 20


class NotFiniteState:
    """Fires at the first value that is not finite, resolves when all losses are.

    One finding until all losses are finite: there is one cause.  It fires again,
    where another value follows soon.
    """

    def __init__(self) -> None:
        self._bad: set[str] = set()
        self._found: list[Finding] = []
        self._firing: Finding | None = None
        self._records: dict[str, int] = {}  # of each loss
        self._cleared: dict[str, int] = {}  # which record of it was finite again

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        curves = [c for c in (new.train, new.val) if c is not None]
        events = sorted(
            (int(c.lines[i]), int(c.steps[i]), c.metric, self._count(c) + i, finite)
            for c in curves
            for i, finite in _changes(c, bad=c.metric in self._bad)
        )
        for _, step, metric, record, finite in events:
            self._change(step, metric, record, finite=finite)
        for c in curves:
            self._records[c.metric] = self._count(c) + len(c)

    def findings(self, run: Measured) -> list[Finding]:
        """Every time that a loss was not finite, in the order of the log."""
        del run
        return [*self._found, self._firing] if self._firing else self._found

    def _count(self, curve: Curve) -> int:
        return self._records.get(curve.metric, 0)

    def _change(self, step: int, metric: str, record: int, *, finite: bool) -> None:
        if not finite:
            self._bad.add(metric)
            recurs = record - self._cleared.get(metric, -_RECURS - 1) <= _RECURS
            if self._firing is None and self._found and recurs:
                self._firing = replace(self._found.pop(), cleared_step=None)
            evidence = {"metric": metric}
            self._firing = self._firing or Finding(
                "not_finite", "critical", step, step, evidence
            )
            return
        self._bad.discard(metric)
        self._cleared[metric] = record
        if self._firing and not self._bad:
            self._found.append(replace(self._firing, cleared_step=step))
            self._firing = None


def not_finite(run: Measured) -> list[Finding]:
    """The findings of a whole run."""
    return folded(NotFiniteState(), run)


def _changes(curve: Curve, *, bad: bool) -> Iterator[tuple[int, bool]]:
    """Indices at which a curve becomes not finite, and finite again.

    `bad`: whether it was not before.
    """
    finite = np.isfinite(curve.values)
    changed = np.flatnonzero(np.diff(finite, prepend=not bad))
    yield from ((int(i), bool(finite[i])) for i in changed)
