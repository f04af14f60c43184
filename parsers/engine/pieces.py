"""Whole lines of a log, in the form that is cheaper to read: `Block` or `Few`."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Ints
from parsers.engine.known import LONGEST, WORD, KnownMasks, Words


Bytes = NDArray[np.uint8]

MASK: Final = bytes.maketrans(b"123456789", b"0" * 9)
# Fewer lines than this cost less one by one than by columns.
RARE: Final = 8
_NEWLINE: Final = 10
# A piece of this size costs less line by line, however alike its lines.
_FEW_BYTES: Final = 4096
# So many words are read before the end of a number, and behind the start of a line.
_FRONT: Final = bytes(3 * WORD)
_BEHIND: Final = bytes(LONGEST)
# Of a word, its first n bytes.
_FIRST: Final = np.array([(1 << 8 * n) - 1 for n in range(WORD + 1)], dtype=np.uint64)


class Few:
    """A few whole lines, read one by one: as a `Block`, without its preparations.

    Attributes:
        data, first, known: see there.
        lines: without their newlines.
    """

    def __init__(self, data: bytes, first: int, known: KnownMasks) -> None:
        self.data = data
        self.first = first
        self.known = known
        self.lines: Sequence[bytes] = data.split(b"\n")[:-1]

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def outline(self) -> bytes:
        """See there."""
        return self.data

    def line(self, index: int) -> bytes:
        """One line, by its index in the piece."""
        return self.lines[index]

    def part(self, start: int, end: int) -> "Piece":
        """Some of its lines, as a piece of their own."""
        return _part(self, start, end)


class Block:
    """Whole lines, ready for reading by columns.

    Attributes:
        data: their bytes, each line ended by a newline.
        first: number of the first line in the log, from 1.
        known: numbers of masks.
        starts, ends: of each line in `data`, without its newline, int64.
    """

    def __init__(self, data: bytes, first: int, known: KnownMasks) -> None:
        self.data = data
        self.first = first
        self.known = known
        self._padded = b"".join((_FRONT, data, _BEHIND))
        self._raw = np.frombuffer(self._padded, np.uint8, offset=len(_FRONT))
        self.ends = np.flatnonzero(self._raw[: len(data)] == _NEWLINE)
        self.starts = np.empty_like(self.ends)
        self.starts[:1] = 0
        self.starts[1:] = self.ends[:-1] + 1

    def __len__(self) -> int:
        return len(self.ends)

    def line(self, index: int) -> bytes:
        """One line, by its index in the block."""
        return self.data[self.starts[index] : self.ends[index]]

    def part(self, start: int, end: int) -> "Piece":
        """Some of its lines, as a piece of their own."""
        return _part(self, start, end)

    @cached_property
    def lines(self) -> Sequence[bytes]:
        """All lines, without their newlines."""
        return self.data.split(b"\n")[:-1]

    @cached_property
    def _masked(self) -> Bytes:
        """The data with every digit written `0`."""
        digits = ((self._raw - np.uint8(48)) < 10).view(np.uint8)  # noqa: PLR2004
        digits *= np.uint8(0x0F)
        np.invert(digits, out=digits)
        digits &= self._raw
        return digits

    @cached_property
    def varied(self) -> bool:
        """Whether few lines share a mask, here or in the blocks before."""
        if not self.known.varied:
            self.numbers  # noqa: B018 - counts the masks of this block, too
        return self.known.varied

    @cached_property
    def digits(self) -> NDArray[np.bool_]:
        """Whether each line has a digit."""
        if not len(self):
            return np.zeros(0, dtype=bool)
        digits = self._masked[: len(self.data)] == ord("0")
        some: NDArray[np.bool_] = np.logical_or.reduceat(digits, self.starts)
        return some

    @cached_property
    def outline(self) -> bytes:
        """One line of each mask, and those without: what has no digits is found in it.

        Searching all lines would take longer, where many share a mask.
        """
        if self.varied:
            return self.data
        numbers = self.numbers
        some = np.full(int(numbers.max(initial=0)) + 1, -1)
        some[numbers] = np.arange(len(numbers))
        shown = [*some[1:][some[1:] >= 0].tolist(), *np.flatnonzero(numbers == 0)]
        return b"".join([self.line(i) + b"\n" for i in shown])

    @cached_property
    def numbers(self) -> Ints:
        """The number of each line's mask; 0 for those that are read one by one."""
        numbers = np.zeros(len(self), dtype=np.int64)
        words = (self.ends - self.starts + WORD - 1) // WORD
        words = np.minimum(words, LONGEST // WORD + 1).astype(np.uint16)
        # Stable sorting of 16-bit numbers is a radix sort, several times as fast.
        order = words.argsort(kind="stable")
        cuts = np.flatnonzero(np.diff(words[order])) + 1
        for index in np.split(order, cuts):
            size = int(words[index[0]]) if len(index) else 0
            if 0 < size <= LONGEST // WORD and len(index) >= RARE:
                numbers[index] = self.known.numbers(self._masks(index, size))
        return numbers

    def _masks(self, index: Ints, words: int) -> Words:
        """The masks of lines of at most so many words, filled up with zeros."""
        shape = (len(self.data) + 1, WORD * words)
        windows = np.lib.stride_tricks.as_strided(
            self._masked, shape, (1, 1), writeable=False
        )
        starts = self.starts[index]
        masks = windows[starts].view(np.uint64)
        left = self.ends[index] - starts - WORD * (words - 1)
        masks[:, -1] &= _FIRST.take(left)
        return masks

    def before(self, ends: Ints, place: int) -> Words:
        """The word that stands so many words before each place in `data`."""
        front = len(_FRONT) - WORD * (place + 1)
        size = len(self._padded) - front - WORD + 1
        words = np.ndarray((size,), "<u8", self._padded, offset=front, strides=(1,))
        return words[ends]


Piece = Block | Few


def _part(piece: Piece, start: int, end: int) -> Piece:
    if end - start == len(piece):
        return piece
    lines = b"".join(line + b"\n" for line in piece.lines[start:end])
    return whole_lines(lines, piece.first + start, piece.known)


def whole_lines(data: bytes, first: int, known: KnownMasks) -> Piece:
    """Whole lines, each ended by a newline, in the form that is cheaper to read."""
    form = Few if len(data) <= _FEW_BYTES else Block
    return form(data, first, known)
