"""A run that is followed: what is known of it grows with its records.

    course = Course(settings)
    course.update(log, new, whole)   # whole() reads all records again, piece by piece
    course.summary, course.findings

All is a fold over the records: whatever the pieces, the result is the same, and records
are looked at once.  What later records change in earlier ones is rare: a restart
supersedes them, another metric or format shows up.  Then the fold begins again.
"""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from parsers import metrics
from parsers.batch import Floats, Ints
from watcher.analysis.figures import Figures
from watcher.analysis.finding import Finding
from watcher.analysis.model import Clock, Curve, Measured, Segment, Summary
from watcher.analysis.pieces import Log, Pieces, Records, SourceFoundError, validation
from watcher.analysis.rules import Rules, Settings
from watcher.analysis.segments import SegmentsState


Whole = Callable[[], Iterable[Records]]


class Course:
    """What is known of a run up to its last record.

    Attributes:
        segments: of the run.
        line: the last line that was looked at.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._segments = SegmentsState()
        self._sources: dict[str, str] = {}
        self._key: Any = None
        self._begin()
        self.segments: tuple[Segment, ...] = ()
        self.line = 0
        self.rebuilds = 0
        self._main_set = ""  # of a log whose validation sets are all named

    def update(self, log: Log, new: Records, whole: Whole) -> None:
        """Takes in new records of a log."""
        self._log = log
        ends = new.ends()
        if self._key is not None and (ends is None or ends[0] > self.line):
            self._note_segments(new)
            if self._key == self._shape(log, new) and self._fold(new):
                self.line = ends[1] if ends else self.line
                return
        self._rebuild(log, whole)

    def __getstate__(self) -> dict[str, Any]:
        # That of the next update counts, and a format holds compiled patterns.
        return {name: v for name, v in vars(self).items() if name != "_log"}

    def facts(self) -> Measured:
        """What the log states by now, without its records."""
        last = self._last
        assert last is not None, "call `update` first"
        return replace(
            last,
            info=self._log.info,
            changed_at=self._log.changed_at,
            ended=self._log.ended,
            segments=self.segments,
            usual_ms=self._figures.times.usual_ms,
        )

    def judged(self) -> tuple[tuple[Finding, ...], Summary]:
        """The findings and the figures."""
        # A value near the largest float has an infinite variance: nothing is sure.
        with np.errstate(over="ignore", invalid="ignore"):
            facts = self.facts()
            findings = self._rules.findings(facts)
            figures = self._figures.summary(facts, findings, self._pieces.spent)
        return findings, figures

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics that have points."""
        return [] if self._last is None else list(self._last.curves)

    @property
    def records(self) -> int:
        """How many points the training loss has, or else the validation."""
        return self._figures.records

    def levels(self) -> Curve:
        """The mean training loss of some hundred parts of the run, by line."""
        return self._figures.levels()

    @property
    def mfu_ms(self) -> float | None:
        """The product of MFU and time of an iteration, None where it is not known."""
        return self._figures.times.mfu_ms

    def trained_at(self, metric: str, lines: Ints) -> Floats:
        """Training loss at evaluations, which stand at some lines."""
        known = self._evaluations.get(metric)
        if known is None or not len(known.lines):
            return np.full(len(lines), np.nan)
        at = np.searchsorted(known.lines, lines).clip(max=len(known.lines) - 1)
        return np.asarray(np.asarray(known.trained)[at], dtype=np.float64)

    def elapsed(self, time: Curve) -> tuple[Ints, Floats]:
        """Lines, and seconds of training until them.

        At every time where these are all of them, else at evaluations.
        """
        usual = self._figures.times.usual_ms
        if len(time) == self._figures.times.count:
            return time.lines, Pieces().elapsed(time, usual)
        places = next(iter(self._evaluations.values()), _Evaluations())
        clock = Clock(
            np.append(places.known, self._pieces.spent.known),
            np.append(places.missing, self._pieces.spent.missing),
        )
        lines = np.array([0, *places.lines, self.line], dtype=np.int64)
        return lines, np.append(0.0, clock.seconds(usual))

    def _begin(self) -> None:
        self._evaluations: dict[str, _Evaluations] = {}
        self._pieces = Pieces(self._sources)
        self._figures = Figures()
        self._rules = Rules(self._settings)
        self._last: Measured | None = None

    def _rebuild(self, log: Log, whole: Whole) -> None:
        """Folds all records anew."""
        self.rebuilds += 1
        self._segments, self._sources = SegmentsState(), {}
        self.line, self._main_set, last = 0, "", None
        for records in whole():
            self._note_segments(records)
            last, ends = records, records.ends()
            self.line = max(self.line, ends[1]) if ends else self.line
        assert last is not None, "a run has at least one piece, empty or not"
        self._key = self._shape(log, last)
        done = False
        while not done:
            self._begin()
            done = all(self._fold(records) for records in whole())

    def _note_segments(self, new: Records) -> None:
        curves = {n: _bare(n, c) for n, c in new.columns.items()}
        val = validation(curves)
        if val is None:
            named = [c for n, c in curves.items() if metrics.validation_set(n)]
            filled = sorted((c for c in named if len(c)), key=lambda c: int(c.lines[0]))
            self._main_set = self._main_set or (filled[0].metric if filled else "")
            val = curves.get(self._main_set)
        main = curves.get("loss", val)
        if main is not None:
            self._segments.update(main.lines, main.steps, new.milestones, val)
        self.segments = self._segments.segments()

    def _fold(self, new: Records) -> bool:
        """Takes in the next records; False where all have to be folded again."""
        try:
            piece = self._pieces.measure(self._log, new, self.segments)
        except SourceFoundError as error:
            self._sources = {**self._sources, error.metric: error.source}
            return False
        with np.errstate(over="ignore", invalid="ignore"):
            self._figures.update(piece)
            self._rules.update(piece)
        self._note_evaluations(piece)
        self._last = _emptied(piece)
        return True

    def _note_evaluations(self, piece: Measured) -> None:
        main = [(piece.val, piece.val_train)] if piece.val is not None else []
        for val, trained in (*main, *piece.other_sets):
            assert trained is not None
            known = self._evaluations.setdefault(val.metric, _Evaluations())
            known.lines.extend(val.lines.tolist())
            known.trained.extend(trained.tolist())
            if val.metric in piece.clocks:
                known.known.extend(piece.clocks[val.metric].known.tolist())
                known.missing.extend(piece.clocks[val.metric].missing.tolist())

    def _shape(self, log: Log, new: Records) -> Any:
        """What earlier records were judged by: another one judges them anew."""
        starts = [(s.first_step, s.first_line, s.reason) for s in self.segments]
        name = log.format.name if log.format else ""
        return name, sorted(new.columns), log.info.get("max_iters"), starts


