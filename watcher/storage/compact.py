"""Columns in a fraction of their bytes: decimals as integers, and their differences.

What a log prints are decimals: `2.3145` is 23145 / 10**4, bit by bit.  So a column is
integers, these are differences, and of these the first bytes stand together, then the
second ones: zlib finds them to be alike.  A column that is not so stays as it is.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints


# Decimals (or _RAW), bytes of each difference, and the first integer.
_HEADER: Final = struct.Struct("<bBq")
_RAW: Final = -1
_MOST_DECIMALS: Final = 9
# Integers up to this are floats, too.
_EXACT: Final = float(1 << 53)
_TRIED: Final = 8
_LEVEL: Final = 1


def compressed(values: Sequence[Floats], numbers: Sequence[Ints]) -> bytes:
    """Columns of floats, then of integers, all of one length, which is above 1."""
    columns = [_floats(column) for column in values]
    columns += [_integers(column, 0) for column in numbers]
    return zlib.compress(b"".join(columns), _LEVEL)


class Compact:
    """Columns that were compressed; each is read when it is asked for."""

    def __init__(self, data: bytes, records: int) -> None:
        self._data = zlib.decompress(data)
        self._records = records

    def floats(self, index: int) -> Floats:
        """A column of floats by its place; shape (records,)."""
        at = self._place(index)
        decimals = _HEADER.unpack_from(self._data, at)[0]
        found: Floats
        if decimals == _RAW:
            found = self._joined(at, "<f8")
        else:
            found = self._integers(at) / 10.0**decimals
        return found

    def integers(self, index: int) -> Ints:
        """A column of integers by its place; shape (records,)."""
        return self._integers(self._place(index))

    def _integers(self, at: int) -> Ints:
        _, width, first = _HEADER.unpack_from(self._data, at)
        found = np.empty(self._records, np.int64)
        found[0] = first
        found[1:] = self._joined(at, f"<i{width}")
        return found.cumsum()

    def _joined(self, at: int, kind: str) -> NDArray[Any]:
        """The numbers whose bytes stand in planes."""
        planes = self._data[at + _HEADER.size : at + self._size(at)]
        width = np.dtype(kind).itemsize
        rows = np.frombuffer(planes, np.uint8).reshape(width, -1).T
        return np.ascontiguousarray(rows).view(kind).ravel()

    def _place(self, index: int) -> int:
        at = 0
        for _ in range(index):
            at += self._size(at)
        return at

    def _size(self, at: int) -> int:
        decimals, width, _ = _HEADER.unpack_from(self._data, at)
        numbers: int = width * (self._records - (decimals != _RAW))
        return _HEADER.size + numbers


def _floats(column: Floats) -> bytes:
    decimals = _decimals(column)
    if decimals is None:
        return _HEADER.pack(_RAW, 8, 0) + _planes(column.astype("<f8"))
    return _integers(_scaled(column, decimals), decimals)


def _decimals(column: Floats) -> int | None:
    """With how many decimals all numbers were printed; None where that is not so."""
    largest = float(np.abs(column).max())
    for decimals in range(1, _MOST_DECIMALS + 1):
        if not largest * 10.0**decimals < _EXACT:  # not of NaN
            return None
        if _is(column[:_TRIED], decimals) and _is(column, decimals):
            return decimals
    return None


def _is(column: Floats, decimals: int) -> bool:
    """Whether the numbers are such decimals, bit by bit: -0.0 is none."""
    again = _scaled(column, decimals) / 10.0**decimals
    return bool((again.view(np.int64) == column.view(np.int64)).all())


def _scaled(column: Floats, decimals: int) -> Ints:
    return np.rint(column * 10.0**decimals).astype(np.int64)


def _integers(column: Ints, decimals: int) -> bytes:
    differences = np.diff(column)
    width = _width(differences)
    header = _HEADER.pack(decimals, width, int(column[0]))
    return header + _planes(differences.astype(f"<i{width}"))


def _width(differences: Ints) -> int:
    ends = int(differences.min()), int(differences.max())
    bits = max((n if n >= 0 else ~n).bit_length() for n in ends) + 1
    return next(width for width in (1, 2, 4, 8) if bits <= 8 * width)


def _planes(column: NDArray[Any]) -> bytes:
    """The first bytes of all numbers, then the second ones, and so on."""
    return column.view(np.uint8).reshape(len(column), -1).T.tobytes()
