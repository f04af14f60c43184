"""What the patterns find in a line, and in all that differ from it in digits only.

The mask of a line has `0` for every digit.  The patterns look at one line of a mask, or
of a class of masks (`parsers.engine.widths`).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from parsers.engine.known import LONGEST
from parsers.engine.numbers import UnalignedError, runs
from parsers.engine.pieces import MASK
from parsers.engine.shapes import Ruler, Shape, Take, Try, tried
from parsers.engine.widths import extremes
from parsers.format import Format, LinePattern


# The patterns look at so much of a line: it bounds what a line can cost.  No record is
# as long; glued ones begin with one.
_LOOKED_AT: Final = 8192
_CACHE_ENTRIES: Final = 8192
# Of so many masks of a class it pays to try the narrowest and the widest.
_LARGE: Final = 6
_RUNS: Final = re.compile(rb"\d++")
_WHOLE: Final = re.compile(rb"(?<![.0])0+")
# No line without one of these, or a digit, has a number for a pattern to find.
NUMBERS: Final = frozenset({"nan", "inf"})
_NUMERIC: Final = re.compile(rb"(?i)\d|" + "|".join(NUMBERS).encode())
_LIKE_A_METRIC: Final = re.compile(
    rb"(?i)(?:loss|bpb|perplexity|ppl|nll)['\"\])]*+\s*+[:=|]?\s*+['\"]?[-+]?\.?\d"
)
_NONE: Final[frozenset[int]] = frozenset()
_FIRST: Final = frozenset({0})
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

    def alike(self, takes: tuple[Take, ...]) -> "Mask":
        """The same in another mask of its shape, where the numbers stand elsewhere."""
        first = self.first or self
        return Mask(takes, *self.stated, self.takers, first)

    def by_one(self, at: int) -> "Mask":
        """What one format finds, as if there was no other."""
        takes = tuple(replace(take, at=0) for take in self.takes if take.at == at)
        return Mask(takes, *self.stated, _FIRST if takes else _NONE)


class Masks:
    """Looks at each mask once; remembers what it found."""

    def __init__(
        self,
        formats: Sequence[Format],
        milestone: Callable[[bytes], str | None],
        hyperparameters: Callable[[bytes], Hyperparameters],
    ) -> None:
        self.hyperparameters = hyperparameters
        self._formats = tuple(formats)
        self._milestone = milestone
        self._taken: dict[int, set[bytes]] = {}
        self.forget()

    def forget(self) -> None:
        """Begins anew: what comes next is learned again."""
        self._cache: dict[bytes, Mask] = {}
        self._shapes: dict[bytes, tuple[Shape, Mask]] = {}
        self._firsts: dict[int, Mask] = {}  # by class
        self._seen: Counter[int] = Counter()
        # By class, what is found in all its lines; None where that differs.
        self._uniform: dict[int, Shape | None] = {}

    def by_one(self, at: int) -> "Masks":
        """Those of one of the formats, with what is known of its lines."""
        masks = Masks((self._formats[at],), self._milestone, self.hyperparameters)
        masks._taken[0] = self.taken(at)
        shapes = {shape: shape.by_one(at) for shape, _ in self._shapes.values()}
        firsts = {mask: mask.by_one(at) for _, mask in self._shapes.values()}
        masks._shapes = {
            text: (shapes[shape], firsts[mask])
            for text, (shape, mask) in self._shapes.items()
        }
        return masks

    def of(self, line: bytes, its_class: int = 0, count: int = 0) -> Mask:
        """What is found in a line.

        Where it is known, `its_class` is that of its mask, and so many new ones are of
        it.
        """
        text = line.translate(MASK)
        mask = self._cache.get(text)
        if mask is None:
            if its_class:
                mask = self._of_class(line, its_class, count)
            else:
                mask = self._learn(line)
            if len(text) <= LONGEST:
                self._cache[text] = mask
                for at in mask.takers:
                    self.taken(at).add(loose(text))
        return mask

    def taken(self, at: int) -> set[bytes]:
        """The masks that format `at` took, whatever their widths before a point."""
        return self._taken.setdefault(at, set())

    @property
    def full(self) -> bool:
        """Whether so many were seen that it is time to `forget`."""
        return len(self._cache) >= _CACHE_ENTRIES

    def is_uniform(self, its_class: int) -> bool:
        """Whether the same is found in all lines of a class."""
        shape = self._uniform.get(its_class)
        return shape is not None and not shape.counting

    def _of_class(self, line: bytes, its_class: int, count: int) -> Mask:
        """What is found in a line of a new mask.

        Of a large class the narrowest and the widest one are looked at instead.
        """
        self._seen[its_class] += 1
        first = self._firsts.get(its_class)
        if first is None:
            first = self._firsts[its_class] = self._learn(line)
            return first
        large = max(count, self._seen[its_class]) >= _LARGE
        if large and its_class not in self._uniform:
            self._uniform[its_class] = self._common(line, first)
        shape = self._uniform.get(its_class)
        if shape is not None:
            with suppress(UnalignedError):
                ruler = Ruler(runs(line))
                if shape.fits(line, ruler, of_class=True):
                    return first.alike(shape.takes(ruler))
        return self._learn(line)

    def _common(self, line: bytes, mask: Mask) -> Shape | None:
        """What is found in all lines of a class, if it is the same.

        But for patterns that count digits: they are to be tried on each mask.
        """
        shape = _RUNS.sub(b"0", line)
        tried, first = self._shapes.get(shape, (None, None))
        if tried is None or first is not (mask.first or mask):
            return None
        narrow, wide = extremes(line)
        if len(wide) > LONGEST:
            return None
        same = all(
            self._again(one, shape, runs(one), self._stated(one))
            for one in (narrow, wide)
        )
        return tried if same else None

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
        tries = [(one, one.take) for one in self._tries(text)]
        takes = tuple(take for _, take in tries if take)
        mask = Mask(takes, *found, frozenset(take.at for take in takes))
        if len(line) <= LONGEST:
            with suppress(UnalignedError):
                self._shapes[shape] = Shape.of(tries, Ruler(known)), mask
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
            ruler = Ruler(known)
            if found == first.stated and tried.fits(line, ruler):
                return first.alike(tried.takes(ruler))
        return None

    def _tries(self, line: bytes) -> Iterator[Try]:
        """What is found by each format's patterns, up to the first that fits."""
        by_need = _by_need(self._formats)
        needed = filter(line.__contains__, by_need)
        mine: dict[int, list[LinePattern]] = {}
        for at, number in sorted([i for need in needed for i in by_need[need]]):
            mine.setdefault(at, []).append(self._formats[at].patterns[number])
        for at, patterns in mine.items():
            yield from first_fit(at, patterns, line)


@lru_cache(64)
def _by_need(formats: tuple[Format, ...]) -> dict[bytes, list[tuple[int, int]]]:
    """Patterns (format, number) by their longest need: most lines lack it."""
    by_need: dict[bytes, list[tuple[int, int]]] = {}
    for at, form in enumerate(formats):
        for number, pattern in enumerate(form.patterns):
            need = max(pattern.needs, key=len, default=b"")
            by_need.setdefault(need, []).append((at, number))
    return by_need


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


def loose(masked: bytes) -> bytes:
    """A masked line, whatever the number of digits before a point."""
    return _WHOLE.sub(b"0", masked)


def _head(line: bytes) -> bytes:
    """What the patterns look at; a longer line does not seem to end there."""
    if len(line) <= _LOOKED_AT:
        return line
    return line[:_LOOKED_AT].rpartition(b" ")[0] + b" ..."
