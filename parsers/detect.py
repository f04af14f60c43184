"""Which format a log has: every format reads along until one of them is settled."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from parsers.batch import Batch, Ints
from parsers.candidate import Candidate, Missed
from parsers.delta import Delta
from parsers.engine.masks import NUMBERS
from parsers.engine.pieces import Piece
from parsers.engine.templates import Reading, Templates
from parsers.format import Format
from parsers.hyperparameters.names import STEMS
from parsers.hyperparameters.reader import hyperparameters
from parsers.milestones import WORDS, milestone


_NEVER: Final = 1 << 62
# Of these, or a digit, each line holds one that states something.
TELLING: Final = frozenset({*WORDS, *STEMS}) | NUMBERS

Score = tuple[str, int, Mapping[str, int]]
# By candidate that found something: its records, and the lines that count for it.
Found = Mapping[int, tuple[list[Batch], Ints]]


class Detector:
    """Scores the formats on a log, follows the best one, and settles on it.

    Attributes:
        settled: whether the format is final; until then all formats read along.
    """

    def __init__(self, formats: Sequence[Format]) -> None:
        self.settled = False
        self._candidates = [Candidate(form) for form in formats]
        self._leader: Candidate | None = None
        self._rejected: list[Score] = []
        self._templates = Templates(
            formats,
            milestone=milestone,
            hyperparameters=hyperparameters,
            words=TELLING,
        )

    @property
    def format(self) -> Format | None:
        """The format with the best score so far, None before the first metric."""
        return self._leader.form if self._leader else None

    @property
    def planned(self) -> int | None:
        """Number of steps that the log plans, None where it is not stated."""
        return self._leader.planned if self._leader else None

    @property
    def unread(self) -> int:
        """How many lines look like metrics and were not taken."""
        return self._leader.unread if self._leader else self._least_unread().unread

    @property
    def unread_examples(self) -> Sequence[tuple[int, str]]:
        """Some of those lines, with their numbers."""
        return (self._leader or self._least_unread()).examples

    def scores(self) -> list[Score]:
        """Each format that took lines: name, how many, and how many by pattern."""
        found = [c for c in self._candidates if c.hits]
        found.sort(key=lambda c: (c is not self._leader, -c.score))
        return [(c.form.name, c.hits, c.patterns) for c in found] + self._rejected

    def read(self, piece: Piece, delta: Delta) -> Reading:
        """Reads some lines with all candidates; adds the records of the leader."""
        reading = self._templates.read(piece)
        found = {
            at: candidate.read(raws, piece)
            for at, (candidate, raws) in enumerate(
                zip(self._candidates, reading.taken, strict=True)
            )
            if raws or candidate.rows is not None
        }
        if reading.like:
            missed = Missed(reading.like, piece)
            for at, candidate in enumerate(self._candidates):
                candidate.count_unread(missed.by(at), missed.text)
        if not self.settled:
            self._choose(found, delta)
        elif found:
            delta.batches += found[0][0]
            self._candidates[0].hits += len(found[0][1])
        return reading

    @property
    def wanted(self) -> tuple[int, int]:
        """How many lines have counted for the leader, and how many more settle it."""
        if self._leader is None:
            return 0, 0
        return self._leader.hits, self._leader.needed

    def flush(self, delta: Delta) -> None:
        """Adds what the leader kept back for lines that did not come."""
        if self._leader is not None:
            last = self._leader.flush()
            self._leader.kept += [] if self.settled else last
            delta.batches += last

    def may_be_cut(self, line: bytes) -> bool:
        """Whether a last line without an end may lack some of its digits."""
        if self._leader is None or self._leader.rows is not None:
            return False  # structured lines are checked by their reader
        return not self._templates.took(line, self._candidates.index(self._leader))

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of plain JSON types."""
        return {
            "settled": self.settled,
            "leader": self._leader.form.name if self._leader else None,
            "candidates": [candidate.state() for candidate in self._candidates],
            # The same few lines are examples of what many formats did not take.
            "texts": {
                str(number): text
                for candidate in self._candidates
                for number, text in candidate.examples
            },
            "known": [
                sorted(mask.decode("latin-1") for mask in self._templates.taken(at))
                for at in range(len(self._candidates))
            ],
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any], formats: Sequence[Format]) -> "Detector":
        """A detector that goes on where `state` was taken.

        Raises:
            KeyError: the state names a format that is not among `formats`.
        """
        by_name = {form.name: form for form in formats}
        detector = cls([by_name[kept["format"]] for kept in state["candidates"]])
        detector.settled = state["settled"]
        for candidate, kept in zip(
            detector._candidates, state["candidates"], strict=True
        ):
            candidate.restore(kept, state["texts"])
            if kept["format"] == state["leader"]:
                detector._leader = candidate
        for at, kinds in enumerate(state["known"]):
            masks = (kind.encode("latin-1") for kind in kinds)
            detector._templates.remember(at, masks)
        return detector

    def _least_unread(self) -> Candidate:
        return min(self._candidates, key=lambda c: c.unread)

    def _choose(self, found: Found, delta: Delta) -> None:
        """Settles on a format, or follows the one that leads so far."""
        end = self._decision(found)
        hits = [candidate.hits for candidate in self._candidates]
        for at, (batches, votes) in found.items():
            hits[at] += int(votes.searchsorted(end, side="right"))
            self._candidates[at].hits += len(votes)
            self._candidates[at].kept += batches
        best = self._best(hits)
        if best is None:
            return
        before, self._leader = self._leader, self._candidates[best]
        if self._leader is before:
            delta.batches += found[best][0] if best in found else []
        else:
            delta.reset = True
            delta.batches = list(self._leader.kept)
        if end < _NEVER:
            self._settle(self._leader)

    def _best(self, hits: Sequence[int]) -> int | None:
        """The candidate with the best score, None while no line counts."""
        scores = [
            c.form.score(n) if n else 0.0
            for c, n in zip(self._candidates, hits, strict=True)
        ]
        return scores.index(max(scores)) if max(scores, default=0) > 0 else None

    def _decision(self, found: Found) -> int:
        """The line at which some format has counted often enough."""
        ends = [_NEVER]
        for at, (_, votes) in found.items():
            needed = self._candidates[at].needed
            if 0 < needed <= len(votes):
                ends.append(int(votes[needed - 1]))
        return min(ends)

    def _settle(self, winner: Candidate) -> None:
        self._templates.settle(self._candidates.index(winner))
        self.settled = True
        winner.kept = []
        self._rejected = [s for s in self.scores() if s[0] != winner.form.name]
        self._candidates = [winner]
