"""Rows of named values: objects, dictionaries, the rows of tables.

Rows of one template are read by columns, the others by a reader of single lines; both
come out as the same tables.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from parsers.batch import Batch, Floats, Ints
from parsers.engine.masks import Masks
from parsers.engine.pieces import Piece
from parsers.engine.templates import Raw, Templates
from parsers.format import Fields, Format, LinePattern
from parsers.keyvalue.records import Axis, Entry, as_meant, plainest, whole
from parsers.keyvalue.vocabulary import KEYS, Key, is_curve


# Groups with the factor of their key in the name: `iter_ms__1000`.
SCALE: Final = {f"{k.name}__{k.scale:g}": k.scale for k in KEYS.values()}
_STEPS: Final = ("step", "max_steps")
_Span = tuple[int, int]


def fields(
    found: Iterable[tuple[Key, _Span]], *, held_out: bool = False
) -> Fields | None:
    """The fields of a row, as `parsers.keyvalue.records.entry` gives its values."""
    chosen = plainest(found)
    steps = {name: chosen.pop(name) for name in _STEPS if name in chosen}
    named = (as_meant(chosen, held_out=held_out) | steps).items()
    return [(f"{name}__{k.scale:g}", *span) for name, (k, span) in named] or None


class Rows:
    """Reads the rows of pieces.

    Attributes:
        taken: numbers of the lines that the last `read` made use of.
    """

    def __init__(
        self,
        locate: Callable[[bytes], Fields | None],
        single: Callable[[bytes], Entry | None],
    ) -> None:
        """Rows by two readers.

        Arguments:
            locate: finds the fields of a row; None where columns cannot read it.
            single: what a row states; None of a line that is none.
        """
        self._pattern = LinePattern("row", locate, step="none", scale=SCALE)
        self._single = single
        self.taken = np.empty(0, np.int64)
        self.restart()

    def restart(self) -> None:
        """Forgets where fields stand: other lines follow."""
        form = Format("rows", "", (), (self._pattern,))
        self._templates = Templates((form,))

    def read(self, piece: Piece) -> list[Raw]:
        """Tables of rows with the same names; lines rise in each."""
        tables = self._templates.read(piece).taken[0]
        left = np.ones(len(piece), dtype=bool)
        for table in tables:
            left[table.lines - piece.first] = False
        odd = self._odd(piece, np.flatnonzero(left).tolist())
        taken = [*(table.lines for table in tables), np.array(list(odd), np.int64)]
        self.taken = np.concatenate(taken)
        return [*tables, *self._tables(odd)]

    def _odd(self, piece: Piece, left: Sequence[int]) -> dict[int, Entry]:
        lines = piece.lines if left else ()
        found = ((i + piece.first, self._single(lines[i])) for i in left)
        return {line: entry for line, entry in found if entry is not None}

    def _tables(self, odd: dict[int, Entry]) -> list[Raw]:
        """Single rows as tables."""
        gathered: dict[tuple[str, ...], list[tuple[int, list[float]]]] = {}
        for line, entry in odd.items():
            steps = dict(zip(_STEPS, (entry.step, entry.planned), strict=True))
            values = entry.values | {n: v for n, v in steps.items() if v is not None}
            row = (line, [float(value) for value in values.values()])
            gathered.setdefault(tuple(values), []).append(row)
        tables = []
        for names, rows in gathered.items():
            lines = np.array([line for line, _ in rows], np.int64)
            columns = np.array([row for _, row in rows], np.float64).T
            tables.append(
                Raw(self._pattern, lines, dict(zip(names, columns, strict=False)))
            )
        return tables


class SingleRows:
    """Reads rows one at a time: where the fields of each mask stand is known."""

    def __init__(
        self,
        locate: Callable[[bytes], Fields | None],
        single: Callable[[bytes], Entry],
    ) -> None:
        """See `Rows`."""
        pattern = LinePattern("row", locate, step="none", scale=SCALE)
        form = Format("rows", "", (), (pattern,))
        self._masks = Masks((form,), lambda _: None, lambda _: {})
        self._single = single

    def read(self, text: bytes) -> Entry:
        """What a row states."""
        if self._masks.full:
            self._masks.forget()
        takes = self._masks.of(text).takes
        if not takes:
            return self._single(text)
        values = dict(zip(takes[0].names, takes[0].one(text), strict=True))
        step, planned = (whole(values.pop(name, None)) for name in _STEPS)
        return Entry(values, step, planned)


def on_axis(tables: Sequence[Raw], axis: Axis, pattern: str) -> list[Batch]:
    """Records of all rows that state a value, each with its step."""
    tables = [table for table in tables if not table.columns.keys() <= set(_STEPS)]
    if not tables:
        return []
    order = np.concatenate([table.lines for table in tables]).argsort(kind="stable")
    steps = np.empty(len(order), np.int64)
    stated, planned, epochs = (
        _joined(tables, name)[order] for name in (*_STEPS, "epoch")
    )
    steps[order] = axis.steps(stated, planned, epochs)
    ends = np.cumsum([len(table.lines) for table in tables])[:-1]
    return [
        Batch(pattern, table.lines, mine, _values(table))
        for table, mine in zip(tables, np.split(steps, ends), strict=True)
    ]


def since_curve(tables: Sequence[Raw]) -> list[Raw]:
    """What stands from the first point of a curve on."""
    firsts = [t.lines[0] for t in tables if any(map(is_curve, t.columns))]
    kept = []
    for table in tables if firsts else ():
        late: Ints = table.lines >= min(firsts)
        if late.any():
            columns = {name: column[late] for name, column in table.columns.items()}
            kept.append(Raw(table.pattern, table.lines[late], columns))
    return kept


def _joined(tables: Sequence[Raw], name: str) -> Floats:
    return np.concatenate(
        [t.columns.get(name, np.full(len(t.lines), np.nan)) for t in tables]
    )


def _values(table: Raw) -> dict[str, Floats]:
    return {n: column for n, column in table.columns.items() if n not in _STEPS}