@dataclass(slots=True)
class _Evaluations:
    """Evaluations of one set: their line, the training loss and the time there."""

    lines: "array[int]" = field(default_factory=lambda: array("q"))
    trained: "array[float]" = field(default_factory=lambda: array("d"))
    known: "array[float]" = field(default_factory=lambda: array("d"))
    missing: "array[float]" = field(default_factory=lambda: array("d"))


def _bare(name: str, column: tuple[Any, Any, Any]) -> Curve:
    lines, steps, values = column
    return Curve(name, "", steps, values, lines, np.ones(len(lines), dtype=bool))


def _emptied(piece: Measured) -> Measured:
    """The piece without its records."""
    curves = {name: _none_of(curve) for name, curve in piece.curves.items()}

    def of(curve: Curve | None) -> Curve | None:
        return None if curve is None else _none_of(curve)

    return replace(
        piece,
        curves=curves,
        train=of(piece.train),
        val=of(piece.val),
        val_train=None if piece.val_train is None else np.empty(0),
        other_sets=tuple((_none_of(c), np.empty(0)) for c, _ in piece.other_sets),
        time=of(piece.time),
        mfu=of(piece.mfu),
        throughput=of(piece.throughput),
        milestones=(),
        clocks={},
    )


def _none_of(curve: Curve) -> Curve:
    """A curve of the metric without a point."""
    return replace(
        curve,
        steps=np.empty(0, np.int64),
        values=np.empty(0),
        lines=np.empty(0, np.int64),
        current=np.empty(0, dtype=bool),
    )
