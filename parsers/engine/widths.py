"""Masks that differ in the widths of some numbers only: one of them stands for all.

Patterns may count the digits of dates and times, and of groups of thousands; a time
since 1970 has 10 or 13.  Of other numbers they find all widths alike, but for what has
a greatest width, and for how far apart other things may stand.  So what is found in the
narrowest and in the widest line of a class, where it is the same, is found in all
between.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Ints


_Marks = NDArray[np.bool_]

_SHORT: Final = 9
_LONG: Final = 20
_SHORT_WHOLE: Final = 3
# Widths of other runs of digits, from and to, that are not distinguished.
_ALONE: Final = ((5, 9), (11, 12), (14, 22))
_SET: Final = re.compile(rb"(?s)\[\^?\]?(?:\\.|[^\]\\])*+(?:\]|\\?\Z)")
_HAS_DIGITS: Final = re.compile(rb"\\[dwS]|\d-\d|\[\^")
# So many digits, or from so many on; `%` is a set that has digits.
_COUNTED: Final = re.compile(
    rb"(?:(?:\\[dwS]|(?<!\\)\.|%)(?![*?]|\{0)){2}|\{(?:[2-9]|[1-9]\d+)(?:,\d*)?\}"
)


def _among(characters: bytes) -> _Marks:
    marks = np.zeros(1 << 8, dtype=bool)
    marks[list(characters)] = True
    return marks


_LETTERS: Final = rb"_abcdefghijklmnopqrstuvwxyz" + rb"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_IN_NAME: Final = _among(_LETTERS + b".,/")
_IN_DATE: Final = _among(_LETTERS + b".,/-")


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of digits of some lines, one line after the other.

    Attributes:
        counts: of each line.
        ends, widths: of each run; where it ends in its line.
        least, most: widths of each in the narrowest and in the widest line.
        narrowest: the lines with their narrowest runs.
    """

    counts: Ints
    ends: Ints
    widths: Ints
    least: Ints
    most: Ints
    narrowest: Sequence[bytes]


def runs_of(lines: Sequence[bytes]) -> Runs:
    """The runs of digits of lines, and in what widths each of them may vary."""
    text = b"\n".join([b"", *lines, b"\n"])
    raw = np.frombuffer(text, np.uint8)
    digits = (raw - np.uint8(ord("0"))) < 10  # noqa: PLR2004
    edges = np.flatnonzero(digits[1:] != digits[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    widths = ends - starts
    least, most = _variation(raw, starts, ends)
    begins = np.flatnonzero(raw == ord("\n"))[: len(lines) + 1]
    of_line = ends.searchsorted(begins, side="right")
    counts = np.diff(of_line)
    dropped = np.zeros(len(raw), dtype=np.int8)
    narrowed = np.flatnonzero(least < widths)
    dropped[starts[narrowed] + least[narrowed]] = 1
    dropped[ends[narrowed]] = -1
    kept = raw[np.cumsum(dropped, dtype=np.int8) == 0].tobytes()
    narrowest = kept.split(b"\n")[1 : len(lines) + 1]
    in_line = ends - np.repeat(begins[:-1] + 1, counts)
    return Runs(counts, in_line, widths, least, most, narrowest)


def _variation(raw: NDArray[np.uint8], starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """The least and the greatest width of each run of digits."""
    widths = ends - starts
    least, most = widths.copy(), widths.copy()
    before, after = raw[starts - 1], raw[ends]
    clock_before = (before == ord(":")) & _is_digit(raw[starts - 2])
    clock_after = (after == ord(":")) & _is_digit(raw[ends + 1])
    short = widths <= _SHORT

    # `12.25`, `12/64`: two runs with a sign between them
    following = np.append(starts[1:] == ends[:-1] + 1, False)[: len(starts)]
    second = np.minimum(np.arange(len(starts)) + 1, max(len(starts) - 1, 0))
    free = ~_IN_NAME[before] & ~clock_before
    decimal = free & following & (after == ord(".")) & (after[second] != ord("."))
    free &= before != ord("-")
    ends_free = ~_IN_DATE[after] & ~clock_after
    ratio = free & following & (after == ord("/")) & ends_free[second]
    for where, (low, high), (low_2, high_2) in (
        (decimal, (1, _SHORT), (1, _SHORT)),
        (decimal, (1, _SHORT_WHOLE), (_SHORT + 1, _LONG)),
        (ratio, (1, _SHORT), (1, _SHORT)),
    ):
        fits = where & (widths <= high)
        fits &= (widths[second] >= low_2) & (widths[second] <= high_2)
        at = np.flatnonzero(fits)
        least[at], most[at] = low, high
        least[second[at]], most[second[at]] = low_2, high_2

    whole = free & short & ends_free
    least[whole], most[whole] = 1, _SHORT
    behind = (before == ord(".")) & (widths > _SHORT) & (widths <= _LONG)
    least[behind], most[behind] = _SHORT + 1, _LONG
    other = (before != ord(".")) & (least == widths) & (most == widths)
    for low, high in _ALONE:
        fits = other & (widths >= low) & (widths <= high)
        least[fits], most[fits] = low, high
    return least, most


def _is_digit(letters: NDArray[np.uint8]) -> _Marks:
    return (letters - np.uint8(ord("0"))) < 10  # noqa: PLR2004


def extremes(line: bytes) -> tuple[bytes, bytes]:
    """The narrowest and the widest line of the class of a line."""
    found = runs_of([line])
    narrow, wide, end = list[bytes](), list[bytes](), 0
    for k, stop in enumerate(found.ends.tolist()):
        start = stop - int(found.widths[k])
        narrow += line[end:start], line[start : start + int(found.least[k])]
        wide += line[end:start], line[start:stop].ljust(int(found.most[k]), b"0")
        end = stop
    return b"".join([*narrow, line[end:]]), b"".join([*wide, line[end:]])


@cache
def may_count(regex: bytes) -> bool:
    """Whether an expression may tell apart widths of one class."""
    sets = _SET.sub(lambda s: b"%" if _HAS_DIGITS.search(s[0]) else b" ", regex)
    return bool(_COUNTED.search(sets))
