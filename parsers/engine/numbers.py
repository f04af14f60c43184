"""Numbers in lines that are equal but for their digits: where and how they stand."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np


_NUMBER: Final = re.compile(
    rb"([+-]?)(\d[\d,]*|)(?:\.(\d*))?(?:[eE]([+-]?)(\d+))?", re.ASCII
)
_RUN: Final = re.compile(rb"\d++")
_WORDS: Final = {
    b"nan": np.nan,
    b"+nan": np.nan,
    b"-nan": np.nan,
    b"inf": np.inf,
    b"+inf": np.inf,
    b"-inf": -np.inf,
    b"infinity": np.inf,
    b"-infinity": -np.inf,
}


def number(text: bytes) -> float | None:
    """The value of a field, None when it is no number (`n/a`, `null`)."""
    found = _NUMBER.fullmatch(text)
    if found and (found[2] or found[3]):
        return float(text.replace(b",", b""))
    return _WORDS.get(text.lower())


class UnalignedError(ValueError):
    """A field begins or ends within a run of digits: columns cannot read it."""


@dataclass(frozen=True, slots=True)
class Span:
    """A field of one line, and of all that differ from it in their digits only.

    Attributes:
        start, end: its bytes in the line.
        constant: its value where it has no digits (NaN).
        scale: factor of the printed value.
        plain: whether `float` reads the very text.
    """

    start: int
    end: int
    constant: float | None
    scale: float
    plain: bool

    def value(self, line: bytes) -> float:
        """The field in a line."""
        if self.constant is not None:
            return self.constant
        return float(line[self.start : self.end].replace(b",", b"")) * self.scale


@dataclass(frozen=True, slots=True)
class Column:
    """A field of all lines that differ in the width and the digits of their numbers.

    Attributes:
        name: metric or word.
        whole: the runs of digits before the point, counted within the line.
        fraction: the run behind the point, None without.
        exponent: the run of the exponent, None without.
        sign, exponent_sign: 1 or -1.
        before, behind: bytes of the field before its first and behind its last run.
        constant, scale: see `Span`.
    """

    name: str
    whole: tuple[int, ...] = ()
    fraction: int | None = None
    exponent: int | None = None
    sign: int = 1
    exponent_sign: int = 1
    before: int = 0
    behind: int = 0
    constant: float | None = None
    scale: float = 1.0

    @property
    def mantissa(self) -> tuple[int, ...]:
        """The runs of its digits but those of the exponent, in order."""
        return self.whole if self.fraction is None else (*self.whole, self.fraction)

    @property
    def runs(self) -> tuple[int, ...]:
        """All its runs, in order."""
        return (
            self.mantissa if self.exponent is None else (*self.mantissa, self.exponent)
        )


def span(line: bytes, start: int, end: int, scale: float) -> Span | None:
    """The field at `start` to `end` of a line; None if it is no number."""
    text = line[start:end]
    found = _NUMBER.fullmatch(text)
    if found and (found[2] or found[3]):
        plain = scale == 1.0 and b"," not in text
        return Span(start, end, None, scale, plain)
    constant = _WORDS.get(text.lower())
    return None if constant is None else Span(start, end, constant, scale, plain=False)


def runs(line: bytes) -> Mapping[int, tuple[int, int]]:
    """The runs of digits of a line: where each begins, which it is, where it ends."""
    found = enumerate(_RUN.finditer(line))
    return {run.start(): (at, run.end()) for at, run in found}


def column(
    line: bytes, known: Mapping[int, tuple[int, int]], name: str, field: Span
) -> Column:
    """How a field of a line is read by columns; `known` are the runs of the line.

    Raises:
        UnalignedError: it begins or ends within a run of digits.
    """
    if field.constant is not None:
        return Column(name, constant=field.constant, scale=field.scale)
    found = _NUMBER.fullmatch(line, field.start, field.end)
    assert found is not None
    whole = tuple(_run(known, *m.span()) for m in _RUN.finditer(line, *found.span(2)))
    fraction = _run(known, *found.span(3)) if found[3] else None
    exponent = _run(known, *found.span(5)) if found[5] else None
    ends = [found.end(group) for group in (2, 3, 5) if found[group]]
    begin = found.start(2) if found[2] else found.start(3)
    last = ends[-1]
    if ends[-1] == found.end(2):  # `14,`
        last = begin + len(found[2].rstrip(b","))
    return Column(
        name,
        whole,
        fraction,
        exponent,
        sign=-1 if found[1] == b"-" else 1,
        exponent_sign=-1 if found[4] == b"-" else 1,
        before=begin - field.start,
        behind=field.end - last,
        scale=field.scale,
    )


def _run(known: Mapping[int, tuple[int, int]], start: int, end: int) -> int:
    at, its_end = known.get(start, (-1, -1))
    if its_end != end:
        raise UnalignedError
    return at
