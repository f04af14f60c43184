"""Lines that hold some words, in small letters or capitals, found in a block at once.

Of each word three letters that are rare together are looked for.  Where they stand, the
last letters of the word are compared.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Ints
from parsers.engine.known import WORD
from parsers.engine.pieces import Block


# From the letter that English texts have most of; signs stand behind all.
_RANKS: Final = {letter: k for k, letter in enumerate(b" etaoinsrhldcumfpgwybvkxjqz")}
_SMALL: Final = np.uint64(0x2020202020202020)
_FACTORS: Final = tuple(np.uint16(factor) for factor in (0x9E37, 0x85EB, 0xC2B3))
_THREE: Final = len(_FACTORS)
_MOST: Final = 255
# What is hashed at once stays in the cache of a core.
_AT_ONCE: Final = 1 << 15


class WordFinder:
    """Finds lines that may hold one of some words."""

    def __init__(self, words: frozenset[str]) -> None:
        """Some in small letters, without digits, of two letters or more."""
        self._words = words

    def may_hold(self, block: Block) -> NDArray[np.bool_]:
        """Marks the lines of a block that may hold one."""
        slots, behind, masks, ends = _tables(self._words)
        data = np.frombuffer(block.data, np.uint8)
        some = (data[at : at + _AT_ONCE + _THREE - 1] for at in _starts(data))
        which = np.concatenate([slots.take(_hashes(part)) for part in some])
        places: Ints = np.flatnonzero(which != 0)
        which = which[places]
        text = block.before(places + behind[which], 0)
        text |= _SMALL
        text &= masks[which]
        marked = np.zeros(len(block), dtype=np.bool_)
        marked[block.ends.searchsorted(places[text == ends[which]])] = True
        return marked


def _starts(data: Any) -> range:
    return range(0, max(len(data) - _THREE + 1, 1), _AT_ONCE)


@cache
def _tables(words: frozenset[str]) -> tuple[Any, Any, Any, Any]:
    """By hash of three letters the number of a word, 0 of none.

    By its number, how far behind the three letters it ends, and its last eight letters
    with the bits to compare.
    """
    # A word that holds another one is found with it.
    least = [w for w in words if not any(o in w for o in words - {w})]
    assert len(least) < _MOST
    slots = np.zeros(1 << 16, dtype=np.uint8)
    behind = np.zeros(_MOST + 1, dtype=np.int64)
    masks = np.zeros(_MOST + 1, dtype=np.uint64)
    ends = np.zeros(_MOST + 1, dtype=np.uint64)
    for number, word in enumerate(sorted(least, key=lambda w: (len(w), w)), 1):
        text = word.encode()
        free = [g for g in _threes(text) if not slots[g[1]].any()]
        behind[number], slot = free[0] if free else next(_threes(text))
        # What two words share is not compared: the last number has no bits to compare.
        slots[slot] = number if free else _MOST
        kept = text[-WORD:]
        bits = b"\xff" * len(kept)
        masks[number], ends[number] = (
            int.from_bytes(part.rjust(WORD, b"\0"), "little") for part in (bits, kept)
        )
        ends[number] = (ends[number] | _SMALL) & masks[number]
    return slots, behind, masks, ends


def _threes(word: bytes) -> Iterator[tuple[int, Any]]:
    """Three letters of a word, as how far they are from its end and their hash.

    The rarest come first.  Behind a word of two letters any may stand.
    """
    if len(word) < _THREE:
        pairs = np.array([[*word, last] for last in range(1 << 8)], np.uint8)
        yield len(word), _hashes(pairs.T)[0]
        return
    ranks = [_RANKS.get(letter, len(_RANKS)) for letter in word]
    starts = range(len(word) - _THREE + 1)
    for k in sorted(starts, key=lambda k: -sum(ranks[k : k + _THREE])):
        yield len(word) - k, _hashes(np.frombuffer(word[k : k + _THREE], np.uint8))


def _hashes(text: Any) -> NDArray[np.uint16]:
    """A number for each three letters that follow each other."""
    small = (text | np.uint8(_SMALL & 0xFF)).astype(np.uint16)
    count = len(small) - _THREE + 1
    total: NDArray[np.uint16] = small[:count] * _FACTORS[0]
    for at in range(1, _THREE):
        total += small[at : at + count] * _FACTORS[at]
    return total
