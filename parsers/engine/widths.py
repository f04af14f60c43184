"""Masks that differ in the widths of some numbers only: one of them stands for all.

Patterns may count the digits of dates and times, and of groups of thousands; a time
since 1970 has 10 or 13.  Of other numbers they find all widths alike, but for what has
a greatest width, and for how far apart other things may stand.  So what is found in the
narrowest and in the widest line of a class, where it is the same, is found in all
between.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final

import numpy as np

from parsers.batch import Ints


# Numbers (`D` is a digit), and the least and the greatest width of each run in them.
# A literal comes first: the search for it is fast.
_CLASSES: Final = (
    (rb"D(?<![\w.,/]D)(?<!D:D)D{0,8}+\.D{1,9}+(?![.D])", ((1, 9), (1, 9))),
    (rb"D(?<![\w.,/]D)(?<!D:D)D{0,2}+\.D{10,20}+(?![.D])", ((1, 3), (10, 20))),
    (rb"D(?<![\w.,/-]D)(?<!D:D)D{0,8}+/D{1,9}+(?![\w.,/-])(?!:D)", ((1, 9), (1, 9))),
    (rb"D(?<![\w.,/-]D)(?<!D:D)D{0,8}+(?![\w.,/-])(?!:D)", ((1, 9),)),
    (rb"D(?<=\.D)D{9,19}+(?!D)", ((10, 20),)),
    (rb"D(?<![.D]D)D{4,8}+(?!D)", ((5, 9),)),
    (rb"D(?<![.D]D)D{10,11}+(?!D)", ((11, 12),)),
    (rb"D(?<![.D]D)D{13,21}+(?!D)", ((14, 22),)),
)


def _narrowest(text: bytes, runs: Sequence[tuple[int, int]]) -> bytes:
    joint = b"/" if b"/D" in text else b"."
    return joint.join([b"0" * least for least, _ in runs])


_IN_MASK: Final = tuple(
    (re.compile(text.replace(b"D", b"0")), _narrowest(text, runs))
    for text, runs in _CLASSES
)
_IN_LINE: Final = re.compile(
    b"|".join(b"(%b)" % text.replace(b"D", rb"\d") for text, _ in _CLASSES)
)
_RUN: Final = re.compile(rb"\d++")
_SET: Final = re.compile(rb"(?s)\[\^?\]?(?:\\.|[^\]\\])*+(?:\]|\\?\Z)")
_HAS_DIGITS: Final = re.compile(rb"\\[dwS]|\d-\d|\[\^")
# So many digits, or from so many on; `%` is a set that has digits.
_COUNTED: Final = re.compile(
    rb"(?:(?:\\[dwS]|(?<!\\)\.|%)(?![*?]|\{0)){2}|\{(?:[2-9]|[1-9]\d+)(?:,\d*)?\}"
)


@lru_cache(2)  # several readers of a log learn the same masks
def alike(masked: bytes) -> bytes:
    """The narrowest masks of the classes of some masks."""
    for numbers, narrowest in _IN_MASK:
        masked = numbers.sub(narrowest, masked)
    return masked


def extremes(line: bytes) -> tuple[bytes, bytes]:
    """The narrowest and the widest line of the class of a line."""
    narrow, wide, end = list[bytes](), list[bytes](), 0
    for number in _IN_LINE.finditer(line):
        widths = _CLASSES[(number.lastindex or 1) - 1][1]
        for run, (least, most) in zip(
            _RUN.finditer(line, *number.span()), widths, strict=True
        ):
            between, digits = line[end : run.start()], run[0]
            narrow += between, digits[:least]
            wide += between, digits.ljust(most, b"0")
            end = run.end()
    return b"".join([*narrow, line[end:]]), b"".join([*wide, line[end:]])


@cache
def may_count(regex: bytes) -> bool:
    """Whether an expression may tell apart widths of one class."""
    sets = _SET.sub(lambda s: b"%" if _HAS_DIGITS.search(s[0]) else b" ", regex)
    return bool(_COUNTED.search(sets))


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
