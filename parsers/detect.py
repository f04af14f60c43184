"""Which format a log has: every format reads along until one of them is settled."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from parsers.batch import Batch, Ints
from parsers.delta import Delta
from parsers.engine.pieces import Piece
from parsers.engine.steps import Steps
from parsers.engine.templates import Raw, Reading, Templates
from parsers.format import Format, RowReader
from parsers.hyperparameters.reader import hyperparameters
from parsers.milestones import milestone


# So many lines of one format (weighted) settle which it is.
_ENOUGH: Final = 64.0
_NEVER: Final = 1 << 62
_NO_LINES: Final = np.empty(0, np.int64)
_EXAMPLES: Final = 8
_TEXT_CHARS: Final = 300
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

Score = tuple[str, int, Mapping[str, int]]
Found = Sequence[tuple[list[Batch], Ints]]


class _Candidate:
    """One format, reading along until the format of the log is settled."""

    def __init__(self, form: Format) -> None:
        self.form = form
        self.steps = Steps(form.patterns)
        self.rows: RowReader | None = form.rows() if form.rows else None
        self.hits = 0
        self.unread = 0
        self.examples: list[tuple[int, str]] = []
        self.kept: list[Batch] = []
        self.patterns: Counter[str] = Counter()

    def read(self, raws: Sequence[Raw], piece: Piece) -> tuple[list[Batch], Ints]:
        """Its records, and the lines that count for it."""
        batches = self.steps.settle(raws) if raws else []
        # One pattern of a format reads a line: no line is in two of these.
        votes = _joined([raw.lines for raw in raws if raw.pattern.hit])
        if self.rows is not None:
            found = self.rows.read(piece)
            votes = _united([votes, *(batch.lines for batch in found)])
            batches += found
        for raw in raws:
            self.patterns[raw.pattern.name] += len(raw.lines)
        return batches, votes

    def count_unread(
        self, like: Sequence[tuple[Ints, frozenset[int]]], at: int, piece: Piece
    ) -> None:
        """Counts lines that look like metrics and that this format did not take."""
        left = _joined([lines for lines, takers in like if at not in takers])
        if self.rows is not None and len(left):
            left = left[~np.isin(left, self.rows.taken)]
        self.unread += len(left)
        for number in left[: _EXAMPLES - len(self.examples)].tolist():
            text = clean_text(piece.line(number - piece.first))
            self.examples.append((number, text))

    @property
    def score(self) -> float:
        return self.form.score(self.hits)

    @property
    def planned(self) -> int | None:
        return self.steps.planned or getattr(self.rows, "planned", None)

    def flush(self) -> list[Batch]:
        return self.steps.flush() + (self.rows.flush() if self.rows else [])

    def state(self) -> dict[str, Any]:
        return {
            "format": self.form.name,
            "steps": self.steps.state(),
            "rows": self.rows.state() if self.rows else None,
            "hits": self.hits,
            "unread": self.unread,
            "examples": [number for number, _ in self.examples],
            "kept": [_packed(batch) for batch in self.kept],
            "shapes": self.patterns,
        }

    def restore(self, state: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        self.steps.restore(state["steps"])
        if self.rows is not None:
            self.rows.restore(state["rows"])
        self.hits, self.unread = state["hits"], state["unread"]
        self.examples = [(number, texts[str(number)]) for number in state["examples"]]
        self.kept = [_unpacked(batch) for batch in state["kept"]]
        self.patterns = Counter(state["shapes"])


class Detector:
    """Scores the formats on a log, follows the best one, and settles on it.

    Attributes:
        settled: whether the format is final; until then all formats read along.
    """

    def __init__(self, formats: Sequence[Format]) -> None:
        self.settled = False
        self._candidates = [_Candidate(form) for form in formats]
        self._leader: _Candidate | None = None
        self._rejected: list[Score] = []
        self._templates = self._make_templates()

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
        found = []
        for at, candidate in enumerate(self._candidates):
            found.append(candidate.read(reading.taken[at], piece))
            if reading.like:
                candidate.count_unread(reading.like, at, piece)
        if self.settled:
            delta.batches += found[0][0]
            self._candidates[0].hits += len(found[0][1])
        else:
            self._choose(found, delta)
        return reading

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
        return not self._templates.masks.seen(
            line, self._candidates.index(self._leader)
        )

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
                sorted(
                    kind.decode("latin-1") for kind in self._templates.masks.known(at)
                )
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
            detector._templates.masks.remember(
                at, (kind.encode("latin-1") for kind in kinds)
            )
        return detector

    def _least_unread(self) -> _Candidate:
        return min(self._candidates, key=lambda c: c.unread)

    def _choose(self, found: Found, delta: Delta) -> None:
        """Settles on a format, or follows the one that leads so far."""
        end = self._decision(found)
        hits = [
            c.hits + int(np.searchsorted(votes, end, side="right"))
            for c, (_, votes) in zip(self._candidates, found, strict=True)
        ]
        for c, (batches, votes) in zip(self._candidates, found, strict=True):
            c.hits += len(votes)
            c.kept += batches
        best = self._best(hits)
        if best is None:
            return
        before, self._leader = self._leader, self._candidates[best]
        if self._leader is before:
            delta.batches += found[best][0]
        else:
            delta.reset = True
            delta.batches = list(self._leader.kept)
        if end < _NEVER:
            self._settle(self._leader)

    def _best(self, hits: Sequence[int]) -> int | None:
        """The candidate with the best score, None while no line counts."""
        scores = [c.form.score(n) for c, n in zip(self._candidates, hits, strict=True)]
        return scores.index(max(scores)) if max(scores, default=0) > 0 else None

    def _decision(self, found: Found) -> int:
        """The line at which some format has counted often enough."""
        ends = [_NEVER]
        for candidate, (_, votes) in zip(self._candidates, found, strict=True):
            need = math.ceil(_ENOUGH / candidate.form.weight) - candidate.hits
            if 0 < need <= len(votes):
                ends.append(int(votes[need - 1]))
        return min(ends)

    def _settle(self, winner: _Candidate) -> None:
        known = self._templates.masks.known(self._candidates.index(winner))
        self.settled = True
        winner.kept = []
        self._rejected = [s for s in self.scores() if s[0] != winner.form.name]
        self._candidates = [winner]
        self._templates = self._make_templates()
        self._templates.masks.remember(0, known)

    def _make_templates(self) -> Templates:
        forms = [c.form for c in self._candidates]
        return Templates(forms, milestone=milestone, hyperparameters=hyperparameters)


def clean_text(line: bytes) -> str:
    """A line for people: without control characters, at most 300 characters."""
    text = _CONTROL.sub(" ", line[: 4 * _TEXT_CHARS].decode("utf-8", "replace"))
    return text.strip()[:_TEXT_CHARS]


def _joined(lines: Sequence[Ints]) -> Ints:
    """Numbers of lines, rising."""
    if len(lines) > 1:
        return np.sort(np.concatenate(lines), kind="stable")
    return lines[0] if lines else _NO_LINES


def _united(lines: Sequence[Ints]) -> Ints:
    """The same of lines that may be in several of these."""
    lines = [part for part in lines if len(part)]
    return np.unique(np.concatenate(lines)) if len(lines) > 1 else _joined(lines)


def _packed(batch: Batch) -> list[Any]:
    columns = {name: column.tolist() for name, column in batch.values.items()}
    return [batch.pattern, batch.lines.tolist(), batch.steps.tolist(), columns]


def _unpacked(packed: Sequence[Any]) -> Batch:
    pattern, lines, steps, columns = packed
    return Batch(
        pattern,
        np.array(lines, dtype=np.int64),
        np.array(steps, dtype=np.int64),
        {name: np.array(column, dtype=np.float64) for name, column in columns.items()},
    )
