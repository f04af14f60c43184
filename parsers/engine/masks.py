"""What the patterns find in a line, and in all that differ from it in digits only.

The mask of a line has `0` for every digit.  The patterns look at one line of a mask.
Masks that differ in the widths of their numbers only, and where the patterns find the
same, are of one kind: their lines are read together.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from parsers.engine.columns import Layout
from parsers.engine.known import LONGEST
from parsers.engine.numbers import Column, UnalignedError, column, runs
from parsers.engine.pieces import MASK
from parsers.engine.shapes import Ruler, Shape, Take, Try, tried
from parsers.engine.widths import alike, extremes, runs_of
from parsers.format import Format, LinePattern


# The patterns look at so much of a line: it bounds what a line can cost.  No record is
# as long; glued ones begin with one.
_LOOKED_AT: Final = 8192
_CACHE_ENTRIES: Final = 8192
# Of so many masks of a class it pays to try the narrowest and the widest.
_LARGE: Final = 3
_RUNS: Final = re.compile(rb"\d++")
_WHOLE: Final = re.compile(rb"(?<![.0])0+")
# No line without one of these, or a digit, has a number for a pattern to find.
NUMBERS: Final = ("nan", "inf")
_NUMERIC: Final = re.compile(rb"(?i)\d|" + "|".join(NUMBERS).encode())
_LIKE_A_METRIC: Final = re.compile(
    rb"(?i)(?:loss|bpb|perplexity|ppl|nll)['\"\])]*+\s*+[:=|]?\s*+['\"]?[-+]?\.?\d"
)
_NONE: Final[frozenset[int]] = frozenset()
Runs = Mapping[int, tuple[int, int]]
Hyperparameters = Mapping[str, int | float | str | bool]


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """What is found in the lines of a mask.

    Attributes:
        takes: what each pattern reads.
        milestone: what such a line is, if anything.
        hyperparameters: whether it states some.
        like: whether it looks like a metric.
        takers: formats that read it.
        first: the mask of the same shape that was seen first.
    """

    takes: tuple[Take, ...]
    milestone: str | None
    hyperparameters: bool
    like: bool
    takers: frozenset[int]
    first: "Mask | None" = None

    @property
    def stated(self) -> tuple[str | None, bool, bool]:
        """What such a line is, besides what is read in it."""
        return self.milestone, self.hyperparameters, self.like

    @property
    def only(self) -> Take | None:
        """The one thing that is read in it, where nothing else is found."""
        alone = len(self.takes) == 1 and not self.milestone and not self.hyperparameters
        return self.takes[0] if alone else None

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
        reads: how many runs of digits the columns read, from the first.
    """

    number: int
    mask: Mask
    columns: tuple[tuple[Column, ...], ...] | None
    layout: Layout
    reads: int


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
        self._shapes: dict[bytes, tuple[Shape, Mask]] = {}
        self._kinds: dict[object, Kind] = {}
        self._classes: dict[bytes, Kind] = {}  # by their narrowest masks
        self._seen: Counter[bytes] = Counter()
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
        self._shapes.clear()
        self._kinds.clear()
        self._classes.clear()
        self._seen.clear()

    def kinds(self, lines: Sequence[bytes]) -> list[tuple[Kind, int]]:
        """The kind of each of some lines, and the place of its mask in the layout.

        Each is of a mask that was not seen here.
        """
        masked = b"\n".join(lines).translate(MASK)
        texts, classes = masked.split(b"\n"), alike(masked).split(b"\n")
        kinds = list[Kind]()
        members: dict[tuple[Kind, bytes], list[int]] = {}
        for i, narrowest in enumerate(classes):
            kind = self._classes.get(narrowest)
            if kind is None:
                kind = self._kind(lines[i], narrowest)
            kinds.append(kind)
            if kind.mask.takes:
                members.setdefault((kind, narrowest), []).append(i)
        places = [0] * len(lines)
        for (kind, _), alikes in members.items():
            seen = _loose(b"\n".join([texts[i] for i in alikes])).split(b"\n")
            for take in kind.mask.takes:
                self.known(take.at).update(seen)
            ends, widths = runs_of([lines[i] for i in alikes])
            place = kind.layout.add(ends[: kind.reads], widths[: kind.reads])
            for i in alikes:
                places[i], place = place, place + 1
        return list(zip(kinds, places, strict=True))

    def _kind(self, line: bytes, narrowest: bytes) -> Kind:
        """The kind of a line of a mask; notes if a large class is of it."""
        mask = self.of(line)
        first = mask.first or mask if mask.takes else mask.stated
        kind = self._kinds.get(first)
        if kind is None:
            known = runs(line) if mask.takes else {}
            kind = self._kinds[first] = self._new_kind(line, known, mask)
        self._seen[narrowest] += 1
        if self._seen[narrowest] == _LARGE and self._is_of_class(line, mask):
            self._classes[narrowest] = kind
        return kind

    def _is_of_class(self, line: bytes, mask: Mask) -> bool:
        """Whether the same is found in all lines of the class of a line."""
        shape = _RUNS.sub(b"0", line)
        tried, first = self._shapes.get(shape, (None, None))
        if tried is None or tried.counts_digits or first is not (mask.first or mask):
            return False
        narrow, wide = extremes(line)
        if len(wide) > LONGEST:
            return False
        return all(
            self._again(one, shape, runs(one), self._stated(one))
            for one in (narrow, wide)
        )

    def _new_kind(self, line: bytes, known: Runs, mask: Mask) -> Kind:
        """The kind of the first mask of a shape; other shapes may be of it, too."""
        columns = _columns(line, known, mask.takes)
        takers = tuple((take.at, take.pattern.name) for take in mask.takes)
        key = (mask.stated, takers, columns)
        if key not in self._kinds:
            number = len(self._kinds) + 1
            self._kinds[key] = Kind(number, mask, columns, Layout(), _reads(columns))
        return self._kinds[key]

    def _learn(self, line: bytes) -> Mask:
        text = _head(line)
        if not _NUMERIC.search(text):
            stated = bool(self.hyperparameters(line))
            return Mask((), self._milestone(line), stated, like=False, takers=_NONE)
        found = self._stated(line)
        known = runs(text)
        shape = _RUNS.sub(b"0", text)
        if again := self._again(text, shape, known, found):
            return again
        tries = [*self._tries(text)]
        takes = tuple(take for one in tries if (take := one.take))
        mask = Mask(takes, *found, frozenset(take.at for take in takes))
        if len(line) <= LONGEST:
            with suppress(UnalignedError):
                self._shapes[shape] = Shape(tries, Ruler(known)), mask
        return mask

    def _stated(self, line: bytes) -> tuple[str | None, bool, bool]:
        """What a line is, besides what is read in it (see `Mask.stated`)."""
        like = bool(_LIKE_A_METRIC.search(_head(line)))
        # A metric line states no setting.
        stated = not like and bool(self.hyperparameters(line))
        return self._milestone(line), stated, like

    def _again(
        self,
        line: bytes,
        shape: bytes,
        known: Runs,
        found: tuple[str | None, bool, bool],
    ) -> Mask | None:
        """The same as in the first line of a shape, if the patterns find the same."""
        if shape not in self._shapes:
            return None
        tried, first = self._shapes[shape]
        with suppress(UnalignedError):
            takes = tried.again(line, Ruler(known))
            if takes is not None and found == first.stated:
                return Mask(tuple(takes), *found, first.takers, first)
        return None

    def _tries(self, line: bytes) -> Iterator[Try]:
        """What is found by each format's patterns, up to the first that fits."""
        needed = filter(line.__contains__, self._by_need)
        mine: dict[int, list[LinePattern]] = {}
        for at, number in sorted({i for need in needed for i in self._by_need[need]}):
            mine.setdefault(at, []).append(self._formats[at].patterns[number])
        for at, patterns in mine.items():
            yield from first_fit(at, patterns, line)


def first_fit(at: int, patterns: Iterable[LinePattern], line: bytes) -> Iterator[Try]:
    """What the patterns of format `at` find, up to the first that reads the line."""
    for pattern in patterns:
        for need in pattern.needs:
            if need not in line:
                break
        else:
            one = tried(at, pattern, line)
            yield one
            if any(one.spans):
                return


def _reads(columns: tuple[tuple[Column, ...], ...] | None) -> int:
    """How many runs of digits a line has up to the last that is read."""
    read = (run for one in columns or () for c in one for run in c.runs)
    return max(read, default=-1) + 1


def _columns(
    line: bytes, known: Runs, takes: Sequence[Take]
) -> tuple[tuple[Column, ...], ...] | None:
    """The columns of each pattern, None where a number is not aligned."""
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


def _loose(masked: bytes) -> bytes:
    """A masked line, whatever the number of digits before a point."""
    return _WHOLE.sub(b"0", masked)


def _head(line: bytes) -> bytes:
    """What the patterns look at; a longer line does not seem to end there."""
    if len(line) <= _LOOKED_AT:
        return line
    return line[:_LOOKED_AT].rpartition(b" ")[0] + b" ..."
