"""Exact numbers out of many equal lines at once, whatever the widths of the numbers.

A number is an integer, its digits, over a power of ten.  Where the integer is below
2**53 and the power at most 10**22 both are exact in float64, and the one rounding of
their quotient is the correct one (Clinger 1990, "How to read floating point numbers
accurately").  Longer ones are divided as sums of two doubles, to about 100 bits; the
few quotients too close to the middle between two floats go to `float`.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints
from parsers.engine.known import WORD, Words
from parsers.engine.numbers import Column
from parsers.engine.pieces import Block


Odd = NDArray[np.intp]
Places = int | Ints

_U: Final = np.uint64
_FIT: Final = 19  # digits of an integer below 2**64
_MOST_DIGITS: Final = 24
_EXACT_DIGITS: Final = 15
_EXACT_POWER: Final = 22
_MOST_POWER: Final = 60
_NONE: Final = np.empty(0, np.intp)
_TEN: Final = np.array([10**k for k in range(_FIT + 1)], dtype=_U)
_TEN_8, _TEN_16, _THOUSAND = _U(10**8), _U(10**16), _U(1000)
_POWERS: Final = 10.0 ** np.arange(_EXACT_POWER + 1)
# Of a word, its last n bytes: in memory they are the highest.
_KEEP: Final = np.array(
    [((1 << 8 * n) - 1) << 8 * (WORD - n) for n in range(WORD + 1)], dtype=_U
)
# Eight digits to one integer: pairs, fours, all (Lemire 2022).
_STEPS: Final = tuple(
    (_U(mask), _U(factor), _U(shift))
    for mask, factor, shift in (
        (0x0F0F0F0F0F0F0F0F, 2561, 8),
        (0x00FF00FF00FF00FF, 6553601, 16),
        (0x0000FFFF0000FFFF, 42949672960001, 32),
    )
)
# 10**k as a sum of two doubles, the first of them split in halves (Dekker 1971).
_HIGH: Final = np.array([float(10**k) for k in range(_MOST_POWER + 1)])
_LOW: Final = np.array([float(10**k - int(h)) for k, h in enumerate(_HIGH.tolist())])
_SPLIT: Final = 134217729.0
_HIGH_1: Final = _SPLIT * _HIGH - (_SPLIT * _HIGH - _HIGH)
_HIGH_2: Final = _HIGH - _HIGH_1
_EXPONENT: Final = np.int64(0x7FF0 << 48)
_HALF: Final = np.int64(53 << 52)
_NEAR: Final = 2.0**-20


class Rows:
    """Lines of a block in which the same runs of digits stand.

    Attributes:
        index: of the lines in the block, rising.
    """

    def __init__(self, block: Block, index: Ints, reads: int) -> None:
        """Of the runs of digits the first ones are read, so many."""
        self.index = index
        self._block = block
        self._starts = block.starts[index]
        self._layout = block.known.layout
        masks = block.numbers[index]
        self._firsts = self._layout.firsts.take(masks)
        here = self._layout.firsts[np.flatnonzero(np.bincount(masks))]
        widths = self._layout.widths.take(np.add.outer(np.arange(reads), here))
        self._least = widths.min(axis=1).tolist()
        self._most = widths.max(axis=1).tolist()

    def __len__(self) -> int:
        return len(self.index)

    def values(self, c: Column) -> Floats:
        """A column of numbers, each as `float` reads it."""
        if c.constant is not None:
            return np.full(len(self), c.constant)
        value, odd = self._unsigned(c)
        if c.sign * c.scale != 1.0:
            value *= c.sign * c.scale
        for at in odd.tolist():
            value[at] = float(self._text(c, at)) * c.scale
        return value

    def _unsigned(self, c: Column) -> tuple[Floats, Odd]:
        """Values, and the indices of those that have to be read one by one."""
        digits = sum(self._most[run] for run in c.mantissa)
        exponent = 0 if c.exponent is None else self._most[c.exponent]
        if digits > _MOST_DIGITS or exponent > WORD:
            return np.zeros(len(self)), np.arange(len(self))
        mantissa, odd = self._mantissa(c, digits)
        places = self._places(c)
        if digits > _EXACT_DIGITS or np.max(places) > _EXACT_POWER:
            value, doubtful = _divided(mantissa, places)
            return value, np.union1d(odd, doubtful)
        value = mantissa.view(np.int64).astype(np.float64)
        if np.min(places) >= 0:
            value /= _POWERS[places]
            return value, odd
        low = np.minimum(-places, _EXACT_POWER)
        scaled = np.where(low > 0, value * _POWERS[low], value / _POWERS[-low])
        return scaled, np.flatnonzero(-places > _EXACT_POWER)

    def _mantissa(self, c: Column, digits: int) -> tuple[Words, Odd]:
        """The integers of all digits, and where they have too many."""
        if c.fraction is not None and len(c.whole) == 1:
            joined = self._joined(c.whole[0], c.fraction)
            if joined is not None:
                return joined, _NONE
        total = self._integer(c.mantissa[0])
        for run in c.mantissa[1:]:
            total *= _TEN[np.minimum(self._width(run), _FIT)]
            total += self._integer(run)
        if digits <= _FIT:
            return total, _NONE
        too_long = self._too_long(c)
        total[too_long] = 0
        return total, too_long

    def _too_long(self, c: Column) -> Odd:
        """Lines with more digits than fit, zeros at the front not counted."""
        widths = sum(self._width(run) for run in c.mantissa)
        *front, last = c.mantissa
        filled = np.zeros(len(self), dtype=bool)
        for run in front:
            filled |= self._integer(run) != 0
        if self._most[last] > 2 * WORD:
            filled |= self._word(last, 2) >= _THOUSAND
        return np.flatnonzero((widths > _FIT) & filled)

    def _joined(self, whole: int, fraction: int) -> Words | None:
        """The digits before and behind a point out of one word, if they fit in it."""
        decimals, width = self._most[fraction], self._most[whole]
        if width + 1 + decimals > WORD or self._least[fraction] != decimals:
            return None
        word = self._block.before(self._end(fraction), 0)
        behind = word & _KEEP[decimals]
        word <<= _U(8)
        if self._least[whole] == width:
            word &= _KEEP[width + decimals] ^ _KEEP[decimals]
        else:
            before = _KEEP[decimals:] ^ _KEEP[decimals]
            word &= before.take(self._width(whole))
        word |= behind
        return _combined(word)

    def _integer(self, run: int) -> Words:
        """A run of digits; what is beyond 2**64 is lost."""
        width = self._most[run]
        total = self._word(run, 0)
        if width > WORD:
            total += self._word(run, 1) * _TEN_8
        if width > 2 * WORD:
            total += self._word(run, 2) * _TEN_16
        return total

    def _word(self, run: int, place: int) -> Words:
        """Eight digits of a run, so many words before its end."""
        word = self._block.before(self._end(run), place)
        least, most = self._least[run] - WORD * place, self._most[run] - WORD * place
        if least == most or least >= WORD:
            word &= _KEEP[min(least, WORD)]
        elif place == 0 and most <= WORD:
            word &= _KEEP.take(self._width(run))
        else:
            kept = self._width(run) - WORD * place
            word &= _KEEP.take(kept, mode="clip")
        return _combined(word)

    def _places(self, c: Column) -> Places:
        """The power of ten that the mantissa is divided by."""
        places: Places = 0
        if c.fraction is not None:
            places = self._most[c.fraction]
            if places != self._least[c.fraction]:
                places = self._width(c.fraction)
        if c.exponent is not None:
            power = self._integer(c.exponent).view(np.int64)
            places = places - power * c.exponent_sign
        return places

    def _width(self, run: int) -> Ints:
        width: Ints = self._layout.widths.take(self._firsts + run)
        return width

    def _end(self, run: int) -> Ints:
        end: Ints = self._layout.ends.take(self._firsts + run)
        end += self._starts
        return end

    def _text(self, c: Column, at: int) -> bytes:
        runs, start = self._firsts[at], self._starts[at]
        first, last = runs + c.runs[0], runs + c.runs[-1]
        ends, widths = self._layout.ends, self._layout.widths
        begin = ends[first] - widths[first] - c.before
        end = ends[last] + c.behind
        return self._block.data[start + begin : start + end].replace(b",", b"")


def _combined(word: Words) -> Words:
    """The integers that eight characters each make; changes `word`."""
    for mask, factor, shift in _STEPS:
        word &= mask
        word *= factor
        word >>= shift
    return word


def _divided(mantissa: Words, places: Places) -> tuple[Floats, Odd]:
    """Quotients by powers of ten, and where they may be rounded wrong."""
    k = np.clip(places, 0, _MOST_POWER)
    high = mantissa.astype(np.float64)
    low = (mantissa - high.astype(_U)).view(np.int64).astype(np.float64)
    divisor = _HIGH[k]
    first = high / divisor
    rest = _remainder(high, first, k)
    rest += low
    rest -= first * _LOW[k]
    rest /= divisor
    value = first + rest
    error = np.abs(rest - (value - first))
    half = ((value.view(np.int64) & _EXPONENT) - _HALF).view(np.float64)
    # Below a power of two the floats are twice as dense.
    doubtful = np.abs(error - half) <= half * _NEAR
    doubtful |= np.abs(error - half / 2) <= half * _NEAR
    doubtful &= mantissa != 0
    return value, np.flatnonzero(doubtful | (k != places))


def _remainder(high: Floats, quotient: Floats, k: Places) -> Floats:
    """What is left of `high` without `quotient` times 10**k, exactly (Dekker)."""
    product = quotient * _HIGH[k]
    split = quotient * _SPLIT
    one = split - (split - quotient)
    two = quotient - one
    error = one * _HIGH_1[k] - product
    error += one * _HIGH_2[k]
    error += two * _HIGH_1[k]
    error += two * _HIGH_2[k]
    rest: Floats = (high - product) - error
    return rest
