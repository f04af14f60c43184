"""Lines in which the same is found: those of one kind are read together, by columns.

Masks are of one kind where they differ in the widths of their numbers only, and the
patterns find the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from parsers.engine.masks import Mask, Masks
from parsers.engine.numbers import Column, UnalignedError, column, runs
from parsers.engine.shapes import Take


Columns = tuple[tuple[Column, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Lines in which the same is found, whatever the widths of their numbers.

    Attributes:
        number: of the kind, from 1.
        mask: the first of the kind.
        columns: of each pattern that reads them; None where no columns do.
        reads: how many runs of digits the columns read, from the first.
    """

    number: int
    mask: Mask
    columns: Columns | None
    reads: int


class Kinds:
    """Numbers the kinds of lines, from 1, as they come."""

    def __init__(self, masks: Masks) -> None:
        self._masks = masks
        self._kinds: dict[object, Kind] = {}
        self._by_number: dict[int, Kind] = {}

    def forget(self) -> None:
        """Begins anew."""
        self._kinds.clear()
        self._by_number.clear()

    def get(self, number: int) -> Kind | None:
        """A kind by its number."""
        return self._by_number.get(number)

    def find(self, line: bytes, its_class: int, count: int) -> tuple[int, bool]:
        """The number of a line's kind, and whether its whole class is of it.

        So many new masks are of the class.
        """
        found = self._masks.of(line, its_class, count)
        first = found.first or found if found.takes else found.stated
        kind = self._kinds.get(first)
        if kind is None:
            kind = self._kinds[first] = self._new(line, found)
        return kind.number, self._masks.is_uniform(its_class)

    def _new(self, line: bytes, mask: Mask) -> Kind:
        """The kind of the first mask of a shape; other shapes may be of it, too."""
        columns = _columns(line, mask.takes)
        takers = tuple((take.at, take.pattern.name) for take in mask.takes)
        key = (mask.stated, takers, columns)
        if key not in self._kinds:
            kind = Kind(len(self._by_number) + 1, mask, columns, _reads(columns))
            self._kinds[key] = self._by_number[kind.number] = kind
        return self._kinds[key]


def _reads(columns: Columns | None) -> int:
    """How many runs of digits a line has up to the last that is read."""
    read = (run for one in columns or () for c in one for run in c.runs)
    return max(read, default=-1) + 1


def _columns(line: bytes, takes: Sequence[Take]) -> Columns | None:
    """The columns of each pattern, None where a number is not aligned."""
    known = runs(line) if takes else {}
    try:
        return tuple(
            tuple(
                column(line, known, name, field)
                for name, field in zip(take.names, take.spans, strict=True)
            )
            for take in takes
        )
    except UnalignedError:
        return None
