"""Runs line patterns over a block of lines, by templates.

Replace every digit by `0`: lines of equal length and equal masked text share a
template.  The patterns look at one line of a template; all the others are read by
columns (`parsers.engine.numbers`).  Rare templates go line by line and give the same.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from parsers.engine.numbers import Column, Plan, column
from parsers.format import Format, LinePattern


_MASK: Final = bytes.maketrans(b"0123456789", b"0" * 10)
_NEWLINE: Final = 10
# Fewer lines than this cost less one by one than by columns.
_RARE: Final = 8
# And so does a piece of this size, however alike its lines.
_FEW_BYTES: Final = 4096
# Text has as many templates as lines: after these rounds the rest goes one by one.
_ROUNDS: Final = 24
_WHOLE: Final = re.compile(rb"(?<![.0])0+")
# The patterns look at so much of a line: it bounds what a line can cost.  No record is
# as long; glued ones begin with one.
_LOOKED_AT: Final = 8192
_CACHE_ENTRIES: Final = 8192
_CACHE_LINE: Final = 1024
_LIKE_A_METRIC: Final = re.compile(
    rb"(?i)(?:loss|bpb|perplexity|ppl|nll)['\"\])]*+\s*+[:=|]?\s*+['\"]?[-+]?\.?\d"
)
Hyperparameters = Mapping[str, int | float | str | bool]


class Block:
    """Whole lines, ready for reading by columns.

    Attributes:
        data: their bytes, each line ended by a newline.
        first: number of the first line in the log, from 1.
        starts, ends: of each line in `data`, without its newline, int64.
    """

    def __init__(self, data: bytes, first: int) -> None:
        self.data = data
        self.first = first
        self.raw = np.frombuffer(data, dtype=np.uint8)
        self.ends = np.flatnonzero(self.raw == _NEWLINE)
        self.starts = np.empty_like(self.ends)
        self.starts[:1] = 0
        self.starts[1:] = self.ends[:-1] + 1

    def __len__(self) -> int:
        return len(self.ends)

    def line(self, index: int) -> bytes:
        """One line, by its index in the block."""
        return self.data[self.starts[index] : self.ends[index]]


class Few:
    """A few whole lines, read one by one: as a `Block`, without its preparations.

    Attributes:
        first: number of the first line in the log, from 1.
        lines: without their newlines.
    """

    def __init__(self, data: bytes, first: int) -> None:
        self.first = first
        self.lines = data.split(b"\n")[:-1]

    def __len__(self) -> int:
        return len(self.lines)

    def line(self, index: int) -> bytes:
        """One line, by its index in the piece."""
        return self.lines[index]


def whole_lines(data: bytes, first: int) -> Block | Few:
    """Whole lines, each ended by a newline, in the form that is cheaper to read."""
    return Few(data, first) if len(data) <= _FEW_BYTES else Block(data, first)


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


@dataclass(frozen=True, slots=True)
class _Template:
    takes: tuple[tuple[int, LinePattern, Plan], ...]
    milestone: str | None
    hyperparameters: bool
    like: bool
    takers: frozenset[int]

    @property
    def silent(self) -> bool:
        return not (self.takes or self.milestone or self.hyperparameters or self.like)


@dataclass(slots=True)
class Reading:
    """What a block holds.

    Attributes:
        taken: for each format what its patterns read.
        milestones: (line, kind, text), in order.
        hyperparameters: (line, what it states), in order.
        like: lines that look like metrics and that not every format took, by
            template: their numbers, and which of the formats took them.
    """

    taken: list[list[Raw]]
    milestones: list[tuple[int, str, bytes]] = field(default_factory=list)
    hyperparameters: list[tuple[int, Hyperparameters]] = field(default_factory=list)
    like: list[tuple[Ints, frozenset[int]]] = field(default_factory=list)


class _Rows:
    """Records of one pattern and one set of fields, gathered over a block."""

    def __init__(self, pattern: LinePattern, names: tuple[str, ...]) -> None:
        self.pattern = pattern
        self.names = names
        self.index: list[Ints] = []
        self.values: list[list[Floats]] = []
        self.single: list[tuple[int, tuple[float, ...]]] = []

    def raw(self, first: int) -> Raw:
        if not self.index:
            self.single.sort()
            lines = np.array([i + first for i, _ in self.single], dtype=np.int64)
            table = np.array([*zip(*[v for _, v in self.single], strict=True)])
            return Raw(self.pattern, lines, dict(zip(self.names, table, strict=True)))
        if self.single:
            self.index.append(np.array([i for i, _ in self.single], dtype=np.int64))
            table = np.array([v for _, v in self.single], dtype=np.float64)
            self.values.append(list(table.T))
        index = np.concatenate(self.index)
        order = None if len(self.index) == 1 and not self.single else index.argsort()
        columns = {}
        for k, name in enumerate(self.names):
            parts = [v[k] for v in self.values]
            whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
            columns[name] = whole if order is None else whole[order]
        lines = (index if order is None else index[order]) + first
        return Raw(self.pattern, lines, columns)


class Templates:
    """Reads blocks with the patterns of some formats; remembers the templates seen."""

    def __init__(
        self,
        formats: Sequence[Format],
        *,
        milestone: Callable[[bytes], str | None],
        hyperparameters: Callable[[bytes], Hyperparameters],
    ) -> None:
        self._formats = formats
        self._milestone = milestone
        self._hyperparameters = hyperparameters
        self._cache: dict[bytes, _Template] = {}
        self._known: dict[int, set[bytes]] = {}

    def seen(self, line: bytes, at: int) -> bool:
        """Whether format `at` took lines like this one, to the digit, before."""
        return _loose(line.translate(_MASK)) in self.known(at)

    def known(self, at: int) -> set[bytes]:
        """The kinds of line that format `at` took."""
        return self._known.setdefault(at, set())

    def remember(self, at: int, kinds: Iterable[bytes]) -> None:
        """Takes over what `known` gave, in another session or before."""
        self.known(at).update(kinds)

    def read(self, block: Block | Few) -> Reading:
        """All that the patterns find in a block."""
        reading = Reading([[] for _ in self._formats])
        rows: dict[tuple[int, int, tuple[str, ...]], _Rows] = {}
        for template, index in self._groups(block):
            for at, pattern, plan in template.takes:
                key = (at, id(pattern), plan.names)
                if key not in rows:
                    rows[key] = _Rows(pattern, plan.names)
                _take(block, index, plan, rows[key])
            self._note(block, index, template, reading)
        for (at, _, _), gathered in rows.items():
            reading.taken[at].append(gathered.raw(block.first))
        reading.milestones.sort()
        reading.hyperparameters.sort(key=lambda f: f[0])
        return reading

    def _groups(self, block: Block | Few) -> Iterator[tuple[_Template, Ints]]:
        """Templates with the indices of their lines, silent ones left out."""
        return self._few(block) if isinstance(block, Few) else self._many(block)

    def _few(self, block: Few) -> Iterator[tuple[_Template, Ints]]:
        groups: dict[bytes, list[int]] = {}
        for i, line in enumerate(block.lines):
            if line:
                groups.setdefault(line.translate(_MASK), []).append(i)
        yield from self._learned(groups, block)

    def _many(self, block: Block) -> Iterator[tuple[_Template, Ints]]:
        masked = block.data.translate(_MASK)
        for length, index in _by_length(block):
            if len(index) < _RARE:
                yield from self._one_by_one(block, masked, index)
                continue
            yield from self._by_template(block, masked, length, index)

    def _by_template(
        self, block: Block, masked: bytes, length: int, index: Ints
    ) -> Iterator[tuple[_Template, Ints]]:
        view = np.frombuffer(masked, dtype=np.uint8)
        windows = np.lib.stride_tricks.sliding_window_view(view, length)
        # A line holds no NUL, so comparing fixed-width strings is exact.
        keys = windows[block.starts[index]].view(f"S{length}").ravel()
        for _ in range(_ROUNDS):
            same = keys == keys[0]
            template = self._template(bytes(keys[0]), block, int(index[0]))
            group = index[same]
            if not template.silent:
                yield template, group
            if len(group) == len(index):
                return
            index, keys = index[~same], keys[~same]
        yield from self._one_by_one(block, masked, index)

    def _one_by_one(
        self, block: Block, masked: bytes, index: Ints
    ) -> Iterator[tuple[_Template, Ints]]:
        groups: dict[bytes, list[int]] = defaultdict(list)
        spans = zip(
            block.starts[index].tolist(),
            block.ends[index].tolist(),
            index.tolist(),
            strict=True,
        )
        for start, end, i in spans:
            groups[masked[start:end]].append(i)
        yield from self._learned(groups, block)

    def _learned(
        self, groups: Mapping[bytes, list[int]], block: Block | Few
    ) -> Iterator[tuple[_Template, Ints]]:
        for key, members in groups.items():
            template = self._template(key, block, members[0])
            if not template.silent:
                yield template, np.array(members, dtype=np.int64)

    def _template(self, key: bytes, block: Block | Few, index: int) -> _Template:
        template = self._cache.get(key)
        if template is None:
            template = self._learn(block.line(index))
            if len(key) <= _CACHE_LINE:
                if len(self._cache) >= _CACHE_ENTRIES:
                    self._cache.clear()
                self._cache[key] = template
                for at in template.takers:
                    self.known(at).add(_loose(key))
        return template

    def _learn(self, line: bytes) -> _Template:
        takes = tuple(
            (at, pattern, plan)
            for at, form in enumerate(self._formats)
            for pattern, plan in first_fit(form, line)
        )
        like = bool(_LIKE_A_METRIC.search(line, 0, _LOOKED_AT))
        return _Template(
            takes,
            self._milestone(line),
            not like
            and bool(self._hyperparameters(line)),  # a metric line states no setting
            like,
            frozenset(at for at, _, _ in takes),
        )

    def _note(
        self, block: Block | Few, index: Ints, template: _Template, reading: Reading
    ) -> None:
        if template.like and len(template.takers) < len(self._formats):
            reading.like.append((index + block.first, template.takers))
        if template.milestone or template.hyperparameters:
            for i in index.tolist():
                text, number = block.line(i), block.first + i
                if template.milestone:
                    reading.milestones.append((number, template.milestone, text))
                if template.hyperparameters:
                    reading.hyperparameters.append(
                        (number, self._hyperparameters(text))
                    )


def _loose(masked: bytes) -> bytes:
    """A masked line, whatever the number of digits before a point."""
    return _WHOLE.sub(b"0", masked)


def first_fit(form: Format, line: bytes) -> Iterator[tuple[LinePattern, Plan]]:
    """The first pattern of a format that reads a line, with its columns."""
    line = _head(line)
    for pattern in form.patterns:
        if not all(need in line for need in pattern.needs):
            continue
        fields = pattern.locate(line)
        if fields is None:
            continue
        columns = [
            found
            for group, start, end in fields
            if (found := _column(pattern, line, group, start, end))
        ]
        if columns:
            yield pattern, Plan(columns)
            return


def _head(line: bytes) -> bytes:
    """What the patterns look at; a longer line does not seem to end there."""
    if len(line) <= _LOOKED_AT:
        return line
    return line[:_LOOKED_AT].rpartition(b" ")[0] + b" ..."


def _column(
    pattern: LinePattern, line: bytes, group: str, start: int, end: int
) -> Column | None:
    name = group.partition("__")[0]
    scale = pattern.scale.get(group, pattern.scale.get(name, 1.0))
    return column(line, name, start, end, scale=scale)


def _by_length(block: Block) -> Iterator[tuple[int, Ints]]:
    """Indices of the lines of each length, rising; empty lines left out."""
    lengths = block.ends - block.starts
    # Stable sorting of 16-bit numbers is a radix sort, several times as fast.
    narrow = len(lengths) and lengths.max() < 1 << 16
    keys = lengths.astype(np.uint16) if narrow else lengths
    order = keys.argsort(kind="stable")
    ordered = keys[order]
    cuts = np.flatnonzero(np.diff(ordered)) + 1
    for part in np.split(order, cuts):
        if len(part) and lengths[part[0]]:
            yield int(lengths[part[0]]), part


def _take(block: Block | Few, index: Ints, plan: Plan, rows: _Rows) -> None:
    if isinstance(block, Few) or len(index) < _RARE:
        rows.single += [(i, plan.one(block.line(i))) for i in index.tolist()]
        return
    rows.index.append(index)
    rows.values.append(plan.many(block.raw, block.starts[index]))
