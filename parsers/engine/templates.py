"""Runs line patterns over a piece of a log, by templates.

Lines that are equal but for their digits have one mask; the patterns look at one line
of each, or of a class of masks (`parsers.engine.masks`, `parsers.engine.widths`).
Masks in which they find the same, and that differ in the widths of their numbers only,
make a template: all its lines are read together, by columns (`parsers.engine.columns`).
Rare templates go line by line and give the same.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from parsers.engine.columns import Rows
from parsers.engine.kinds import Kind, Kinds
from parsers.engine.known import KnownMasks
from parsers.engine.masks import NUMBERS, Hyperparameters, Mask, Masks, loose
from parsers.engine.numbers import Column
from parsers.engine.pieces import MASK, RARE, Block, Few, Piece
from parsers.engine.shapes import Take
from parsers.engine.sieve import ByMask
from parsers.engine.words import WordFinder
from parsers.format import Format, LinePattern


# Lines without a mask that others have are looked at one by one if so few may tell
# something: one of so many.
_VARIED: Final = 4
# Not all lines of a block are cut out for so few of them: one of so many.
_FEW: Final = 16


@dataclass(slots=True)
class Raw:
    """What one pattern read in a block, before steps are settled.

    Attributes:
        pattern: that read it.
        lines: numbers of the lines in the log, rising, shape (n,).
        columns: field name to values, shape (n,).
    """

    pattern: LinePattern
    lines: Ints
    columns: dict[str, Floats]


@dataclass(slots=True)
class Reading:
    """What a piece holds.

    Attributes:
        taken: for each format what its patterns read.
        milestones: (line, kind, text), in order.
        hyperparameters: (line, what it states), in order.
        like: lines that look like metrics and that not every format took: their
            numbers, and which of the formats took them.
    """

    taken: list[list[Raw]]
    milestones: list[tuple[int, str, bytes]] = field(default_factory=list)
    hyperparameters: list[tuple[int, Hyperparameters]] = field(default_factory=list)
    like: list[tuple[Ints, frozenset[int]]] = field(default_factory=list)


class _Gathered:
    """Records of one pattern and one set of fields, over a piece."""

    def __init__(self, at: int, pattern: LinePattern, names: tuple[str, ...]) -> None:
        self.at = at
        self._pattern = pattern
        self._names = names
        self._index: list[Ints] = []
        self._values: list[Sequence[Floats]] = []
        self.single: list[tuple[int, tuple[float, ...]]] = []

    def add(self, rows: Rows, columns: Sequence[Column]) -> None:
        self._index.append(rows.index)
        self._values.append([rows.values(c) for c in columns])

    def raw(self, first: int) -> Raw:
        if self.single:
            self.single.sort()
            self._index.append(np.array([i for i, _ in self.single], dtype=np.int64))
            table = np.array([v for _, v in self.single], dtype=np.float64)
            self._values.append(list(table.T))
        if len(self._index) == 1:
            columns = dict(zip(self._names, self._values[0], strict=True))
            return Raw(self._pattern, self._index[0] + first, columns)
        index = np.concatenate(self._index)
        order = index.argsort(kind="stable")
        columns = {
            name: np.concatenate([values[k] for values in self._values])[order]
            for k, name in enumerate(self._names)
        }
        return Raw(self._pattern, index[order] + first, columns)


class _Found:
    """All that is found in a piece."""

    def __init__(self, piece: Piece, formats: int, masks: Masks) -> None:
        self._piece = piece
        self._masks = masks
        self._gathered: dict[object, _Gathered] = {}
        self._reading = Reading([[] for _ in range(formats)])

    def add_rows(self, kind: Kind, rows: Rows) -> None:
        """Lines of a kind that are read by columns."""
        assert kind.columns is not None
        for take, columns in zip(kind.mask.takes, kind.columns, strict=True):
            self._of(take.at, take.pattern, take.names).add(rows, columns)
        self._note(kind.mask, rows.index)

    def add_lines(self, indices: Sequence[int]) -> None:
        """Lines that are read one by one."""
        piece = self._piece
        if len(indices) * _FEW > len(piece):
            lines = [piece.lines[i] for i in indices]
        else:
            lines = [piece.line(i) for i in indices]
        masks: dict[Mask, list[int]] = {}
        for k, line in enumerate(lines):
            mask = self._masks.of(line)
            if not mask.silent:
                masks.setdefault(mask, []).append(k)
        for mask, members in masks.items():
            self._note(mask, [indices[k] for k in members])
            for take in mask.takes:
                single = self._of(take.at, take.pattern, take.names).single
                single += [(indices[k], take.one(lines[k])) for k in members]

    def reading(self) -> Reading:
        for gathered in self._gathered.values():
            raw = gathered.raw(self._piece.first)
            self._reading.taken[gathered.at].append(raw)
        self._reading.milestones.sort()
        self._reading.hyperparameters.sort(key=lambda f: f[0])
        return self._reading

    def _of(self, at: int, pattern: LinePattern, names: tuple[str, ...]) -> _Gathered:
        key = (at, pattern.name, names)
        if key not in self._gathered:
            self._gathered[key] = _Gathered(at, pattern, names)
        return self._gathered[key]

    def _note(self, mask: Mask, index: Sequence[int] | Ints) -> None:
        first, reading = self._piece.first, self._reading
        if mask.like and len(mask.takers) < len(reading.taken):
            reading.like.append((np.asarray(index) + first, mask.takers))
        if mask.milestone or mask.hyperparameters:
            for i in map(int, index):
                text = self._piece.line(i)
                if mask.milestone:
                    reading.milestones.append((first + i, mask.milestone, text))
                if mask.hyperparameters:
                    stated = self._masks.hyperparameters(text)
                    reading.hyperparameters.append((first + i, stated))


class Templates:
    """Reads pieces with the patterns of some formats; remembers the masks seen."""

    def __init__(
        self,
        formats: Sequence[Format],
        *,
        milestone: Callable[[bytes], str | None] = lambda _: None,
        hyperparameters: Callable[[bytes], Hyperparameters] = lambda _: {},
        words: frozenset[str] = NUMBERS,
    ) -> None:
        """Patterns of formats, and what else is looked for.

        Arguments:
            formats: their patterns find numbers.
            milestone: the kind of line that one is, if it matters.
            hyperparameters: what a line states.
            words: of which one, or a digit, is in each line that something is found in;
                without formats digits are none.
        """
        self._words = WordFinder(words)
        self._set(Masks(formats, milestone, hyperparameters), len(formats))

    def _set(self, masks: Masks, formats: int) -> None:
        self.masks = masks
        self._formats = formats
        self._kinds = Kinds(masks)
        self._by_mask = ByMask(self._kinds.find)

    def settle(self, at: int) -> None:
        """Only one of the formats reads from now on."""
        self._note_taken()
        known = self._by_mask.known
        self._set(self.masks.by_one(at), 1)
        self._by_mask.begin(known)

    def taken(self, at: int) -> set[bytes]:
        """The masks that format `at` took, here or before (see `remember`)."""
        self._note_taken()
        return self.masks.taken(at)

    def took(self, line: bytes, at: int) -> bool:
        """Whether format `at` took lines like this one, to the digit, before."""
        return loose(line.translate(MASK)) in self.taken(at)

    def remember(self, at: int, masks: Iterable[bytes]) -> None:
        """Takes over what `taken` gave, in another session or before."""
        self.masks.taken(at).update(masks)

    def _note_taken(self) -> None:
        """Notes the masks of whole blocks that formats took."""
        fresh, self._by_mask.fresh = self._by_mask.fresh, []
        texts: dict[int, list[bytes]] = {}
        for numbers in fresh:
            kinds = self._by_mask.table[numbers].tolist()
            for number, at in zip(numbers.tolist(), kinds, strict=True):
                kind = self._kinds.get(at)
                for taker in kind.mask.takers if kind else ():
                    texts.setdefault(taker, []).append(
                        self._by_mask.known.texts[number]
                    )
        for taker, taken in texts.items():
            self.remember(taker, loose(b"\n".join(taken)).split(b"\n"))

    def _begin(self, known: KnownMasks) -> None:
        self._note_taken()
        self._by_mask.begin(known)
        self.masks.forget()
        self._kinds.forget()

    def read(self, piece: Piece) -> Reading:
        """All that the patterns find in a piece."""
        if self.masks.full or piece.known is not self._by_mask.known:
            self._begin(piece.known)
        alike = self._alike(piece) if isinstance(piece, Few) else None
        if alike is not None:
            return alike
        found = _Found(piece, self._formats, self.masks)
        if isinstance(piece, Few):
            found.add_lines(range(len(piece)))
        else:
            self._read_block(piece, found)
        return found.reading()

    def _alike(self, piece: Few) -> Reading | None:
        """What one pattern reads in a few lines, if nothing else is found in them.

        Most looks at a growing log yield such lines: nothing has to be gathered.
        """
        first: Take | None = None
        values: list[float] = []
        for line in piece.lines:
            mask = self.masks.of(line)
            take = mask.only
            if take is None or take.texts is None:
                return None
            if mask.like and len(mask.takers) < self._formats:
                return None
            first = first or take
            if take is not first and not take.is_like(first):
                return None
            values += map(float, take.texts(line))
        if first is None:
            return None
        lines = np.arange(piece.first, piece.first + len(piece))
        table = np.array(values).reshape(len(lines), -1).T
        reading = Reading([[] for _ in range(self._formats)])
        columns = dict(zip(first.names, table, strict=True))
        reading.taken[first.at].append(Raw(first.pattern, lines, columns))
        return reading

    def _read_block(self, block: Block, found: _Found) -> None:
        if block.varied:
            telling = self._telling(block)
            if telling is not None:
                found.add_lines(telling)
                return
        kinds = self._by_mask.of(block)
        for at in np.flatnonzero(np.bincount(kinds)).tolist():
            kind = self._kinds.get(at)
            if kind is not None and kind.mask.silent:
                continue
            index = np.flatnonzero(kinds == at)
            if kind is None:
                index = index[block.starts[index] < block.ends[index]]
            if kind is None or kind.columns is None or len(index) < RARE:
                found.add_lines(index.tolist())
            else:
                found.add_rows(kind, Rows(block, index, kind.reads))

    def _telling(self, block: Block) -> list[int] | None:
        """The lines in which something may be found, None where they are many."""
        most = len(block) // _VARIED
        if self._formats and np.count_nonzero(block.digits) > most:
            return None
        found = self._words.may_hold(block)
        if self._formats:
            found |= block.digits
        telling: list[int] = np.flatnonzero(found).tolist()
        return telling if len(telling) <= most else None
