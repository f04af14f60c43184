"""Measures records as they come: each metric, and what is derived from several."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from parsers import metrics
from parsers.batch import Floats, Ints, Milestone
from parsers.format import Format
from watcher.analysis.model import Clock, Curve, Measured, Segment
from watcher.analysis.segments import current


_MS: Final = 1000.0
# Records whose step is their epoch, which show it where a format has both.
_MIN_EPOCHS: Final = 2
# Share of the records that are of another run in a table of results.
_OTHER_RUNS: Final = 0.8
_THROUGHPUT: Final = ("tokens_per_s", "samples_per_s", "iters_per_s")
# Where the training loss at an evaluation comes from, the best first.
_PART: Final = 1 << 16  # records
SOURCES: Final = ("train_loss", "loss", "mean")

Info = Mapping[str, int | float | str | bool]


@dataclass(frozen=True, slots=True)
class Log:
    """What is known of a log beside its records.

    Attributes:
        name, path: of the run and of its log.
        format: None before the first metric.
        info: as in `Measured`.
        changed_at, ended, seen: as in `Measured`.
    """

    name: str
    path: str
    format: Format | None
    info: Info
    changed_at: float | None = None
    ended: bool = False
    seen: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """New records of a run.

    Attributes:
        columns: lines, steps and values of each metric that the run has, empty where
            there is nothing new.
        milestones: with their steps.
        lines: of the log up to here.
    """

    columns: Mapping[str, tuple[Ints, Ints, Floats]]
    milestones: Sequence[Milestone]
    lines: int

    def parts(self) -> Iterator["Records"]:
        """The same records some lines at a time, so that temporaries stay small."""
        most = max((len(c[0]) for c in self.columns.values()), default=0)
        every = max(_PART * self.lines // max(most, 1), 1)
        cuts = range(every, self.lines + 1, every)
        marks = [m.line for m in self.milestones]
        first = -1
        for end in (*cuts, np.iinfo(np.int64).max):
            columns = {
                name: _between(column, first, end)
                for name, column in self.columns.items()
            }
            own = slice(bisect_left(marks, first), bisect_left(marks, end))
            last = min(self.lines, end - 1)
            yield Records(columns, self.milestones[own], last)
            first = end

    def ends(self) -> tuple[int, int] | None:
        """The first and the last line, None without any."""
        filled = [c[0] for c in self.columns.values() if len(c[0])]
        marks = [m.line for m in self.milestones]
        if not filled and not marks:
            return None
        return (
            min([*(int(c[0]) for c in filled), *marks[:1]]),
            max([*(int(c[-1]) for c in filled), *marks[-1:]]),
        )


def _between(
    column: tuple[Ints, Ints, Floats], first: int, end: int
) -> tuple[Ints, Ints, Floats]:
    """The records of a column between two lines, the last one not among them."""
    part = slice(*np.searchsorted(column[0], [first, end]).tolist())
    lines, steps, values = column
    return lines[part], steps[part], values[part]


class Pieces:
    """Measures the records of a log piece by piece.

    Attributes:
        sources: of the training loss at evaluations, one of `SOURCES` for each
            validation metric; the last one by default.
    """

    def __init__(self, sources: Mapping[str, str] | None = None) -> None:
        self.sources = sources or {}
        self._clock_point: tuple[float, int] | None = None  # ms and step, the last
        # Sum and count of the finite training losses: all, and until the last
        # evaluation of each set.
        self._trained = (0.0, 0)
        self._evaluated: dict[str, tuple[float, float]] = {}
        self._spent = (0.0, 0.0)  # known ms, missing iterations
        self._step: int | None = None  # of the last time
        self._epochs = self._records = self._changes = 0
        self._sets: dict[str, None] = {}  # named validation sets, as they came

    def measure(
        self, log: Log, new: Records, segments: tuple[Segment, ...]
    ) -> Measured:
        """The next records.

        Raises:
            SourceFoundError: earlier ones were measured with a lesser source.
        """
        units = log.format.units if log.format else {}
        averaged = log.format.averaged if log.format else frozenset()
        curves = {
            name: Curve(
                name,
                units.get(metrics.plain(name), metrics.unit(name)),
                steps,
                values,
                lines,
                current(lines, steps, segments),
            )
            for name, (lines, steps, values) in new.columns.items()
        }
        train, time = curves.get("loss"), self._time(curves)
        val, *others = [*self._validations(curves), None]
        sets = [c for c in (val, *others) if c is not None]
        beside = [self._val_train(c, curves) for c in sets]
        self._note_trained(train)
        return Measured(
            name=log.name,
            path=log.path,
            format=log.format.name if log.format else "",
            info=log.info,
            train=train,
            train_smooth=None,
            window=0,
            val=val,
            val_train=beside[0] if sets else None,
            other_sets=tuple(zip(sets[1:], beside[1:], strict=True)),
            comparable=comparable(val, curves),
            time=time,
            pause=None,
            mfu=_mfu(curves),
            throughput=throughput(curves),
            curves=curves,
            elapsed_s=None,
            smoothed_loss="loss" in averaged,
            averaged_mfu="mfu" in averaged,
            segments=segments,
            milestones=tuple(new.milestones),
            lines=new.lines,
            changed_at=log.changed_at,
            ended=log.ended,
            seen=log.seen,
            epochs=self._counts_epochs(log, curves, val if train is None else train),
            table=self._is_table(curves, val if train is None else train),
            clocks=self._clocks(sets, time, curves),
        )

    def _validations(self, curves: Mapping[str, Curve]) -> list[Curve]:
        """The validation, then the losses of named sets in the order of the log."""
        named = [c for n, c in curves.items() if metrics.validation_set(n) and len(c)]
        for c in sorted(named, key=lambda c: int(c.lines[0])):
            self._sets.setdefault(c.metric, None)
        main = [curves[n] for n in metrics.VALIDATION if n in curves][:1]
        return [*main, *(curves[n] for n in self._sets)]

    def _time(self, curves: Mapping[str, Curve]) -> Curve | None:
        clock = curves.get("train_time_ms")
        if clock is None or "iter_ms" in curves:
            return times(curves)
        if not len(clock):
            return _times(clock, np.empty(0, np.int64), np.empty(0))
        first = self._clock_point or (float(clock.values[0]), int(clock.steps[0]))
        self._clock_point = float(clock.values[-1]), int(clock.steps[-1])
        passed = np.diff(clock.values, prepend=first[0])
        done = np.diff(clock.steps, prepend=first[1])
        ok = np.flatnonzero((done > 0) & (passed > 0))
        return _times(clock, ok, passed[ok] / done[ok])

    def _val_train(self, val: Curve, curves: Mapping[str, Curve]) -> Floats:
        """Training loss at each evaluation, from what the log held until then."""
        chosen = self.sources.get(val.metric, SOURCES[-1])
        for name in SOURCES[:-1]:
            if name not in curves or not len(val):
                continue
            beside = at_lines(curves[name], val.lines)
            if chosen == name:
                return beside
            if np.isfinite(beside).any():
                raise SourceFoundError(val.metric, name)
        return self._mean_since_last(val, curves.get("loss"))

    def _mean_since_last(self, val: Curve, train: Curve | None) -> Floats:
        """Mean of the finite training losses between evaluations."""
        means = np.full(len(val), np.nan)
        if train is None or not len(val):
            return means
        finite = np.isfinite(train.values)
        losses = np.where(finite, train.values, 0.0)
        total = np.append(self._trained[0], losses).cumsum()
        count = np.append(self._trained[1], finite).cumsum()
        ends = np.searchsorted(train.lines, val.lines)
        before = self._evaluated.get(val.metric, (0.0, 0.0))
        sums = np.diff(total[ends], prepend=before[0])
        many = np.diff(count[ends], prepend=before[1])
        self._evaluated[val.metric] = float(total[ends[-1]]), float(count[ends[-1]])
        np.divide(sums, many, out=means, where=many > 0)
        return means

    def _note_trained(self, train: Curve | None) -> None:
        """Sums up the finite training losses."""
        if train is None or not len(train):
            return
        finite = np.isfinite(train.values)
        losses = np.append(self._trained[0], np.where(finite, train.values, 0.0))
        many = self._trained[1] + int(np.count_nonzero(finite))
        self._trained = float(losses.cumsum()[-1]), many

    def _clocks(
        self, sets: Sequence[Curve], time: Curve | None, curves: Mapping[str, Curve]
    ) -> dict[str, Clock]:
        """Time spent until each new evaluation."""
        if "train_time_ms" in curves:
            clock = curves["train_time_ms"]
            lines, known = clock.lines, np.append(self._spent[0], clock.values)
            missing = np.zeros(len(known))
            self._spent = float(known[-1]), 0.0
        elif time is None:
            return {}
        else:
            lines = time.lines
            known, missing = self.cumulated(time)
        found = {}
        for val in sets:
            at = np.searchsorted(lines, val.lines, side="right")
            found[val.metric] = Clock(known[at], missing[at])
        return found

    def cumulated(self, time: Curve) -> tuple[Floats, Floats]:
        """Known ms and missing iterations before the first new time, and at each."""
        if not len(time):
            return np.array(self._spent[:1]), np.array(self._spent[1:])
        before = int(time.steps[0]) - 1 if self._step is None else self._step
        gaps = np.diff(time.steps, prepend=before) - 1
        self._step = int(time.steps[-1])
        finite = np.isfinite(time.values)
        # A line after several iterations states the time of the last alone.
        missing = np.clip(gaps, 0, None) + ~finite
        known = np.append(self._spent[0], np.where(finite, time.values, 0.0)).cumsum()
        skipped = np.append(self._spent[1], missing).cumsum()
        self._spent = float(known[-1]), float(skipped[-1])
        return known, skipped

    def elapsed(self, time: Curve, usual_ms: float) -> Floats:
        """Seconds until each new time, where one that is missing is as usual."""
        found = np.empty(len(time))
        for at in range(0, len(time), _PART):
            part = slice(at, at + _PART)
            known, missing = self.cumulated(time.take(part))
            found[part] = Clock(known[1:], missing[1:]).seconds(usual_ms)
        return found

    @property
    def spent(self) -> Clock:
        """The time spent so far."""
        return Clock(np.array(self._spent[:1]), np.array(self._spent[1:]))

    def _is_table(self, curves: Mapping[str, Curve], main: Curve | None) -> bool:
        """Whether nearly every record is of another run than the one before."""
        changes = curves.get("run_no")
        self._records += 0 if main is None else len(main)
        if changes is None or main is None:
            return False
        self._changes += len(changes)
        return self._changes >= _OTHER_RUNS * (self._records - 1)

    def _counts_epochs(
        self, log: Log, curves: Mapping[str, Curve], main: Curve | None
    ) -> bool:
        """Whether what the log calls a step is an epoch."""
        if log.format is not None and log.format.epochs:
            return True
        epoch = curves.get("epoch")
        if epoch is None or main is None:
            return False
        if self._epochs >= 0:
            same = np.array_equal(epoch.values, epoch.steps)
            self._epochs = self._epochs + len(epoch) if same else -1
        return self._epochs >= _MIN_EPOCHS


class SourceFoundError(Exception):
    """A better source of the training loss at evaluations shows up late."""

    def __init__(self, metric: str, source: str) -> None:
        super().__init__(metric, source)
        self.metric = metric
        self.source = source


def validation(curves: Mapping[str, Curve]) -> Curve | None:
    """The validation figure that is judged."""
    return next((curves[n] for n in metrics.VALIDATION if n in curves), None)


def at_lines(curve: Curve, lines: Ints) -> Floats:
    """Values of a curve at some lines, NaN where it has none there."""
    if not len(curve):
        return np.full(len(lines), np.nan)
    at = np.searchsorted(curve.lines, lines).clip(max=len(curve) - 1)
    return np.where(curve.lines[at] == lines, curve.values[at], np.nan)


def comparable(val: Curve | None, curves: Mapping[str, Curve]) -> bool:
    """Whether validation and training loss are in one unit."""
    if val is None or metrics.plain(val.metric) != "val_loss":
        return False
    beside = curves.get("train_loss", curves.get("loss"))
    return beside is not None and beside.unit == val.unit


def throughput(curves: Mapping[str, Curve]) -> Curve | None:
    """The rate that the log states."""
    return next((curves[n] for n in _THROUGHPUT if n in curves), None)


def times(curves: Mapping[str, Curve]) -> Curve | None:
    """Time of an iteration in ms: as printed, else from a clock or a rate."""
    if "iter_ms" in curves:
        return curves["iter_ms"]
    if "train_time_ms" in curves:
        clock = curves["train_time_ms"]
        passed, done = np.diff(clock.values), np.diff(clock.steps)
        ok = np.flatnonzero((done > 0) & (passed > 0))
        return _times(clock, ok + 1, passed[ok] / done[ok])
    if "iters_per_s" in curves:
        rate = curves["iters_per_s"]
        some = np.flatnonzero(rate.values > 0)
        return _times(rate, some, _MS / rate.values[some])
    return None


def _times(curve: Curve, where: Ints, ms: Floats) -> Curve:
    return replace(curve.take(where), metric="iter_ms", unit="ms", values=ms)


def _mfu(curves: Mapping[str, Curve]) -> Curve | None:
    """MFU in %, NaN where it is not known (-100)."""
    printed = curves.get("mfu")
    if printed is None:
        return None
    known = printed.values >= 0
    return replace(printed, values=np.where(known, printed.values, np.nan))
