"""A run's columns, growing as its log is read."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from parsers.batch import Batch, Floats, Ints, Milestone
from parsers.parser import Delta
from parsers.shape import Format


class Table:
    """Records with the same metrics, in the order of the log: 8 bytes a value."""

    def __init__(self) -> None:
        self._parts: list[Batch] = []

    def add(self, batch: Batch) -> None:
        """Puts records behind the ones there are."""
        self._parts.append(batch)

    def whole(self) -> Batch:
        """All records as one batch; cheap when nothing was added."""
        if len(self._parts) > 1:
            self._parts = [_joined(self._parts)]
        return self._parts[0]


class Run:
    """What is known of one training: tables of records, milestones, facts.

    Attributes:
        format: whose log it is, None before the first metric.
        facts: what the log states of model and settings.
        planned: steps that the log plans, None where it does not say.
        lines: lines read.
        records: records read.
    """

    def __init__(self) -> None:
        self.format: Format | None = None
        self.facts: dict[str, int | float | str | bool] = {}
        self.planned: int | None = None
        self.lines = 0
        self._tables: dict[tuple[str, ...], Table] = {}
        self._milestones: list[Milestone] = []

    @property
    def records(self) -> int:
        """How many records there are."""
        return sum(len(table.whole()) for table in self._tables.values())

    def add(self, delta: Delta) -> None:
        """Takes in what a piece of the log added."""
        if delta.reset:
            self._tables.clear()
        for batch in delta.batches:
            names = tuple(sorted(batch.values))
            self._tables.setdefault(names, Table()).add(batch)
        self._milestones += delta.milestones
        self.facts.update(delta.facts)
        self.format = delta.format or self.format
        self.planned = delta.planned or self.planned
        self.lines += delta.lines

    def metrics(self) -> list[str]:
        """Names of the metrics that have points, sorted."""
        return sorted({name for names in self._tables for name in names})

    def column(self, name: str) -> tuple[Ints, Ints, Floats]:
        """Line numbers (rising), steps and values of one metric, each shape (n,)."""
        found = [t.whole() for names, t in self._tables.items() if name in names]
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        if len(found) == 1:
            only = found[0]
            return only.lines, only.steps, only.values[name]
        lines = np.concatenate([b.lines for b in found])
        order = lines.argsort(kind="stable")
        steps = np.concatenate([b.steps for b in found])
        values = np.concatenate([b.values[name] for b in found])
        return lines[order], steps[order], values[order]

    def milestones(self) -> tuple[Milestone, ...]:
        """Milestones with the step of the record before each."""
        lines, steps = self._order()
        at = np.searchsorted(lines, [m.line for m in self._milestones], side="right")
        return tuple(
            replace(m, step=int(steps[i - 1]) if i else None)
            for m, i in zip(self._milestones, at.tolist(), strict=True)
        )

    def _order(self) -> tuple[Ints, Ints]:
        found = [t.whole() for t in self._tables.values()]
        if not found or not self._milestones:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        lines = np.concatenate([b.lines for b in found])
        order = lines.argsort(kind="stable")
        return lines[order], np.concatenate([b.steps for b in found])[order]


def _joined(parts: Sequence[Batch]) -> Batch:
    lines = np.concatenate([b.lines for b in parts])
    steps = np.concatenate([b.steps for b in parts])
    columns = {
        name: np.concatenate([b.values[name] for b in parts])
        for name in parts[0].values
    }
    whole = Batch(parts[0].shape, lines, steps, columns)
    # Records that waited for their step come behind later lines.
    sorted_already = bool((np.diff(lines) >= 0).all())
    return whole if sorted_already else whole.take(lines.argsort(kind="stable"))
