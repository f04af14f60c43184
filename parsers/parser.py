"""A log's bytes in, its columns out: the one door to this package.

    parser = Parser()
    for chunk in chunks:
        delta = parser.feed(chunk)
    delta = parser.flush()

What is found depends on the bytes alone, never on how they were cut.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from parsers.batch import Batch, Ints, Milestone
from parsers.causes import Tracebacks, quotation
from parsers.delta import Delta
from parsers.engine.lines import Lines
from parsers.engine.steps import Steps
from parsers.engine.templates import Block, Few, Raw, Reading, Templates, whole_lines
from parsers.format import Format, RowReader
from parsers.formats import FORMATS
from parsers.hyperparameters.reader import facts
from parsers.milestones import milestone


# Larger chunks make every temporary a fresh mapping: half the speed.
CHUNK_BYTES: Final = 512 * 1024
# While all formats read along, less is read at a time: the choice comes soon.
_FIRST_BYTES: Final = 32 * 1024
# So many lines of one format (weighted) settle which it is.
_ENOUGH: Final = 64.0
# A line that ends so is not cut within a number.
_CLOSED: Final = (b"%", b")", b"}", b"]", b"|")
_DIGIT: Final = re.compile(rb"\d")
_NEVER: Final = 1 << 62
_EXAMPLES: Final = 8
_TEXT_CHARS: Final = 300
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class _Candidate:
    """One format, reading along until it is clear whose log this is."""

    def __init__(self, form: Format) -> None:
        self.form = form
        self.steps = Steps()
        self.rows: RowReader | None = form.rows() if form.rows else None
        self.hits = 0
        self.unread = 0
        self.examples: list[tuple[int, str]] = []
        self.kept: list[Batch] = []
        self.shapes: Counter[str] = Counter()

    def read(
        self, raws: Sequence[Raw], lines: Sequence[bytes], first: int
    ) -> tuple[list[Batch], list[Ints]]:
        """Its records, and the lines that speak for it."""
        batches = self.steps.settle(raws) if raws else []
        spoken = [raw.lines for raw in raws if raw.shape.hit]
        if self.rows is not None:
            found = self.rows.read(lines, first)
            spoken += [batch.lines for batch in found]
            batches += found
        for raw in raws:
            self.shapes[raw.shape.name] += len(raw.lines)
        return batches, spoken

    def missed(
        self, like: Sequence[tuple[Ints, frozenset[int]]], at: int, piece: Block | Few
    ) -> None:
        """Counts lines that look like metrics and that this format did not take."""
        taken = set(self.rows.taken) if self.rows is not None else set()
        for lines, takers in like:
            if at in takers:
                continue
            left = [n for n in lines.tolist() if n not in taken]
            self.unread += len(left)
            texts = [(n, _text(piece.line(n - piece.first))) for n in left[:_EXAMPLES]]
            self.examples = sorted([*self.examples, *texts])[:_EXAMPLES]

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
            "shapes": self.shapes,
        }

    def restore(self, state: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        self.steps.restore(state["steps"])
        if self.rows is not None:
            self.rows.restore(state["rows"])
        self.hits, self.unread = state["hits"], state["unread"]
        self.examples = [(number, texts[str(number)]) for number in state["examples"]]
        self.kept = [_unpacked(batch) for batch in state["kept"]]
        self.shapes = Counter(state["shapes"])


class Parser:
    """Reads one log, piece by piece.

    Attributes:
        lines: number of whole lines so far.
    """

    def __init__(self, formats: Sequence[Format] = FORMATS) -> None:
        self.lines = 0
        self._text = Lines()
        self._candidates = [_Candidate(form) for form in formats]
        self._leader: _Candidate | None = None
        self._settled = False
        self._tried: list[tuple[str, int, Mapping[str, int]]] = []
        self._templates = self._make_templates()
        self._tracebacks = Tracebacks()

    @property
    def format(self) -> Format | None:
        """The format as recognised so far, None before the first metric."""
        return self._leader.form if self._leader else None

    @property
    def unread(self) -> int:
        """How many lines look like metrics and were not taken."""
        return self._leader.unread if self._leader else 0

    @property
    def unread_examples(self) -> Sequence[tuple[int, str]]:
        """Some of those lines, with their numbers."""
        return self._leader.examples if self._leader else ()

    @property
    def overlong(self) -> int:
        """How many lines were dropped for their length."""
        return self._text.overlong

    @property
    def pending(self) -> int | None:
        """Bytes at the end that are no whole line yet; None where that isn't known."""
        return self._text.pending

    def scores(self) -> list[tuple[str, int, Mapping[str, int]]]:
        """Each format that took lines: name, how many, and how many by shape."""
        found = [c for c in self._candidates if c.hits]
        found.sort(key=lambda c: -c.hits * c.form.weight)
        return [(c.form.name, c.hits, c.shapes) for c in found] + self._tried

    def state(self) -> dict[str, Any]:
        """All that reading on needs, of plain JSON types."""
        return {
            "lines": self.lines,
            "text": self._text.state(),
            "settled": self._settled,
            "tracebacks": self._tracebacks.state(),
            "leader": self._leader.form.name if self._leader else None,
            "candidates": [candidate.state() for candidate in self._candidates],
            # The same few lines are examples of what many formats did not take.
            "texts": {
                str(number): text
                for candidate in self._candidates
                for number, text in candidate.examples
            },
            "known": [
                sorted(kind.decode("latin-1") for kind in self._templates.known(at))
                for at in range(len(self._candidates))
            ],
        }

    @classmethod
    def restore(
        cls, state: Mapping[str, Any], formats: Sequence[Format] = FORMATS
    ) -> "Parser":
        """A parser that goes on where `state` was taken.

        Raises:
            KeyError: the state names a format that is not among `formats`.
        """
        by_name = {form.name: form for form in formats}
        parser = cls([by_name[kept["format"]] for kept in state["candidates"]])
        parser.lines = state["lines"]
        parser._text = Lines.restore(state["text"])
        parser._settled = state["settled"]
        if "tracebacks" in state:  # states of older versions have none
            parser._tracebacks.restore(state["tracebacks"])
        for candidate, kept in zip(
            parser._candidates, state["candidates"], strict=True
        ):
            candidate.restore(kept, state["texts"])
            if kept["format"] == state["leader"]:
                parser._leader = candidate
        for at, kinds in enumerate(state["known"]):
            parser._templates.remember(at, (kind.encode("latin-1") for kind in kinds))
        return parser

    def feed(self, chunk: bytes) -> Delta:
        """What some bytes more add; they may end anywhere."""
        delta = self._delta()
        at = 0
        while at < len(chunk):
            size = CHUNK_BYTES if self._settled else _FIRST_BYTES
            self._read(self._text.feed(chunk[at : at + size]), delta)
            at += size
        return delta

    def flush(self) -> Delta:
        """What the end of the log adds: a last line without an end, if it is whole."""
        delta = self._delta()
        tail = self._text.flush()
        if tail and not tail.endswith(b"\n") and self._is_cut(tail):
            tail = tail[: tail.rfind(b"\n") + 1]
        self._read(tail + b"\n" if tail and not tail.endswith(b"\n") else tail, delta)
        if self._leader is not None:
            last = self._leader.flush()
            self._leader.kept += [] if self._settled else last
            delta.batches += last
        return delta

    def _delta(self) -> Delta:
        return Delta(format=self.format)

    def _read(self, data: bytes, delta: Delta) -> None:
        if not data:
            return
        piece = whole_lines(data, self.lines + 1)
        reading = self._templates.read(piece)
        self.lines += len(piece)
        delta.lines += len(piece)
        reading.milestones = self._tracebacks.read(piece, reading.milestones)
        _note(reading, delta)
        rows = any(c.rows for c in self._candidates)
        lines = data.split(b"\n")[:-1] if rows else ()
        found = []
        for at, candidate in enumerate(self._candidates):
            found.append(candidate.read(reading.taken[at], lines, piece.first))
            candidate.missed(reading.like, at, piece)
        if self._settled:
            delta.batches += found[0][0]
            self._candidates[0].hits += sum(map(len, found[0][1]))
        else:
            self._choose([(b, _union(spoken)) for b, spoken in found], delta)
        delta.format = self.format
        delta.planned = self._leader.planned if self._leader else None

    def _choose(self, found: Sequence[tuple[list[Batch], Ints]], delta: Delta) -> None:
        """Settles on a format, or follows the one that leads so far."""
        end = self._decision(found)
        scores = [
            c.form.weight * (c.hits + int(np.searchsorted(hits, end, side="right")))
            for c, (_, hits) in zip(self._candidates, found, strict=True)
        ]
        for c, (batches, hits) in zip(self._candidates, found, strict=True):
            c.hits += len(hits)
            c.kept += batches
        if max(scores, default=0) <= 0:
            return
        best = scores.index(max(scores))
        before, self._leader = self._leader, self._candidates[best]
        if self._leader is before:
            delta.batches += found[best][0]
        else:
            delta.reset = True
            delta.batches = list(self._leader.kept)
        if end < _NEVER:
            self._settle(self._leader)

    def _decision(self, found: Sequence[tuple[list[Batch], Ints]]) -> int:
        """The line at which some format has spoken often enough."""
        ends = [_NEVER]
        for candidate, (_, hits) in zip(self._candidates, found, strict=True):
            need = math.ceil(_ENOUGH / candidate.form.weight) - candidate.hits
            if 0 < need <= len(hits):
                ends.append(int(hits[need - 1]))
        return min(ends)

    def _settle(self, winner: _Candidate) -> None:
        known = self._templates.known(self._candidates.index(winner))
        self._settled = True
        winner.kept = []
        self._tried = [score for score in self.scores() if score[0] != winner.form.name]
        self._candidates = [winner]
        self._templates = self._make_templates()
        self._templates.remember(0, known)

    def _make_templates(self) -> Templates:
        forms = [c.form for c in self._candidates]
        return Templates(forms, milestone=milestone, facts=facts)

    def _is_cut(self, tail: bytes) -> bool:
        """Whether a last line without an end may lack some of its digits."""
        line = tail[tail.rfind(b"\n") + 1 :]
        if self._leader is None or self._leader.rows is not None:
            return False  # structured lines are checked by their reader
        if line.endswith(_CLOSED) or not _DIGIT.search(line):
            return False
        return not self._templates.seen(line, self._candidates.index(self._leader))


def _text(line: bytes) -> str:
    text = _CONTROL.sub(" ", line[: 4 * _TEXT_CHARS].decode("utf-8", "replace"))
    return text.strip()[:_TEXT_CHARS]


def _union(lines: Sequence[Ints]) -> Ints:
    return np.unique(np.concatenate(lines)) if lines else np.empty(0, np.int64)


def _packed(batch: Batch) -> list[Any]:
    columns = {name: column.tolist() for name, column in batch.values.items()}
    return [batch.shape, batch.lines.tolist(), batch.steps.tolist(), columns]


def _unpacked(packed: Sequence[Any]) -> Batch:
    shape, lines, steps, columns = packed
    return Batch(
        shape,
        np.array(lines, dtype=np.int64),
        np.array(steps, dtype=np.int64),
        {name: np.array(column, dtype=np.float64) for name, column in columns.items()},
    )


def _note(reading: Reading, delta: Delta) -> None:
    for number, kind, raw in reading.milestones:
        text = _text(quotation(kind, raw))
        delta.milestones.append(Milestone(kind, number, None, text))
    for _, stated in reading.facts:
        delta.facts.update(stated)
