"""Masks that differ in the widths of long numbers only: one of them stands for all.

Patterns may count digits: up to four, and 10 or 13 in a whole number (a time since
1970).  Between these they find all widths alike, but for what has a greatest width, and
for how far apart other things may stand.  So what is found in the narrowest and in the
widest line of a class, where it is the same, is found in all between.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np

from parsers.batch import Ints


# What stands before a run, and the widths of a class.
_CLASSES: Final = (
    (rb"(?<=\.)", 5, 22),
    (rb"(?<![.D])", 5, 9),
    (rb"(?<![.D])", 11, 12),
    (rb"(?<![.D])", 14, 22),
)
_RUN: Final = re.compile(rb"\d++")
# So many digits, or from so many on.
_COUNTED: Final = re.compile(rb"(?:\\d|\[0-9\]){5}|\{(?:[5-9]|[1-9]\d+)(?:,\d*)?\}")


def _runs(before: bytes, digit: bytes, least: int, most: int) -> re.Pattern[bytes]:
    text = before.replace(b"D", digit) + rb"D{%d,%d}+(?!D)" % (least, most)
    return re.compile(text.replace(b"D", digit))


_IN_MASK: Final = tuple((_runs(b, b"0", i, j), b"0" * i) for b, i, j in _CLASSES)
_IN_LINE: Final = tuple((_runs(b, rb"\d", i, j), i, j) for b, i, j in _CLASSES)


def alike(masked: bytes) -> bytes:
    """The narrowest masks of the classes of some masks."""
    for runs, narrowest in _IN_MASK:
        masked = runs.sub(narrowest, masked)
    return masked


def extremes(line: bytes) -> tuple[bytes, bytes]:
    """The narrowest and the widest line of the class of a line."""
    narrow = wide = line
    for runs, least, most in _IN_LINE:
        narrow = runs.sub(lambda run, to=least: run[0][:to], narrow)  # type: ignore[misc]
        wide = runs.sub(lambda run, to=most: run[0].ljust(to, b"0"), wide)  # type: ignore[misc]
    return narrow, wide


@cache
def may_count(regex: bytes) -> bool:
    """Whether an expression may tell apart widths of one class."""
    return bool(_COUNTED.search(regex))


def runs_of(lines: Sequence[bytes]) -> tuple[Ints, Ints]:
    """Where the runs of digits of lines end, and their widths, shape (runs, lines).

    All lines have as many.
    """
    if len(lines) == 1:  # less work than by columns
        spans = [run.span() for run in _RUN.finditer(lines[0])]
        one = np.array(spans, dtype=np.int64).reshape(-1, 2)
        return one[:, 1:], np.diff(one)
    raw = np.frombuffer(b"\n".join([b"", *lines, b""]), np.uint8)
    digits = (raw - np.uint8(ord("0"))) < 10  # noqa: PLR2004
    edges = np.flatnonzero(digits[1:] != digits[:-1]).reshape(len(lines), -1)
    lengths = np.fromiter(map(len, lines), np.int64, len(lines)) + 1
    begins = np.cumsum(lengths) - lengths
    ends = edges[:, 1::2] - begins[:, None]
    return ends.T.copy(), (edges[:, 1::2] - edges[:, ::2]).T.copy()
