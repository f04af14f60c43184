"""The masks that were seen, found again for thousands of lines at once.

A mask is some words of bytes (see `parsers.engine.pieces.Block.numbers`).  Its hash
names a slot that holds one known mask, which is compared with it.  What is in no slot
is looked up in a dictionary.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Ints
from parsers.engine.widths import runs_of


Words = NDArray[np.uint64]

WORD: Final = 8
# Longer lines are read one by one.
LONGEST: Final = 1024
_MOST: Final = 8192
_SHARED: Final = 8
_MANY: Final = 256
_SLOTS_LOG: Final = 12
_FACTOR: Final = 0x9E3779B97F4A7C15  # odd, with bits everywhere
_FACTORS: Final = np.array(
    [pow(_FACTOR, k, 1 << 64) for k in range(1, LONGEST // WORD + 1)], dtype=np.uint64
)
_SHIFT: Final = np.uint64(64 - _SLOTS_LOG)


@dataclass(frozen=True, slots=True)
class Layout:
    """What the masks of a log look like.

    Attributes:
        classes: of each mask (see `parsers.engine.widths`), numbered from 1.
        firsts: where the runs of digits of each mask begin in `ends` and `widths`.
        ends, widths: of each run; where it ends in a line of the mask.
    """

    classes: Ints
    firsts: Ints
    ends: Ints
    widths: Ints


_ONE_ZERO: Final = np.zeros(1, dtype=np.int64)


class KnownMasks:
    """Numbers the masks of a log, from 1, as they come.

    Attributes:
        texts: of the masks, by number; that of 0, which is none, is empty.
    """

    def __init__(self) -> None:
        self.texts = [b""]
        self._sizes: dict[int, _OfSize] = {}
        self._lines = 0
        self._classes: dict[bytes, int] = {}  # by their narrowest masks
        self._layout = Layout(_ONE_ZERO, _ONE_ZERO, _ONE_ZERO[:0], _ONE_ZERO[:0])

    @property
    def varied(self) -> bool:
        """Whether few lines share a mask, of those in blocks."""
        return len(self.texts) - 1 > self._lines // _SHARED

    @property
    def full(self) -> bool:
        """Whether so many are known that it is time for a new one."""
        return len(self.texts) > _MOST

    @property
    def layout(self) -> Layout:
        """What all masks look like."""
        known = self._layout
        new = self.texts[len(known.classes) :]
        if new:
            found = runs_of(new)
            classes = [
                self._classes.setdefault(text, len(self._classes) + 1)
                for text in found.narrowest
            ]
            firsts = np.cumsum(found.counts) - found.counts + len(known.ends)
            self._layout = Layout(
                np.append(known.classes, classes),
                np.append(known.firsts, firsts),
                np.append(known.ends, found.ends),
                np.append(known.widths, found.widths),
            )
        return self._layout

    def numbers(self, masks: Words) -> Ints:
        """The number of each mask; all have the same number of words."""
        size = masks.shape[1]
        self._lines += len(masks)
        if size not in self._sizes:
            self._sizes[size] = _OfSize(size, self.texts)
        return self._sizes[size].numbers(masks)


# Of a log without lines.
NO_MASKS: Final = KnownMasks()


class _OfSize:
    """Masks of one number of words."""

    def __init__(self, words: int, all_texts: list[bytes]) -> None:
        """So many words; each new mask is put behind all others."""
        self._all = all_texts
        self._slots = np.zeros(1 << _SLOTS_LOG, dtype=np.int32)
        # No mask is all zeros: what an empty slot names is never equal to one.
        self._texts = np.zeros((1, words), dtype=np.uint64)
        self._numbers = np.zeros(1, dtype=np.int64)
        self._known: dict[bytes, int] = {}

    def numbers(self, masks: Words) -> Ints:
        """The number of each mask."""
        hashes: Words = masks @ _FACTORS[: masks.shape[1]]
        hashes >>= _SHIFT
        slots = hashes.view(np.int64)
        found = self._slots.take(slots)
        where = self._differing(masks, found)
        if len(where) > _MANY:
            # One of each slot is looked up first: most others have the same mask.
            firsts = where[_one_of_each(slots[where])]
            found[firsts] = self._looked_up(masks[firsts])
            self._slots[slots[firsts]] = found[firsts]
            found[where] = self._slots.take(slots[where])
            where = where[self._differing(masks[where], found[where])]
        if len(where):
            found[where] = self._looked_up(masks[where])
            self._slots[slots[where]] = found[where]
        return self._numbers.take(found)

    def _differing(self, masks: Words, found: Any) -> Ints:
        """Where a mask is not the known one of its slot."""
        words = self._texts.take(found, axis=0) != masks
        lines: Ints = np.flatnonzero(words) // masks.shape[1]
        first: Ints = lines[np.diff(lines, prepend=-1) != 0]
        return first

    def _looked_up(self, masks: Words) -> list[int]:
        keys = masks.view(f"S{WORD * masks.shape[1]}").ravel().tolist()
        new: dict[bytes, int] = {}
        for at, key in enumerate(keys):
            if key not in self._known:
                self._known[key] = len(self._known) + 1
                new[key] = at
        if new:
            self._texts = np.concatenate([self._texts, masks[list(new.values())]])
            first = len(self._all)
            self._all += new
            self._numbers = np.append(self._numbers, np.arange(first, len(self._all)))
        return [self._known[key] for key in keys]


def _one_of_each(slots: Ints) -> NDArray[np.bool_]:
    """Marks one line of each slot."""
    last = np.empty(1 << _SLOTS_LOG, dtype=np.int64)
    last[slots] = np.arange(len(slots))
    marked: NDArray[np.bool_] = last.take(slots) == np.arange(len(slots))
    return marked
