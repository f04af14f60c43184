"""The masks that were seen, found again for thousands of lines at once.

A mask is some words of bytes (see `parsers.engine.pieces.Block.masks`).  Its hash names
a slot that holds the number of one known mask, which is compared with it, word by word.
What is in no slot is looked up in a dictionary.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from parsers.batch import Ints
from parsers.engine.pieces import LONGEST, WORD, Words


_SLOTS_LOG: Final = 12
_FACTOR: Final = 0x9E3779B97F4A7C15  # odd, with bits everywhere
_FACTORS: Final = np.array(
    [pow(_FACTOR, k, 1 << 64) for k in range(1, LONGEST // WORD + 1)], dtype=np.uint64
)
_SHIFT: Final = np.uint64(64 - _SLOTS_LOG)


class KnownMasks:
    """Masks of one number of words."""

    def __init__(self, words: int) -> None:
        self._slots = np.zeros(1 << _SLOTS_LOG, dtype=np.int32)
        # No mask is all zeros: what an empty slot names is never equal to one.
        self._texts = np.zeros((words, 1), dtype=np.uint64)
        self._numbers = np.zeros(1, dtype=np.int64)
        self._known: dict[bytes, int] = {}

    def numbers(self, masks: Words, learn: Callable[[int], int]) -> Ints:
        """The number of each mask; `learn` gives it for the one at an index."""
        slots = _hashes(masks)
        found = self._slots.take(slots)
        missed = self._texts[0].take(found) != masks[:, 0]
        for k in range(1, len(self._texts)):
            missed |= self._texts[k].take(found) != masks[:, k]
        where = np.flatnonzero(missed)
        if len(where):
            found[where] = self._looked_up(masks[where], where, learn)
            self._slots[slots[where]] = found[where]
        return self._numbers.take(found)

    def _looked_up(
        self, masks: Words, where: Ints, learn: Callable[[int], int]
    ) -> list[int]:
        keys = masks.view(f"S{WORD * masks.shape[1]}").ravel().tolist()
        new: dict[bytes, int] = {}
        for at, key in enumerate(keys):
            if key not in self._known:
                self._known[key] = len(self._known) + 1
                new[key] = at
        if new:
            firsts = list(new.values())
            numbers = [learn(i) for i in where[firsts].tolist()]
            self._texts = np.concatenate([self._texts, masks[firsts].T], axis=1)
            self._numbers = np.append(self._numbers, numbers)
        return [self._known[key] for key in keys]


def _hashes(masks: Words) -> Ints:
    hashes = masks[:, 0] * _FACTORS[0]
    for k in range(1, masks.shape[1]):
        hashes += masks[:, k] * _FACTORS[k]
    hashes >>= _SHIFT
    found: Ints = hashes.view(np.int64)
    return found
