"""A run of the database that is followed: only what it has more than before is read."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from parsers.batch import Batch, Floats, Ints, Milestone
from parsers.engine import stamps
from parsers.format import Format
from parsers.formats import FORMATS
from watcher.analysis.course import Course
from watcher.analysis.pieces import Log, Records
from watcher.analysis.rules import Settings
from watcher.storage.database import Database
from watcher.storage.rows import Row
from watcher.storage.spans import Columns, Span


# From such a part of a chunk on all of it is read, and its checksum with it.
_WHOLE: Final = 1 / 4
# So many milestones are kept for outputs.
_MILESTONES: Final = 4096

_END: Final = 1 << 62
# Where a log states one of these, times at which it was seen are not needed.
_TIMES: Final = frozenset({"iter_ms", "train_time_ms", "iters_per_s"})
_CLOCK: Final = "train_time_ms"
# So many times at which a log was seen to end make a clock.
_MIN_SEEN: Final = 3

Names = tuple[str, ...]


@dataclass(slots=True)
class _Read:
    """What was read of the records with one set of metrics.

    Attributes:
        records: how many.
        last: line, step and a value of the last one.
    """

    records: int = 0
    last: tuple[int, int, float] = (0, 0, 0.0)


class Follower:
    """One run, and what is known of it up to its last record.

    Attributes:
        course: what is known.
        milestones: the last ones, with their steps.
        lines: of the run when it was last looked at.
        row: of the run then; a state that is stored holds none.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self.course = Course(settings)
        self.milestones: deque[Milestone] = deque(maxlen=_MILESTONES)
        self.lines = 0
        self.row: Row | None = None
        self._read: dict[Names, _Read] = {}
        self._milestone = 0, 0  # number and line of the last one
        self._step: int | None = None  # of the last record
        self._seen = False
        self._clock = stamps.Clock()  # of lines that were seen, up to one
        self._seen_line = 0

    def update(
        self,
        database: Database,
        columns: Columns,
        log: Log,
        row: Row,
        formats: Sequence[Format] = FORMATS,
    ) -> None:
        """Takes in what the run has more than before, in the snapshot of `columns`."""
        form = next((f for f in formats if f.name == row.format), None)
        groups = _groups(columns.spans(row.id))
        whole = _Whole(self, database, columns, row, groups)
        before, self._seen = self._seen, self._is_seen(database, row, whole.names)
        log = replace(log, format=form, info=_info(row), seen=self._seen)
        new = None
        if self._read and row.lines >= self.lines and self._seen == before:
            new = self._new(database, columns, row, groups)
        if new is None:
            self._begin()
            new = Records(dict.fromkeys(whole.names, _NONE), [], row.lines)
        self.course.update(log, new, whole.records)
        self.lines, self.row = row.lines, row

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "row": None}

    def _is_seen(self, database: Database, row: Row, names: Sequence[str]) -> bool:
        """Whether time is that at which lines were seen: nothing better is known."""
        if not names or not _TIMES.isdisjoint(names):
            return False
        return self._seen or len(database.places.seen(row.id, 0)) >= _MIN_SEEN

    def _begin(self) -> None:
        self.course = Course(self._settings)
        self.restart()

    def restart(self) -> None:
        """All records are read again."""
        self._read, self._milestone, self._step = {}, (0, 0), None
        self._clock, self._seen_line = stamps.Clock(), 0
        self.milestones.clear()

    def _new(
        self,
        database: Database,
        columns: Columns,
        row: Row,
        groups: Mapping[Names, Sequence[Span]],
    ) -> Records | None:
        """What was added, None where what was read before is not there any more."""
        batches: list[Batch] = []
        number, line = self._milestone
        if number:  # a log that is read again has others
            kept = database.milestones_after(row.id, number - 1, line)
            if number not in [n for n, _ in kept]:
                return None
        for names, read in self._read.items():
            spans = groups.get(names, ())
            if sum(s.records for s in spans) < read.records:
                return None
            if not _same(read.last, _record(columns, spans, read.records - 1)):
                return None
        for names, spans in groups.items():
            known = self._read.setdefault(names, _Read()).records
            batches += _behind(database, columns, spans, known)
        metrics = sorted({name for group in groups for name in group})
        return self.taken(database, row, batches, metrics)

    def taken(
        self,
        database: Database,
        row: Row,
        batches: Sequence[Batch],
        names: Sequence[str],
        *,
        until: int | None = None,
    ) -> Records:
        """Records that were read, with the milestones behind those before.

        `until`: the last line of those that were read, None where that is the last.
        """
        for batch in batches:
            if len(batch):
                read = self._read.setdefault(tuple(sorted(batch.values)), _Read())
                read.records += len(batch)
                value = batch.values[min(batch.values)][-1] if batch.values else 0.0
                read.last = int(batch.lines[-1]), int(batch.steps[-1]), float(value)
        steps = _Steps(batches, self._step)
        lines = row.lines if until is None else until
        found = {n: _column(n, batches) for n in names}
        if self._seen:
            found[_CLOCK] = self._time(database, row, steps, lines)
        marks = self._marks(database, row, steps, until)
        self._step = steps.last
        return Records(found, marks, lines)

    def _time(
        self, database: Database, row: Row, steps: "_Steps", last: int
    ) -> tuple[Ints, Ints, Floats]:
        """Training time where the log was seen to end, up to a line."""
        seen = [
            (line, at, step)
            for line, at in database.places.seen(row.id, self._seen_line)
            if line <= last and (step := steps.before(line)) is not None
        ]
        self._seen_line = last
        if not seen:
            return _NONE
        lines, times, known = (np.array(part) for part in zip(*seen, strict=True))
        clock = self._clock.read([(lines, known, {"clock_sec": times})])
        return clock.lines, clock.steps, clock.values.get(_CLOCK, np.empty(0))

    def _marks(
        self, database: Database, row: Row, steps: "_Steps", until: int | None
    ) -> list[Milestone]:
        """Milestones with the step of the record before each."""
        last = _END if until is None else until
        found = database.milestones_after(row.id, self._milestone[0], last)
        marks = [replace(m, step=steps.before(m.line)) for _, m in found]
        if found:
            self._milestone = found[-1][0], found[-1][1].line
        self.milestones += marks
        return marks


