"""What patterns found in a line, for those that differ in the widths of numbers only.

The shape of a line has one `0` for each run of digits.  Where the patterns find the
same in another line of the shape, its numbers are those of the first, in other places.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from operator import itemgetter

from parsers.engine.numbers import Span, UnalignedError, span
from parsers.engine.stamps import stamped
from parsers.engine.widths import may_count
from parsers.format import Fields, LinePattern


# In a shape: each field that was found, as (group, first byte, byte after the last).
Places = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Take:
    """What a pattern reads in the lines of a mask.

    Attributes:
        at: of the format, among those that read.
        pattern: the first of the format that fits.
        names: of the fields.
        spans: where they stand.
        texts: cuts all fields out of a line at once, where `float` reads each.
    """

    at: int
    pattern: LinePattern
    names: tuple[str, ...]
    spans: tuple[Span, ...]
    texts: Callable[[bytes], tuple[bytes, ...]] | None = field(init=False)

    def __post_init__(self) -> None:
        """Finds out how the fields are read."""
        cuts = [slice(span.start, span.end) for span in self.spans]
        several = len(cuts) > 1 and all(s.plain for s in self.spans)
        object.__setattr__(self, "texts", itemgetter(*cuts) if several else None)

    def is_like(self, other: "Take") -> bool:
        """Whether the same pattern reads the same fields, wherever they stand."""
        same = self.at == other.at and self.pattern is other.pattern
        return same and self.names == other.names

    def one(self, line: bytes) -> tuple[float, ...]:
        """The values in a single line."""
        if self.texts is not None:
            return tuple(map(float, self.texts(line)))
        return tuple(
            [
                float(line[span.start : span.end]) if span.plain else span.value(line)
                for span in self.spans
            ]
        )


@dataclass(frozen=True, slots=True)
class Try:
    """What one pattern found in a line.

    Attributes:
        at: of its format, among those that read.
        pattern: that was tried.
        located: the fields, None where it does not fit.
        spans: of each field that is a number, None for the others.
    """

    at: int
    pattern: LinePattern
    located: Fields | None
    spans: tuple[Span | None, ...] = ()

    @property
    def take(self) -> Take | None:
        """What it reads, None where it found no number."""
        found = [
            (field[0].partition("__")[0], span)
            for field, span in zip(self.located or (), self.spans, strict=True)
            if span
        ]
        return Take(self.at, self.pattern, *zip(*found, strict=True)) if found else None


def tried(at: int, pattern: LinePattern, line: bytes) -> Try:
    """Tries a pattern on a line."""
    located = _located(pattern, line)
    spans = (
        span(line, start, end, _scale(pattern, group))
        for group, start, end in located or ()
    )
    return Try(at, pattern, located, tuple(spans))


def _located(pattern: LinePattern, line: bytes) -> Fields | None:
    found = pattern.locate(line)
    return stamped(line, found) if found and pattern.step == "line" else found


def _scale(pattern: LinePattern, group: str) -> float:
    return pattern.scale.get(group, pattern.scale.get(group.partition("__")[0], 1.0))


class Ruler:
    """Measures a line in the places of its shape."""

    def __init__(self, known: Mapping[int, tuple[int, int]]) -> None:
        """Of a line with these runs of digits."""
        self._starts = [*known]
        self._ends = [end for _, end in known.values()]
        widths = zip(self._starts, self._ends, strict=True)
        self._more = [0, *accumulate(end - start - 1 for start, end in widths)]

    def places(self, located: Fields | None) -> Places | None:
        """Where fields stand in the shape.

        Raises:
            UnalignedError: one begins or ends within a run of digits.
        """
        if located is None:
            return None
        place = self._place
        return tuple([(group, place(at), place(end)) for group, at, end in located])

    def in_line(self, place: int) -> int:
        """Where a place of the shape is in the line."""
        return place + self._more[bisect_left(self._in_shape, place)]

    @cached_property
    def _in_shape(self) -> list[int]:
        """Where the runs of digits begin in the shape."""
        return [at - more for at, more in zip(self._starts, self._more, strict=False)]

    def _place(self, at: int) -> int:
        before = bisect_left(self._starts, at)
        if before and self._ends[before - 1] > at:
            raise UnalignedError
        return at - self._more[before]


_Placed = tuple[Try, Take | None, Places | None]


class Shape:
    """What all the patterns that were tried found in the first line of a shape."""

    def __init__(self, tries: Sequence[_Placed]) -> None:
        """What was tried, what it reads, and where that stands in the shape."""
        self._tries = tries

    @classmethod
    def of(cls, tries: Sequence[tuple[Try, Take | None]], ruler: Ruler) -> "Shape":
        """What was found, and is read, in a line that the ruler measures."""
        return cls([(one, take, ruler.places(one.located)) for one, take in tries])

    def by_one(self, at: int) -> "Shape":
        """What the patterns of one format found, as if there was no other."""
        return Shape(
            [
                (one, replace(take, at=0) if take else None, places)
                for one, take, places in self._tries
                if one.at == at
            ]
        )

    @cached_property
    def counting(self) -> list[_Placed]:
        """Of the patterns those that may tell apart widths of one class of masks."""
        return [tried for tried in self._tries if may_count(tried[0].pattern.regex)]

    def fits(self, line: bytes, ruler: Ruler, *, of_class: bool = False) -> bool:
        """Whether the patterns find the same in another line of the shape.

        Arguments:
            line: to try.
            ruler: of the line.
            of_class: whether all that do not count digits are known to.
        """
        return all(
            ruler.places(_located(one.pattern, line)) == places
            for one, _, places in (self.counting if of_class else self._tries)
        )

    def takes(self, ruler: Ruler) -> tuple[Take, ...]:
        """What they read in a line in which they find the same."""
        place = ruler.in_line
        return tuple(
            [
                Take(take.at, take.pattern, take.names, spans)
                for one, take, places in self._tries
                if take is not None
                and (
                    spans := tuple(
                        [
                            Span(place(start), place(end), s.constant, s.scale, s.plain)
                            for (_, start, end), s in zip(
                                places or (), one.spans, strict=True
                            )
                            if s
                        ]
                    )
                )
            ]
        )
