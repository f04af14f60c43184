"""Rows of several tables in the order of the log."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Batch, Floats, Ints
from parsers.engine.templates import Raw


class Merged:
    """Rows of several tables in the order of the log.

    Attributes:
        lines: their numbers, rising.
    """

    def __init__(self, tables: Sequence[Raw]) -> None:
        self._tables = tables
        sizes = [len(table.lines) for table in tables]
        lines = np.concatenate([np.empty(0, np.int64), *(t.lines for t in tables)])
        self._order = lines.argsort(kind="stable")
        self._table = np.repeat(np.arange(len(tables)), sizes)
        self._ends = np.cumsum(sizes)
        self.lines: Ints = lines[self._order]

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, name: str, absent: float = np.nan) -> Floats:
        """A column; `absent` where a row has none."""
        parts = [
            t.columns.get(name, np.full(len(t.lines), absent)) for t in self._tables
        ]
        whole: Floats = np.concatenate([np.empty(0), *parts])[self._order]
        return whole

    def has(self, name: str) -> NDArray[np.bool_]:
        """Which rows have a column."""
        known = np.array([name in t.columns for t in self._tables], dtype=bool)
        rows: NDArray[np.bool_] = known[self._table][self._order]
        return rows

    def values(self, at: int) -> dict[str, float]:
        """All columns of one row."""
        place = int(self._order[at])
        k = int(self._table[place])
        row = place - int(self._ends[k]) + len(self._tables[k].lines)
        columns = self._tables[k].columns.items()
        return {name: float(column[row]) for name, column in columns}

    def batches(
        self, pattern: str, steps: Ints, start: int, without: Sequence[str]
    ) -> list[Batch]:
        """Records of the rows from one on, with a step each."""
        every = np.empty(len(self), np.int64)
        kept = np.zeros(len(self), dtype=bool)
        every[self._order[start:]] = steps
        kept[self._order[start:]] = True
        found = []
        for table, its_steps, mine in zip(
            self._tables,
            np.split(every, self._ends[:-1]),
            np.split(kept, self._ends[:-1]),
            strict=True,
        ):
            values = {n: c for n, c in table.columns.items() if n not in without}
            found.append(Batch(pattern, table.lines, its_steps, values).take(mine))
        return [batch for batch in found if len(batch) and batch.values]