class _Steps:
    """The steps of new records by line, behind a record with a step or None."""

    def __init__(self, batches: Sequence[Batch], before: int | None) -> None:
        lines = np.concatenate([np.empty(0, np.int64), *(b.lines for b in batches)])
        steps = np.concatenate([np.empty(0, np.int64), *(b.steps for b in batches)])
        order = lines.argsort(kind="stable")
        self._lines, self._steps = lines[order], steps[order]
        self._before = before

    def before(self, line: int) -> int | None:
        """The step of the last record up to a line."""
        at = int(np.searchsorted(self._lines, line, side="right"))
        return int(self._steps[at - 1]) if at else self._before

    @property
    def last(self) -> int | None:
        """That of the last record."""
        return int(self._steps[-1]) if len(self._steps) else self._before


class _Whole:
    """All records of a run, read chunk by chunk."""

    def __init__(
        self,
        follower: Follower,
        database: Database,
        columns: Columns,
        row: Row,
        groups: Mapping[Names, Sequence[Span]],
    ) -> None:
        self._follower = follower
        self._database = database
        self._columns = columns
        self._row = row
        self._groups = groups
        self.names = sorted({name for group in groups for name in group})

    def records(self) -> Iterator[Records]:
        """The records in pieces, in the order of their lines."""
        self._follower.restart()
        if not all(map(self._is_ordered, self._groups.values())):
            yield from self._sorted().parts()
            return
        waiting = {names: list(spans) for names, spans in self._groups.items()}
        read: dict[Names, Batch] = {}
        while True:
            for names, spans in waiting.items():
                if spans and not len(read.get(names, ())):
                    read[names] = self._database.points.chunk(spans.pop(0).id)
            ends = [int(read[n].lines[-1]) for n, spans in waiting.items() if spans]
            until = min(ends) if ends else None
            batches = [_until(batch, until) for batch in read.values()]
            read = {names: _beyond(batch, until) for names, batch in read.items()}
            piece = self._follower.taken(
                self._database, self._row, batches, self.names, until=until
            )
            yield from piece.parts()
            if until is None:
                return

    def _is_ordered(self, spans: Sequence[Span]) -> bool:
        """Whether lines rise from chunk to chunk: large ones are not merged."""
        ends = [
            (_line(self._columns, s, 0), _line(self._columns, s, s.records - 1))
            for s in spans
        ]
        return all(a[1] <= b[0] for a, b in pairwise(ends))

    def _sorted(self) -> Records:
        """Everything at once, in the order of the lines."""
        batches = [
            self._database.points.chunk(span.id)
            for spans in self._groups.values()
            for span in spans
        ]
        ordered = [b.take(b.lines.argsort(kind="stable")) for b in batches]
        return self._follower.taken(self._database, self._row, ordered, self.names)


