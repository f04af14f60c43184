"""The noise floor of a curve, and the significance of a rise above its minimum.

Second differences |y[i+1] - 2 y[i] + y[i-1]| cancel a straight trend; those of
independent values with standard deviation sigma have sqrt(1 + 4 + 1) sigma (a
difference-based estimate: Gasser, Sroka and Jennen-Steinmetz, Biometrika 73, 1986).
Their median times 1.4826 is their standard deviation if they are normal, and outliers
do not move it (MAD: Rousseeuw and Croux, JASA 88, 1993).
"""

import math
from collections.abc import Sequence
from statistics import median
from typing import Final

import numpy as np

from parsers.batch import Floats


# Standard deviation of single values per median second difference.
_SIGMA_PER_MEDIAN: Final = 1.4826 / math.sqrt(6)
# Expected distance of the minimum of n normal values from their mean, in standard
# deviations: 1.5 for n = 10, 2.5 for 100, 3 for 400; half of ln(n + 1) approximates it.
_MINIMUM_BIAS: Final = 0.5
_MAX_MINIMUM_BIAS: Final = 3.0
# The trailing estimate: blocks of 32 second differences, the largest of the last 8.
BLOCK: Final = 32
_BLOCKS: Final = 8
_MIN_DIFFERENCES: Final = 8
# The estimate at a value stands on values before the three of its own median.
_LAG: Final = 3
# Values processed at a time, so that temporaries stay small however long the log.
_CHUNK: Final = 1 << 15


def second_differences(y: Sequence[float]) -> list[float]:
    """Absolute second differences, two fewer than the values."""
    return [abs(c - 2 * b + a) for a, b, c in zip(y, y[1:], y[2:], strict=False)]


def sigma(differences: Sequence[float]) -> tuple[float, int]:
    """Standard deviation of single values, and its degrees of freedom.

    From at least one second difference.  A few may agree by chance: the estimate is
    inflated by 1 + 2 / k.
    """
    k = len(differences)
    return _SIGMA_PER_MEDIAN * median(differences) * (1 + 2 / k), k


def minimum_bias(n: float) -> float:
    """Selection bias of the minimum of n values, in standard deviations."""
    return min(_MAX_MINIMUM_BIAS, _MINIMUM_BIAS * math.log(n + 1))


def student_cdf(t: float, freedom: int) -> float:
    """P(T < t) of Student's t (normal approximation: Wallace, AMS 30, 1959)."""
    factor = 0.75 if freedom == 1 else 1 - 1 / (4 * freedom)
    size = factor * math.sqrt(freedom * math.log1p(t * t / freedom))
    return 0.5 * (1 + math.erf(math.copysign(size, t) / math.sqrt(2)))


def trailing_sigma(values: Floats, *, begins: bool = True) -> Floats:
    """Standard deviation of single values, as known before the last three; shape (n,).

    Of all second differences while they are few, then the largest of the last eight
    block medians, since one block may be quiet by chance.  Infinite until known.
    `begins`: whether the first value is that of the curve, not of a later block, where
    it is known only after nine blocks.
    """
    result = np.full(len(values), np.inf)
    early = _second_differences(values[: BLOCK + 1] if begins else values[:0])
    for k in range(_MIN_DIFFERENCES, min(BLOCK, len(values) - _LAG - 1) * begins):
        result[k + _LAG + 1] = np.median(early[:k])
    largest = _trailing_max(_block_medians(values))
    later = result[BLOCK + _LAG + 1 :]
    for at in range(0, len(later), _CHUNK):
        blocks = largest[at // BLOCK : (at + _CHUNK) // BLOCK]
        part = later[at : at + _CHUNK]
        part[:] = np.repeat(blocks, BLOCK)[: len(part)]
    result *= _SIGMA_PER_MEDIAN
    return result


def _block_medians(values: Floats) -> Floats:
    """Median absolute second difference of each whole block."""
    last = (len(values) - 2) // BLOCK * BLOCK
    found = [np.empty(0)]
    for at in range(0, last, _CHUNK):
        differences = _second_differences(values[at : min(at + _CHUNK, last) + 2])
        found.append(np.median(differences.reshape(-1, BLOCK), axis=1))
    return np.concatenate(found)


def _trailing_max(blocks: Floats) -> Floats:
    """The maximum of the last eight at each."""
    largest = blocks.copy()
    for back in range(1, _BLOCKS):
        np.maximum(largest[back:], blocks[:-back], out=largest[back:])
    return largest


def _second_differences(values: Floats) -> Floats:
    return np.asarray(np.abs(values[2:] - 2 * values[1:-1] + values[:-2]))
