"""One format that reads along, with what its lines show of it."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from parsers.batch import Batch, Ints
from parsers.engine.pieces import Piece
from parsers.engine.steps import Steps
from parsers.engine.templates import Raw
from parsers.format import Format, RowReader


# So many lines of one format (weighted) settle which it is.
_ENOUGH: Final = 64.0
_NO_LINES: Final = np.empty(0, np.int64)
_EXAMPLES: Final = 8
_TEXT_CHARS: Final = 300
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class Candidate:
    """One format, reading along until the format of the log is settled."""

    def __init__(self, form: Format) -> None:
        self.form = form
        self._steps: Steps | None = None  # most formats never take a line
        self.rows: RowReader | None = form.rows() if form.rows else None
        # Whether a line below the last step has counted; before the first none does.
        self._counted = True
        self.hits = 0
        self.unread = 0
        self.examples: list[tuple[int, str]] = []
        self.kept: list[Batch] = []
        self.patterns: Counter[str] = Counter()

    @property
    def steps(self) -> Steps:
        """Settles the steps of what its patterns read."""
        if self._steps is None:
            self._steps = Steps(self.form.patterns)
        return self._steps

    def read(self, raws: Sequence[Raw], piece: Piece) -> tuple[list[Batch], Ints]:
        """Its records, and the lines that count for it."""
        if not raws and self.rows is None:
            return [], _NO_LINES
        # One pattern of a format reads a line: no line is in two of these.
        votes = _joined(list(self._counting(raws))) if raws else _NO_LINES
        batches = self.steps.settle(raws) if raws else []
        if self.rows is not None:
            found = self.rows.read(piece)
            votes = _united([votes, *(batch.lines for batch in found)])
            batches += found
        for raw in raws:
            self.patterns[raw.pattern.name] += len(raw.lines)
        return batches, votes

    def _counting(self, raws: Sequence[Raw]) -> Iterator[Ints]:
        """Lines that count for it; of those below one step only the first."""
        for raw in raws:
            if raw.pattern.hit and raw.pattern.step != "previous":
                yield raw.lines
        below = [
            r.lines for r in raws if r.pattern.hit and r.pattern.step == "previous"
        ]
        stated = [raw.lines for raw in raws if "step" in raw.columns]
        if below:
            yield self._firsts(_joined(below), _joined(stated))
        elif any(map(len, stated)):
            self._counted = False

    def _firsts(self, lines: Ints, stated: Ints) -> Ints:
        """The first line below each that states a step."""
        steps = stated.searchsorted(lines)  # 0 for the last step of the piece before
        first = np.diff(steps, prepend=0 if self._counted else -1) != 0
        if len(stated):
            self._counted = False
        if len(lines):
            self._counted |= bool(steps[-1] == len(stated))
        counting: Ints = lines[first]
        return counting

    def count_unread(self, left: Ints, text: Callable[[int], str]) -> None:
        """Counts lines that look like metrics and that its patterns did not take."""
        if self.rows is not None and len(left) and len(self.rows.taken):
            left = left[~np.isin(left, self.rows.taken)]
        self.unread += len(left)
        if len(left) and len(self.examples) < _EXAMPLES:
            numbers = left[: _EXAMPLES - len(self.examples)].tolist()
            self.examples += [(number, text(number)) for number in numbers]

    @property
    def needed(self) -> int:
        """How many more lines that count for it settle the format."""
        return math.ceil(_ENOUGH / self.form.weight) - self.hits

    @property
    def score(self) -> float:
        """How well it fits the log so far."""
        return self.form.score(self.hits)

    @property
    def planned(self) -> int | None:
        """Number of steps that the log plans, None where it is not stated."""
        stated = self._steps.planned if self._steps else None
        return stated or getattr(self.rows, "planned", None)

    def flush(self) -> list[Batch]:
        """Records that waited for lines that did not come."""
        late = self._steps.flush() if self._steps else []
        return late + (self.rows.flush() if self.rows else [])

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of plain JSON types."""
        return {
            "format": self.form.name,
            "steps": self._steps.state() if self._steps else None,
            "rows": self.rows.state() if self.rows else None,
            "counted": self._counted,
            "hits": self.hits,
            "unread": self.unread,
            "examples": [number for number, _ in self.examples],
            "kept": [_packed(batch) for batch in self.kept],
            "shapes": self.patterns,
        }

    def restore(self, state: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        """Goes on where `state` was taken; `texts` are the examples by line number."""
        if state["steps"] is not None:
            self.steps.restore(state["steps"])
        if self.rows is not None:
            self.rows.restore(state["rows"])
        self._counted = state.get("counted", False)
        self.hits, self.unread = state["hits"], state["unread"]
        self.examples = [(number, texts[str(number)]) for number in state["examples"]]
        self.kept = [_unpacked(batch) for batch in state["kept"]]
        self.patterns = Counter(state["shapes"])


class Missed:
    """Lines of a piece that look like metrics, for each format that did not take them.

    Most formats take none: what they missed is put together once.
    """

    def __init__(
        self, like: Sequence[tuple[Ints, frozenset[int]]], piece: Piece
    ) -> None:
        self._like = like
        self._piece = piece
        self._takers = frozenset[int]().union(*(takers for _, takers in like))
        self._all = _joined([lines for lines, _ in like])
        self._texts: dict[int, str] = {}

    def by(self, at: int) -> Ints:
        """The numbers of the lines that format `at` did not take."""
        if at not in self._takers:
            return self._all
        return _joined([lines for lines, takers in self._like if at not in takers])

    def text(self, number: int) -> str:
        """A line, for people."""
        if number not in self._texts:
            line = self._piece.line(number - self._piece.first)
            self._texts[number] = clean_text(line)
        return self._texts[number]


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
    every = _joined([part for part in lines if len(part)])
    first: Ints = every[np.diff(every, prepend=-1) != 0]
    return first


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