_NONE: Final = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def _info(row: Row) -> dict[str, int | float | str | bool]:
    info = dict(row.hyperparameters)
    if row.planned is not None:
        info.setdefault("max_iters", row.planned)
    return info


def _groups(spans: Sequence[Span]) -> dict[Names, list[Span]]:
    found: dict[Names, list[Span]] = {}
    for span in spans:
        found.setdefault(tuple(sorted(span.metrics)), []).append(span)
    return found


def _behind(
    database: Database, columns: Columns, spans: Sequence[Span], known: int
) -> Iterator[Batch]:
    """The records of one set of metrics behind the first `known` ones."""
    for span, first in _from_end(spans, known):
        count = span.records - first
        if count >= _WHOLE * span.records:
            yield database.points.chunk(span.id).take(slice(first, None))
        else:
            part = {
                name: columns.read(span, name, first, span.records)
                for name in ("lines", "steps", *span.metrics)
            }
            lines, steps = (part.pop(n).astype(np.int64) for n in ("lines", "steps"))
            yield Batch("", lines, steps, {n: v.astype(float) for n, v in part.items()})


def _from_end(spans: Sequence[Span], known: int) -> list[tuple[Span, int]]:
    """The chunks with records behind the first `known` ones, and where these begin."""
    left = sum(span.records for span in spans) - known
    found: list[tuple[Span, int]] = []
    for span in reversed(spans):
        if left <= 0:
            break
        found.insert(0, (span, max(span.records - left, 0)))
        left -= span.records
    return found


def _same(one: tuple[int, int, float], other: tuple[int, int, float]) -> bool:
    """Whether two records are the same; NaN is NaN."""
    return one[:2] == other[:2] and repr(one[2]) == repr(other[2])


def _record(columns: Columns, spans: Sequence[Span], at: int) -> tuple[int, int, float]:
    """Line, step and the value of the first metric of one record."""
    for span in spans:
        if at < span.records:
            names = "lines", "steps", *sorted(span.metrics)[:1]
            line, step, *values = (columns.read(span, n, at, at + 1) for n in names)
            return int(line[0]), int(step[0]), float(values[0][0]) if values else 0.0
        at -= span.records
    return 0, 0, 0.0


def _line(columns: Columns, span: Span, at: int) -> int:
    return int(columns.read(span, "lines", at, at + 1)[0])


def _until(batch: Batch, line: int | None) -> Batch:
    if line is None:
        return batch
    return batch.take(slice(0, int(np.searchsorted(batch.lines, line, "right"))))


def _beyond(batch: Batch, line: int | None) -> Batch:
    if line is None:
        return batch.take(slice(0, 0))
    return batch.take(slice(int(np.searchsorted(batch.lines, line, "right")), None))


def _column(name: str, batches: Sequence[Batch]) -> tuple[Ints, Ints, Floats]:
    """One metric of several batches, by line."""
    found = [b for b in batches if name in b.values]
    if not found:
        return _NONE
    if len(found) == 1:
        return found[0].lines, found[0].steps, found[0].values[name]
    lines = np.concatenate([b.lines for b in found])
    order = lines.argsort(kind="stable")
    steps = np.concatenate([b.steps for b in found])
    values = np.concatenate([b.values[name] for b in found])
    return lines[order], steps[order], values[order]
