"""A run's columns, growing as its log is read."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Batch, Floats, Ints, Milestone
from parsers.delta import Delta
from parsers.format import Format


_SMALL: Final = 64
_LARGE: Final = 1 << 18


class Table:
    """Records with the same metrics, in the order of the log: 8 bytes a value."""

    def __init__(self, shape: str) -> None:
        self._shape = shape
        self._columns: dict[str, list[NDArray[Any]]] = {}

    def add(self, batch: Batch) -> None:
        """Appends records."""
        self._append("lines", batch.lines)
        self._append("steps", batch.steps)
        for name, column in batch.values.items():
            self._append(f"={name}", column)

    def whole(self) -> Batch:
        """All records as one batch, sorted by line; cheap when nothing was added."""
        columns = {name: self._joined(name) for name in self._columns}
        lines = columns["lines"]
        if not (lines[1:] >= lines[:-1]).all():
            # Records that waited for their step were appended after later lines.
            order = lines.argsort(kind="stable")
            columns = {name: column[order] for name, column in columns.items()}
            self._columns = {name: [column] for name, column in columns.items()}
        values = {n[1:]: c for n, c in columns.items() if n.startswith("=")}
        return Batch(self._shape, columns["lines"], columns["steps"], values)

    def _append(self, name: str, column: NDArray[Any]) -> None:
        parts = self._columns.setdefault(name, [])
        parts.append(column)
        # Small arrays are merged into large ones, which malloc returns when freed.
        if len(parts) < _SMALL or len(column) >= _LARGE:
            return
        if all(len(part) < _LARGE for part in parts[-_SMALL:]):
            parts[-_SMALL:] = [np.concatenate(parts[-_SMALL:])]

    def _joined(self, name: str) -> NDArray[Any]:
        # Column by column: only one at a time is in memory twice.
        parts = self._columns[name]
        if len(parts) > 1:
            parts[:] = [np.concatenate(parts)]
        return parts[0]


class Run:
    """What was parsed of one run: tables of records, milestones, hyperparameters.

    Attributes:
        format: the format of the log, None before the first metric.
        facts: hyperparameters that the log prints.
        planned: total steps that the log announces, None without.
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
        """The number of records."""
        return sum(len(table.whole()) for table in self._tables.values())

    def add(self, delta: Delta) -> None:
        """Adds what was parsed from the next bytes of the log."""
        if delta.reset:
            self._tables.clear()
            self.planned = None
        for batch in delta.batches:
            names = tuple(sorted(batch.values))
            self._tables.setdefault(names, Table(batch.pattern)).add(batch)
        self._milestones += delta.milestones
        self.facts.update(delta.hyperparameters)
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

    def until(self, step: int) -> "Run":
        """The run as it was after a step, before the first record beyond it.

        Where steps were trained again after a restart: before the last such record.
        """
        lines, steps = self._records()
        beyond = np.flatnonzero((steps[1:] > step) & (steps[:-1] <= step))
        end = int(lines[beyond[-1]]) if len(beyond) else self.lines
        found = Run()
        found.format, found.facts, found.planned = self.format, self.facts, self.planned
        found.lines = end
        for names, table in self._tables.items():
            batch = table.whole()
            if len(kept := batch.take(batch.lines <= end)):
                found._tables[names] = Table(batch.pattern)
                found._tables[names].add(kept)
        found._milestones = [m for m in self._milestones if m.line <= end]
        return found

    def _order(self) -> tuple[Ints, Ints]:
        if not self._milestones:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return self._records()

    def _records(self) -> tuple[Ints, Ints]:
        """Line numbers (rising) and steps of all records."""
        found = [t.whole() for t in self._tables.values()]
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        lines = np.concatenate([b.lines for b in found])
        order = lines.argsort(kind="stable")
        return lines[order], np.concatenate([b.steps for b in found])[order]
