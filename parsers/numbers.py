"""Exact numbers out of fixed columns of many equal lines at once.

Where the fields of a shape stand in one line, they stand in every line of its
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
        positions = [p for c in columns for p in (*c.digits, *c.exponent)]
        self._positions = np.array(positions, dtype=np.intp)
        self._weights = np.zeros((len(positions), 2 * len(columns)))
        row = 0
        for k, c in enumerate(columns):
            for group, at in ((c.digits, 2 * k), (c.exponent, 2 * k + 1)):
                powers = 10.0 ** np.arange(len(group) - 1, -1, -1)
                self._weights[row : row + len(group), at] = powers
                row += len(group)

    def one(self, line: bytes) -> tuple[float, ...]:
        """The values in a single line."""
        return tuple(
            c.constant
            if c.constant is not None
            else float(line[c.start : c.end].replace(b",", b"")) * c.scale
            for c in self._columns
        )

    def many(self, rows: NDArray[np.uint8]) -> list[Floats]:
        """The values in equal lines: rows of bytes, shape (n, length of a line)."""
        digits = rows[:, self._positions].astype(np.float64)
        digits -= ord("0")
        integers = digits @ self._weights
        return [
            self._value(rows, c, integers[:, 2 * k], integers[:, 2 * k + 1])
            for k, c in enumerate(self._columns)
        ]

    def _value(
        self, rows: NDArray[np.uint8], c: Column, mantissa: Floats, power: Floats
    ) -> Floats:
        if c.constant is not None:
            return np.full(len(rows), c.constant)
        if len(c.digits) > _EXACT_DIGITS or c.decimals > _EXACT_POWER:
            return _slow(rows, c)
        if c.exponent:
            net = (power * c.exponent_sign).astype(np.int64) - c.decimals
            if len(net) and np.abs(net).max() > _EXACT_POWER:
                return _slow(rows, c)
            scale = _POWERS[np.abs(net)]
            value = np.where(net < 0, mantissa / scale, mantissa * scale)
        elif c.decimals:
            value = mantissa / _POWERS[c.decimals]
        else:
            value = mantissa.copy()
        factor = c.sign * c.scale
        return value if factor == 1.0 else value * factor


def _slow(rows: NDArray[np.uint8], c: Column) -> Floats:
    """More digits than float64 holds: Python's own reading, line by line."""
    fields = rows[:, c.start : c.end]
    texts = (row.tobytes().replace(b",", b"") for row in fields)
    return np.fromiter((float(t) for t in texts), np.float64, len(fields)) * c.scale
