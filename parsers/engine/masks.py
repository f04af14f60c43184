"""What the patterns find in a line, and in all that differ from it in digits only.

The mask of a line has `0` for every digit.  The patterns look at one line of a mask.
Masks that differ in the widths of their numbers only, and where the patterns find the
same, are of one kind: their lines are read together.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from parsers.engine.columns import Layout
from parsers.engine.numbers import Column, Span, UnalignedError, column, runs, span
from parsers.engine.pieces import LONGEST, MASK
from parsers.engine.stamps import stamped
from parsers.format import Fields, Format, LinePattern


# The patterns look at so much of a line: it bounds what a line can cost.  No record is
# as long; glued ones begin with one.
_LOOKED_AT: Final = 8192
_CACHE_ENTRIES: Final = 8192
_WHOLE: Final = re.compile(rb"(?<![.0])0+")
_LIKE_A_METRIC: Final = re.compile(
    rb"(?i)(?:loss|bpb|perplexity|ppl|nll)['\"\])]*+\s*+[:=|]?\s*+['\"]?[-+]?\.?\d"
)
Hyperparameters = Mapping[str, int | float | str | bool]


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


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """What is found in the lines of a mask.

    Attributes:
        takes: what each pattern reads.
        milestone: what such a line is, if anything.
        hyperparameters: whether it states some.
        like: whether it looks like a metric.
        takers: formats that read it.
        only: the one thing that is read in it, where nothing else is found.
    """

    takes: tuple[Take, ...]
    milestone: str | None
    hyperparameters: bool
    like: bool
    takers: frozenset[int]
    only: Take | None

    @property
    def silent(self) -> bool:
        """Whether nothing is found."""
        return not (self.takes or self.milestone or self.hyperparameters or self.like)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Lines in which the same is found, whatever the widths of their numbers.

    Attributes:
        number: of the kind, from 1.
        mask: the first of the kind.
        columns: of each pattern that reads them; None where no columns do.
        layout: where the numbers stand in its masks.
    """

    number: int
    mask: Mask
    columns: tuple[tuple[Column, ...], ...] | None
    layout: Layout


