"""One append to an event file: its plan, and the events that it gives."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parsers.batch import Batch, Floats, Ints
from watcher.export import events
from watcher.export.tags import tag


_MS: Final = 1000.0
# Two processes that write one log go back and forth all the time: no restarts.
_INTERLEAVED: Final = 0.05
_MIN_INTERLEAVED: Final = 5
Lines = dict[str, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the file holds, and what is being appended to it.

    Attributes:
        first_seen: of the run; another run of this name begins another file.
        length: bytes of the file before the append.
        done, until: the last line for each set of metrics, before and after it.
        records: how many stand up to `until`.
        before, at: times of the last point, before and after the append.
        steps: the last step of each set of metrics before it.
        high: the highest step since the last restart, before it.
        backs: how often steps fell before it.
        text: a text summary that is appended, "" for none.
        key: of the last text summary.
    """

    first_seen: float
    length: int = 0
    done: Lines = field(default_factory=dict)
    until: Lines = field(default_factory=dict)
    records: int = 0
    before: float = 0.0
    at: float = 0.0
    steps: Lines = field(default_factory=dict)
    high: int = -1
    backs: int = 0
    text: str = ""
    key: str = ""


class Append:
    """The records of one append, cut where the training was restarted.

    Attributes:
        steps, high, backs: as in the plan, after the append.
    """

    def __init__(self, plan: Plan, fresh: Mapping[str, Batch]) -> None:
        self._plan = plan
        self._fresh = fresh
        self._times = _Times(plan, fresh)
        self.backs = plan.backs
        self._restarts = self._found()
        self.steps = plan.steps | {n: int(b.steps[-1]) for n, b in fresh.items()}
        last = self._restarts[-1][0] if self._restarts else -1
        self.high = max(self._high(last, None), -1 if self._restarts else plan.high)

    def encoded(self) -> Iterator[bytes]:
        """Its events: those of each part by metric, a restart between two parts."""
        starts = [(-1, -1), *self._restarts]
        ends: list[int | None] = [line for line, _ in starts[1:]]
        for (first, step), end in zip(starts, [*ends, None], strict=True):
            if first >= 0:
                at = self._times.at(np.array([first]))
                yield events.restart(float(at[0]), step)
            for batch in self._fresh.values():
                rows = _between(batch.lines, first, end)
                times = self._times.at(batch.lines[rows])
                for metric, column in batch.values.items():
                    columns = times, batch.steps[rows], column[rows]
                    yield from events.scalars(tag(metric), *columns)

    def _found(self) -> list[tuple[int, int]]:
        """Line and step of each restart.

        A second curve that goes back to the same steps is no second restart.
        """
        falls = sorted(
            fall
            for names, batch in self._fresh.items()
            for fall in _falls(batch, self._plan.steps.get(names))
        )
        self.backs += len(falls)
        if self.backs > max(_MIN_INTERLEAVED, _INTERLEAVED * self._plan.records):
            return []
        found: list[tuple[int, int]] = []
        for line, step in falls:
            since = found[-1][0] if found else -1
            before = -1 if found else self._plan.high
            if max(before, self._high(since, line)) > step:
                found.append((line, step))
        return found

    def _high(self, first: int, end: int | None) -> int:
        """The highest step of the records between two lines, -1 without any."""
        highs = [
            int(batch.steps[rows].max())
            for batch in self._fresh.values()
            if (rows := _between(batch.lines, first, end)).stop > rows.start
        ]
        return max(highs, default=-1)


def _falls(batch: Batch, before: int | None) -> Iterator[tuple[int, int]]:
    """Line and step of each restart: the line behind the record before it.

    Records of other metrics may stand between the two, and belong to the restart.
    """
    first = batch.steps[0] if before is None else before
    for at in np.flatnonzero(np.diff(batch.steps, prepend=first) < 0).tolist():
        yield int(batch.lines[at - 1]) + 1 if at else 0, int(batch.steps[at])


def _between(lines: Ints, first: int, end: int | None) -> slice:
    """The records from one line up to another one."""
    start = int(np.searchsorted(lines, first))
    stop = len(lines) if end is None else int(np.searchsorted(lines, end))
    return slice(start, stop)


class _Times:
    """When the lines of an append were written, as far as it is known.

    The last one when the log was last changed, the others before it by the times of
    iterations; none before what was appended earlier.
    """

    def __init__(self, plan: Plan, fresh: Mapping[str, Batch]) -> None:
        self._at, self._before = plan.at, plan.before
        self._lines: Ints = np.zeros(1, np.int64)
        self._ago: Floats = np.zeros(1)
        timed = [b for b in fresh.values() if "iter_ms" in b.values]
        if timed:
            batch = max(timed, key=len)
            spent = np.nan_to_num(batch.values["iter_ms"].clip(min=0.0), posinf=0.0)
            passed = np.cumsum(spent) / _MS
            self._lines, self._ago = batch.lines, passed[-1] - passed

    def at(self, lines: Ints) -> Floats:
        """Seconds since 1970, shape (n,)."""
        ago = np.interp(lines, self._lines, self._ago)
        times: Floats = np.maximum(self._at - ago, self._before)
        return times
