"""What is known of the lines of a block by their masks: one line of each was seen."""

from collections.abc import Callable, Collection, Sequence

import numpy as np

from parsers.batch import Ints
from parsers.engine.known import KnownMasks
from parsers.engine.pieces import Block, Few, Piece
from parsers.engine.words import Words


Find = Callable[[Sequence[bytes]], Sequence[tuple[int, ...]]]


class ByMask:
    """Finds something out about each mask of a log once."""

    def __init__(self, size: int, find: Find) -> None:
        """So many numbers, none below 0, that `find` gives for a line of each mask."""
        self._find = find
        self._size = size
        self.begin(KnownMasks())

    def begin(self, known: KnownMasks) -> None:
        """Forgets all; what comes next are masks of `known`."""
        self.known = known
        # A mask has a number; lines without one have number 0.
        self._table = np.zeros((self._size, 1), dtype=np.int64)

    def of(self, block: Block) -> Ints:
        """What is known of each line, shape (size, lines); 0 of one without a mask."""
        numbers = block.numbers
        more = int(numbers.max(initial=0)) + 1 - self._table.shape[1]
        if more > 0:
            self._table = np.pad(self._table, ((0, 0), (0, more)), constant_values=-1)
        where = np.flatnonzero(self._table[0].take(numbers) < 0)
        new, firsts = np.unique(numbers[where], return_index=True)
        if len(new):
            lines = [block.line(i) for i in where[firsts].tolist()]
            self._table[:, new] = np.array(self._find(lines)).T
        return self._table.take(numbers, axis=1)


class Sieve:
    """Picks lines by a test that treats all digits alike."""

    def __init__(
        self, test: Callable[[bytes], bool], words: Collection[str] = ()
    ) -> None:
        """The test of a line; one that passes holds one of the words, if any."""
        self._test = test
        self._words = Words(words) if words else None
        self._passing = ByMask(1, lambda lines: [(int(test(line)),) for line in lines])

    def lines(self, piece: Piece) -> list[int]:
        """The lines that pass, by their index in a piece."""
        if isinstance(piece, Block) and piece.varied and self._words:
            maybe = np.flatnonzero(self._words.may_hold(piece)).tolist()
            return [i for i in maybe if self._test(piece.line(i))]
        if isinstance(piece, Few) or piece.varied:
            return [i for i, line in enumerate(piece.lines) if self._test(line)]
        if piece.known is not self._passing.known:
            self._passing.begin(piece.known)
        passing = self._passing.of(piece)[0]
        for i in np.flatnonzero(piece.numbers == 0).tolist():
            passing[i] = self._test(piece.line(i))
        found: list[int] = np.flatnonzero(passing).tolist()
        return found
