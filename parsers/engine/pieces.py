"""Whole lines of a log, in the form that is cheaper to read: `Block` or `Few`."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Ints


Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]

MASK: Final = bytes.maketrans(b"123456789", b"0" * 9)
WORD: Final = 8
# Longer lines are read one by one.
LONGEST: Final = 1024
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
        data, first: see there.
        lines: without their newlines.
    """

    def __init__(self, data: bytes, first: int) -> None:
        self.data = data
        self.first = first
        self.lines: Sequence[bytes] = data.split(b"\n")[:-1]

    def __len__(self) -> int:
        return len(self.lines)

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
        starts, ends: of each line in `data`, without its newline, int64.
    """

    def __init__(self, data: bytes, first: int) -> None:
        self.data = data
        self.first = first
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

    def masks(self, index: Ints, words: int) -> Words:
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
    return whole_lines(lines, piece.first + start)


def whole_lines(data: bytes, first: int) -> Piece:
    """Whole lines, each ended by a newline, in the form that is cheaper to read."""
    return Few(data, first) if len(data) <= _FEW_BYTES else Block(data, first)
