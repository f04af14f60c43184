"""What of a log without metrics is worth reading: it may be no log of a training.

Its first lines are read, whatever they are.  As long as no format takes any, of the
later ones only those near a word that names a metric are; of the others some more are
read for settings and milestones, and in the rest only ends of runs are looked for.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, Literal

from parsers.engine.pieces import Block, Piece
from parsers.engine.sieve import Sieve
from parsers.milestones import milestone


_FIRST_LINES: Final = 2000
_STATING_LINES: Final = 5000
# A table may stand below such a word: so many lines are read from it on.
_NEAR: Final = 500
_METRICS: Final = (
    *("loss", "bpb", "ppl", "perplexity", "nll", "reward", "rew_mean", "epret"),
    *("psnr", "l_pix", "rmse", " cost ", "learn: ", " train ", "train-"),
)
_ENDS: Final = (
    *("traceback", "error", "exception", "kill", "memory", "cancelled"),
    *("interrupt", "terminate"),
)


What = Literal["all", "statements", "ends"]


class Lookout:
    """Divides a log in which no format was recognised yet.

    Attributes:
        until: lines up to this one are read.
    """

    def __init__(self) -> None:
        self.until = _FIRST_LINES
        self._metrics = _Words(_METRICS)
        self._ends = _Words(_ENDS)

    def named(self, piece: Piece) -> list[int]:
        """Lines with a word that names a metric, by their index."""
        return self._metrics.lines(piece)

    def ends(self, piece: Piece) -> list[tuple[int, str, bytes]]:
        """Lines that end a run: number, kind and text."""
        lines = [(i, piece.line(i)) for i in self._ends.lines(piece)]
        found = [(i + piece.first, milestone(line), line) for i, line in lines]
        return [(number, kind, line) for number, kind, line in found if kind]

    def next_part(
        self, piece: Piece, start: int, named: Sequence[int]
    ) -> tuple[int, What]:
        """Where the part of a piece ends that begins at `start`; what to read in it.

        `named`: the lines that name a metric, by their index.
        """
        at = bisect_left(named, start)
        until = self.until - piece.first
        if until < start:
            if at == len(named) or named[at] > start:
                end = named[at] if at < len(named) else len(piece)
                return _idle(piece, start, end)
            until = start
        for i in range(at, len(named)):
            if named[i] > until:
                break
            until = max(until, named[i] + _NEAR)
        self.until = until + piece.first
        return min(until + 1, len(piece)), "all"


def _idle(piece: Piece, start: int, end: int) -> tuple[int, What]:
    last = _STATING_LINES - piece.first
    return (end, "ends") if last < start else (min(end, last + 1), "statements")


class _Words:
    """Finds lines that hold some words, in small letters or capitals."""

    def __init__(self, words: Sequence[str]) -> None:
        """Words without digits."""
        self._words = words
        self._sieve = Sieve(self._is_in, frozenset(words))

    def lines(self, piece: Piece) -> list[int]:
        """The lines that hold one, by their index in the piece."""
        if isinstance(piece, Block):
            return self._sieve.lines(piece)
        # Searching text is seven times as fast as searching bytes (CPython 3.11).
        lower = piece.data.lower().decode("latin-1")
        if not any(word in lower for word in self._words):
            return []
        lines = lower.split("\n")[:-1]
        return [i for i, line in enumerate(lines) if self._holds(line)]

    def _is_in(self, line: bytes) -> bool:
        return self._holds(line.lower().decode("latin-1"))

    def _holds(self, lower: str) -> bool:
        return any(word in lower for word in self._words)
