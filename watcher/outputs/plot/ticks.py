"""Round numbers for axes, and how they are written there.

Linear ticks are those of matplotlib's MaxNLocator.  Its LogLocator labels powers of
ten, so that a loss that falls from 3.4 to 3.1 has no label at all: a log axis gets the
plain numbers of a linear one or of a ruler for logarithms, whichever cover it better.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.ticker import MaxNLocator


MINUS = "\N{MINUS SIGN}"
# Labels are 8.5 points high: with less than this share of the small panels' height
# between two of them they would touch.
_GAP = 0.13
_MOST = 7
_STEPS = [1, 2, 2.5, 5, 10]
# Within a decade, from dense to sparse; what a ruler for logarithms shows.
_DECADES = (
    (1, 1.5, 2, 3, 4, 5, 6, 8),
    (1, 1.5, 2, 3, 5, 7),
    (1, 2, 3, 5),
    (1, 2, 5),
    (1, 3),
    (1,),
)
_SUFFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
# "0.0001" and "10000" are slower to read than 1e-4 and 10k.
_SMALL, _LARGE = 1e-3, 1e3
# Float noise in a tick (0.30000000000000004) is far below this share of a step.
_NOISE = 1e-6
# 0.5, 2, 10 look best without common decimals.
_APART = 50


@dataclass(frozen=True, slots=True)
class Scale:
    """The range of an axis, logarithmic or not."""

    low: float
    high: float
    log: bool = False

    def at(self, value: float) -> float:
        """Place a value: 0 at the low end, 1 at the high one."""
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        if value <= 0:
            return -math.inf
        return math.log(value / self.low) / math.log(self.high / self.low)


def ticks(scale: Scale, *, most: int = _MOST, gap: float = _GAP) -> list[float]:
    """Choose round numbers inside the scale, as many as fit, at most `most`."""
    options = [*_linear_options(scale, most)]
    if scale.log:
        options += _log_options(scale)
    fitting = [option for option in options if _fits(scale, option, most, gap)]
    return max(fitting, key=lambda option: _quality(scale, option), default=[])


def _quality(scale: Scale, option: Sequence[float]) -> float:
    """Prefer many ticks that cover the axis evenly: the largest hole counts."""
    places = [0.0, *(scale.at(tick) for tick in option), 1.0]
    hole = max(b - a for a, b in pairwise(places))
    return len(option) / _MOST - 2 * hole


def _fits(scale: Scale, option: Sequence[float], most: int, gap: float) -> bool:
    places = [scale.at(tick) for tick in option]
    wide = all(b - a >= gap for a, b in pairwise(places))
    return 0 < len(option) <= most and wide


def _linear_options(scale: Scale, most: int) -> Iterator[list[float]]:
    """Yield multiples of 1, 2, 2.5 and 5 that lie on the scale, dense to sparse."""
    for bins in range(most, 0, -1):
        locator = MaxNLocator(bins, steps=_STEPS)
        ticks = np.asarray(locator.tick_values(scale.low, scale.high)).tolist()
        yield [
            tick
            for tick in ticks
            if _within(scale, tick) and (tick > 0 or not scale.log)
        ]


def _log_options(scale: Scale) -> Iterator[list[float]]:
    """Yield round numbers decade by decade, then every second decade and so on."""
    low = math.floor(math.log10(scale.low))
    high = math.ceil(math.log10(scale.high))
    for digits in _DECADES if high - low < _MOST * 2 else ():
        every = (_power(d, k) for k in range(low, high + 1) for d in digits)
        yield [tick for tick in every if _within(scale, tick)]
    stride = max(1, (high - low) // _MOST)
    for jump in (stride, stride + 1, 2 * stride + 1):
        every = (_power(1, k) for k in range(low, high + 1) if k % jump == 0)
        yield [tick for tick in every if _within(scale, tick)]


def _power(digit: float, exponent: int) -> float:
    """Write d·10^k by way of text: 3 * 10**-1 is 0.30000000000000004."""
    return float(f"{digit}e{exponent}")


def _within(scale: Scale, tick: float) -> bool:
    return -_NOISE <= scale.at(tick) <= 1 + _NOISE


def labels(values: Sequence[float]) -> list[str]:
    """Write the ticks of one axis alike: 0.5, 1.0, 1.5; or 500, 1k, 1.5k."""
    sizes = [abs(value) for value in values if value]
    largest, smallest = max(sizes, default=1.0), min(sizes, default=1.0)
    if largest >= _LARGE or smallest < _SMALL or largest >= _APART * smallest:
        return _distinct(values)
    places = max((_decimals(value) for value in values), default=0)
    texts = [f"{value:.{places}f}".replace("-", MINUS) for value in values]
    return texts if len(set(texts)) == len(values) else _distinct(values)


def _distinct(values: Sequence[float]) -> list[str]:
    """Write numbers with as many digits as it takes to distinguish them."""
    for digits in range(4, 16):
        texts = [brief(value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def _decimals(value: float) -> int:
    """Count the decimals that a number needs, four at most."""
    for places in range(4):
        if math.isclose(value, round(value, places), rel_tol=_NOISE, abs_tol=0):
            return places
    return 4


def brief(value: float, digits: int = 4) -> str:
    """Write a number in at most seven characters: 0, 0.25, 12k, 1.5M, 1e-5."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else MINUS + "∞"
    size = abs(value)
    if size and (size < _SMALL or size >= 1000 * _SUFFIXES[0][0]):
        mantissa, exponent = f"{value:.{max(digits - 3, 0)}e}".split("e")
        return f"{_bare(mantissa)}e{int(exponent)}".replace("-", MINUS)
    for unit, suffix in _SUFFIXES:
        if size >= unit:
            return (
                _bare(f"{value / unit:.{_places(size / unit, digits - 1)}f}") + suffix
            )
    return _bare(f"{value:.{_places(size, digits)}f}").replace("-", MINUS)


def _bare(number: str) -> str:
    """Drop zeros at the end of decimals."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def _places(size: float, digits: int) -> int:
    whole = math.floor(math.log10(size)) + 1 if size else 1
    return max(0, digits - max(whole, 0))
