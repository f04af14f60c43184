"""Exact numbers out of fixed columns of many equal lines at once.

Where the fields of a pattern stand in one line, they stand in every line of its
template.  A field of at most 15 digits is an integer below 2**53 divided or
multiplied by a power of ten up to 10**22: both are exact in float64, so the one
rounding of the division is the correct one (Clinger 1990, "How to read floating
point numbers accurately", the fast path) and equals what `float` gives.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats


_NUMBER: Final = re.compile(
    rb"([+-]?)(\d[\d,]*|)(?:\.(\d*))?(?:[eE]([+-]?)(\d+))?", re.ASCII
)
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
_EXACT_DIGITS: Final = 15
_EXACT_POWER: Final = 22
_POWERS: Final = 10.0 ** np.arange(_EXACT_POWER + 1)


def number(text: bytes) -> float | None:
    """The value of a field, None when it is no number (`n/a`, `null`)."""
    found = _NUMBER.fullmatch(text)
    if found and (found[2] or found[3]):
        return float(text.replace(b",", b""))
    return _WORDS.get(text.lower())


@dataclass(frozen=True, slots=True)
class Column:
    """Where and how one field of a template stands.

    Attributes:
        name: metric or word.
        start, end: its bytes in the line.
        digits: positions of the mantissa's digits in the line.
        decimals: how many of them follow the point.
        sign: 1.0 or -1.0.
        exponent: positions of the exponent's digits; empty without one.
        exponent_sign: 1 or -1.
        constant: the value itself where it has no digits (NaN).
        scale: factor of the printed value.
    """

    name: str
    start: int
    end: int
    digits: tuple[int, ...] = ()
    decimals: int = 0
    sign: float = 1.0
    exponent: tuple[int, ...] = ()
    exponent_sign: int = 1
    constant: float | None = None
    scale: float = 1.0


def column(
    line: bytes, name: str, start: int, end: int, *, scale: float = 1.0
) -> Column | None:
    """How the field at `start` to `end` of a line is read; None if no number."""
    text = line[start:end]
    found = _NUMBER.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        value = _WORDS.get(text.lower())
        return None if value is None else Column(name, start, end, constant=value)
    whole, decimals = found.span(2), found.span(3)
    digits = [i for i in range(*whole) if line[start + i] != ord(",")]
    digits += range(*decimals) if decimals[0] >= 0 else ()
    exponent = range(*found.span(5)) if found[5] else ()
    return Column(
        name,
        start,
        end,
        digits=tuple(start + i for i in digits),
        decimals=len(found[3] or b""),
        sign=-1.0 if found[1] == b"-" else 1.0,
        exponent=tuple(start + i for i in exponent),
        exponent_sign=-1 if found[4] == b"-" else 1,
        scale=scale,
    )


class Plan:
    """Reads the columns of all lines of one template."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.names = tuple(c.name for c in columns)
        self._columns = columns

    def one(self, line: bytes) -> tuple[float, ...]:
        """The values in a single line."""
        return tuple(
            [
                _float(line[c.start : c.end], c) if c.constant is None else c.constant
                for c in self._columns
            ]
        )

    def many(self, data: NDArray[np.uint8], starts: NDArray[np.int64]) -> list[Floats]:
        """The values in equal lines that begin at `starts` (n,) in the bytes `data`."""
        return [_value(data, starts, c) for c in self._columns]


def _value(data: NDArray[np.uint8], starts: NDArray[np.int64], c: Column) -> Floats:
    if c.constant is not None:
        return np.full(len(starts), c.constant)
    if len(c.digits) > _EXACT_DIGITS or c.decimals > _EXACT_POWER:
        return _slow(data, starts, c)
    mantissa = _integer(data, starts, c.digits)
    if c.exponent:
        power = _integer(data, starts, c.exponent) * c.exponent_sign - c.decimals
        if len(power) and np.abs(power).max() > _EXACT_POWER:
            return _slow(data, starts, c)
        scale = _POWERS[np.abs(power)]
        value = np.where(power < 0, mantissa / scale, mantissa * scale)
    elif c.decimals:
        value = mantissa / _POWERS[c.decimals]
    else:
        value = mantissa.astype(np.float64)
    factor = c.sign * c.scale
    return value if factor == 1.0 else value * factor


def _integer(
    data: NDArray[np.uint8], starts: NDArray[np.int64], digits: tuple[int, ...]
) -> NDArray[np.int64]:
    """The integers that the digits at some places of each line make (Horner)."""
    total = np.zeros(len(starts), dtype=np.int64)
    for place in digits:
        total *= 10
        total += data[place:].take(starts)
    # The digits went in as characters: what that added is the same for all.
    total -= ord("0") * sum(10**i for i in range(len(digits)))
    return total


def _slow(data: NDArray[np.uint8], starts: NDArray[np.int64], c: Column) -> Floats:
    """More digits than float64 holds: Python's own reading, line by line."""
    spans = ((at + c.start, at + c.end) for at in starts.tolist())
    values = (_float(data[start:end].tobytes(), c) for start, end in spans)
    return np.fromiter(values, np.float64, len(starts))


def _float(text: bytes, c: Column) -> float:
    return float(text.replace(b",", b"")) * c.scale
