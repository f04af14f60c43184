"""How often values occur: medians of curves that grow, in memory that does not."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from parsers.batch import Floats, Ints


# Printed numbers have few digits, so that few are distinct; a value costs 16 bytes.
_MOST: Final = 4096
_MANTISSA: Final = 52


Counted = tuple[Floats, Ints]


class Distribution:
    """Finite values and how often each occurs.

    Exact as long as few are distinct; then values are rounded to fewer and fewer bits.
    What is kept depends on the values alone, not on their order nor on how they came.
    """

    def __init__(self) -> None:
        self._keys: Ints = np.empty(0, np.int64)  # bits of the values, ordered as they
        self._counts: Ints = np.empty(0, np.int64)
        self._dropped = 0  # bits of the mantissa
        self._counted: Counted | None = None

    def __len__(self) -> int:
        return int(self._counts.sum())

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_counted": None}

    def add(self, values: Floats) -> None:
        """Counts values; those that are not finite are left out."""
        finite = np.isfinite(values)
        if not finite.all():
            values = values[finite]
        if len(values):
            keys, counts = np.unique(
                _rounded(_ordered(values), self._dropped), return_counts=True
            )
            self._merge(keys, counts)

    def counted(self) -> Counted:
        """The values, rising, and how often each occurs."""
        if self._counted is None:
            half = 1 << self._dropped >> 1
            self._counted = _values(self._keys + half), self._counts
        return self._counted

    def median(self) -> float | None:
        """The median, None without values."""
        return median([self.counted()])

    def above(self, limit: float) -> int:
        """How many values are above a limit."""
        values, counts = self.counted()
        return int(counts[values > limit].sum())

    def _merge(self, keys: Ints, counts: Ints) -> None:
        self._counted = None
        at = np.searchsorted(self._keys, keys)
        known = at < len(self._keys)
        known[known] = self._keys[at[known]] == keys[known]
        if known.any():
            self._counts = self._counts.copy()
            self._counts[at[known]] += counts[known]
        if not known.all():
            new = ~known
            self._keys = np.insert(self._keys, at[new], keys[new])
            self._counts = np.insert(self._counts, at[new], counts[new])
        while len(self._keys) > _MOST and self._dropped < _MANTISSA:
            self._dropped += 1
            rounded = _rounded(self._keys, self._dropped)
            first = np.flatnonzero(np.diff(rounded, prepend=rounded[0] - 1))
            self._keys = rounded[first]
            self._counts = np.add.reduceat(self._counts, first)


def median(parts: Sequence[Counted]) -> float | None:
    """The median of counted values, None without any."""
    return quantile(parts, 0.5)


def quantile(parts: Sequence[Counted], share: float) -> float | None:
    """A quantile of counted values, by linear interpolation; None without any."""
    values, counts = merged(parts)
    if not len(values):
        return None
    ends = counts.cumsum()
    place = share * float(ends[-1] - 1)
    below = int(place)
    at = np.searchsorted(ends, [below, min(below + 1, int(ends[-1]) - 1)], "right")
    low, high = values[at].tolist()
    return float(low * (below + 1 - place) + high * (place - below))


def merged(parts: Sequence[Counted]) -> Counted:
    """Counted values of several parts, rising."""
    filled = [part for part in parts if len(part[0])]
    if len(filled) <= 1:
        return filled[0] if filled else (np.empty(0), np.empty(0, np.int64))
    values = np.concatenate([v for v, _ in filled])
    order = values.argsort(kind="stable")
    return values[order], np.concatenate([c for _, c in filled])[order]


def _ordered(values: Floats) -> Ints:
    """The bits of values as integers of the same order (and of -0.0 as 0)."""
    bits = (values + 0.0).view(np.int64)
    return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)


def _values(keys: Ints) -> Floats:
    bits = np.where(keys < 0, np.iinfo(np.int64).min - keys, keys)
    return np.asarray(bits.view(np.float64))


def _rounded(keys: Ints, dropped: int) -> Ints:
    return keys >> dropped << dropped