class Masks:
    """Looks at each mask once; remembers what it found."""

    def __init__(
        self,
        formats: Sequence[Format],
        milestone: Callable[[bytes], str | None],
        hyperparameters: Callable[[bytes], Hyperparameters],
    ) -> None:
        self.hyperparameters = hyperparameters
        self._formats = formats
        # Patterns (format, number) by their longest need: most lines lack it.
        self._by_need: dict[bytes, list[tuple[int, int]]] = {}
        for at, form in enumerate(formats):
            for number, pattern in enumerate(form.patterns):
                need = max(pattern.needs, key=len, default=b"")
                self._by_need.setdefault(need, []).append((at, number))
        self._milestone = milestone
        self._cache: dict[bytes, Mask] = {}
        self._kinds: dict[object, Kind] = {}
        self._known: dict[int, set[bytes]] = {}

    def of(self, line: bytes) -> Mask:
        """What is found in a line."""
        text = line.translate(MASK)
        mask = self._cache.get(text)
        if mask is None:
            mask = self._learn(line)
            if len(text) <= LONGEST:
                self._cache[text] = mask
                for take in mask.takes:
                    self.known(take.at).add(_loose(text))
        return mask

    def known(self, at: int) -> set[bytes]:
        """The kinds of line that format `at` took."""
        return self._known.setdefault(at, set())

    def seen(self, line: bytes, at: int) -> bool:
        """Whether format `at` took lines like this one, to the digit, before."""
        return _loose(line.translate(MASK)) in self.known(at)

    def remember(self, at: int, kinds: Iterable[bytes]) -> None:
        """Takes over what `known` gave, in another session or before."""
        self.known(at).update(kinds)

    @property
    def full(self) -> bool:
        """Whether so many were seen that it is time to `forget`."""
        return len(self._cache) >= _CACHE_ENTRIES

    def forget(self) -> None:
        """Begins anew: what comes next is learned again."""
        self._cache.clear()
        self._kinds.clear()

    def kind(self, line: bytes, mask: Mask) -> tuple[Kind, int]:
        """The kind of a line with a mask, and the mask's place in its layout."""
        columns, spans = _columns(line, mask.takes)
        found = (mask.milestone, mask.hyperparameters, mask.like)
        takers = tuple((take.at, take.pattern.name) for take in mask.takes)
        key = (found, takers, columns)
        if key not in self._kinds:
            self._kinds[key] = Kind(len(self._kinds) + 1, mask, columns, Layout())
        kind = self._kinds[key]
        return kind, kind.layout.add(spans)

    def _takes(self, line: bytes) -> Iterator[Take]:
        """What the first pattern of each format that fits reads."""
        held = filter(line.__contains__, self._by_need)
        mine: dict[int, list[LinePattern]] = {}
        for at, number in sorted({i for need in held for i in self._by_need[need]}):
            mine.setdefault(at, []).append(self._formats[at].patterns[number])
        for at, patterns in mine.items():
            for pattern, fields in first_fit(patterns, line):
                yield Take(at, pattern, *zip(*fields, strict=True))

    def _learn(self, line: bytes) -> Mask:
        text = _head(line)
        takes = tuple(self._takes(text))
        like = bool(_LIKE_A_METRIC.search(text))
        # A metric line states no setting.
        stated = not like and bool(self.hyperparameters(line))
        takers = frozenset(take.at for take in takes)
        kind = self._milestone(line)
        alone = len(takes) == 1 and not kind and not stated
        missed = like and len(takers) < len(self._formats)
        only = takes[0] if alone and not missed else None
        return Mask(takes, kind, stated, like, takers, only)


def first_fit(
    patterns: Iterable[LinePattern], line: bytes
) -> Iterator[tuple[LinePattern, Sequence[tuple[str, Span]]]]:
    """The first pattern that reads a line, with the fields."""
    for pattern in patterns:
        for need in pattern.needs:
            if need not in line:
                break
        else:
            located = pattern.locate(line)
            if located and pattern.step == "line":
                located = stamped(line, located)
            fields = located and _fields(pattern, line, located)
            if fields:
                yield pattern, fields
                return


def _fields(
    pattern: LinePattern, line: bytes, located: Fields
) -> Sequence[tuple[str, Span]]:
    """The fields that are numbers."""
    return [
        (name, found)
        for group, start, end in located
        for name in (group.partition("__")[0],)
        if (found := span(line, start, end, _scale(pattern, group, name)))
    ]


def _scale(pattern: LinePattern, group: str, name: str) -> float:
    return pattern.scale.get(group, pattern.scale.get(name, 1.0))


def _columns(
    line: bytes, takes: Sequence[Take]
) -> tuple[tuple[tuple[Column, ...], ...] | None, Sequence[tuple[int, int]]]:
    """The columns of each pattern, and the runs of digits that they read."""
    known = runs(line) if takes else {}
    try:
        columns = tuple(
            tuple(
                column(line, known, name, field)
                for name, field in zip(take.names, take.spans, strict=True)
            )
            for take in takes
        )
    except UnalignedError:
        return None, ()
    read = max((run for cs in columns for c in cs for run in c.runs), default=-1) + 1
    return columns, [(start, end) for start, (_, end) in known.items()][:read]


def _loose(masked: bytes) -> bytes:
    """A masked line, whatever the number of digits before a point."""
    return _WHOLE.sub(b"0", masked)


def _head(line: bytes) -> bytes:
    """What the patterns look at; a longer line does not seem to end there."""
    if len(line) <= _LOOKED_AT:
        return line
    return line[:_LOOKED_AT].rpartition(b" ")[0] + b" ..."
