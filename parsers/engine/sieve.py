"""What is known of the lines of a block by their masks: one line of each was seen."""

from collections.abc import Callable

import numpy as np

from parsers.batch import Ints
from parsers.engine.known import NO_MASKS, KnownMasks
from parsers.engine.pieces import Block, Few, Piece
from parsers.engine.words import WordFinder


# Of a line with the number of its class, and how many new masks are of it: what is
# known of it, and whether the same is known of all lines of the class.
Find = Callable[[bytes, int, int], tuple[int, bool]]


class ByMask:
    """Finds something out about each mask of a log once, or about a whole class.

    Attributes:
        known: the masks.
        table: what was found out, by the number of a mask; -1 where nothing was.
        fresh: numbers of masks that were new, for who asks of them.
    """

    def __init__(self, find: Find) -> None:
        """What `find` gives is a number, none below 0."""
        self._find = find
        self.begin(NO_MASKS)

    def begin(self, known: KnownMasks) -> None:
        """Forgets all; what comes next are masks of `known`."""
        self.known = known
        # A mask has a number; lines without one have number 0.
        self.table: Ints = np.zeros(1, dtype=np.int64)
        self._of_classes: Ints = np.full(1, -1)
        self.fresh: list[Ints] = []

    def of(self, block: Block) -> Ints:
        """What is known of each line; 0 of one without a mask."""
        numbers = block.numbers
        self.table = _extended(self.table, int(numbers.max(initial=0)))
        found = self.table.take(numbers)
        where = np.flatnonzero(found < 0)
        if not len(where):
            return found
        new, firsts = np.unique(numbers[where], return_index=True)
        classes = self.known.layout.classes[new]
        self._of_classes = _extended(self._of_classes, int(classes.max()))
        self.table[new] = self._of_classes.take(classes)
        counts = np.bincount(classes)
        for k in np.flatnonzero(self.table[new] < 0).tolist():
            number, its_class = int(new[k]), int(classes[k])
            value, whole = int(self._of_classes[its_class]), False
            if value < 0:
                value, whole = self._find(
                    block.line(where[firsts[k]]), its_class, int(counts[its_class])
                )
            self.table[number] = value
            if whole:
                self._of_classes[its_class] = value
        self.fresh.append(new)
        return self.table.take(numbers)


def _extended(table: Ints, last: int) -> Ints:
    more = last + 1 - len(table)
    return np.append(table, np.full(more, -1)) if more > 0 else table


class Sieve:
    """Picks lines by a test that treats all digits alike."""

    def __init__(
        self, test: Callable[[bytes], bool], words: frozenset[str] | None = None
    ) -> None:
        """The test of a line; one that passes holds one of the words, if any."""
        self._test = test
        self._words = WordFinder(words) if words else None
        self._passing = ByMask(lambda line, *_: (int(test(line)), False))

    def lines(self, piece: Piece) -> list[int]:
        """The lines that pass, by their index in a piece."""
        if isinstance(piece, Block) and piece.varied and self._words:
            maybe = np.flatnonzero(self._words.may_hold(piece)).tolist()
            return [i for i in maybe if self._test(piece.line(i))]
        if isinstance(piece, Few) or piece.varied:
            return [i for i, line in enumerate(piece.lines) if self._test(line)]
        if piece.known is not self._passing.known:
            self._passing.begin(piece.known)
        passing = self._passing.of(piece)
        for i in np.flatnonzero(piece.numbers == 0).tolist():
            passing[i] = self._test(piece.line(i))
        found: list[int] = np.flatnonzero(passing).tolist()
        return found
