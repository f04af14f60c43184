"""What the screen shows, read from the database and the logs; nothing is written."""

import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from parsers.metrics import VALIDATION
from watcher.errors import GptwatchError, InputError
from watcher.host.lock import holder
from watcher.outputs.text.errors import said
from watcher.storage.database import Database
from watcher.storage.rows import Row
from watcher.top import metric_order, results
from watcher.top.feed import Feed
from watcher.top.findings import items
from watcher.top.log import excerpt, search
from watcher.top.model import Fleet, Loaded, Wanted
from watcher.views.clock import Clock
from watcher.views.clocks import Clocks
from watcher.views.lines import Excerpt, offset
from watcher.views.series import Curve, Series, Window


_HOLDER_S: Final = 5.0
# The daemon reports every few seconds.
_SILENT_S: Final = 30.0
_SPARK: Final = 16
# Windows of curves that are kept until something changes: a comparison has so many.
_DRAWN: Final = 32
# Run, first and last line; what was read of them, or why nothing.
_Log = tuple[tuple[int, int, int], tuple[Excerpt | None, str]]


class Source:
    """Reads for one screen."""

    def __init__(self, folder: Path, lang: str, every_s: float = 0.0) -> None:
        """Opens the database.

        Raises:
            StorageError: there is none, or it cannot be read now.
        """
        self._folder, self._lang, self._every_s = folder, lang, every_s
        self._use(Database(folder, read_only=True))
        self._held_until = -math.inf
        self.fleet = Fleet(pid=holder(folder))
        self._wanted: Wanted | None = None
        # Another line of the same block reads nothing: it may be megabytes away.
        self._read_log: _Log | None = None
        self._loaded = Loaded()

    def _use(self, database: Database) -> None:
        self._database = database
        database.spare_memory()
        self._series = Series(database)
        # Of small curves it is the values that are kept, not the points.
        self._small = Series(database, cache_bytes=0)
        self._times = Clocks(database, self._series)
        self._feed = Feed(database, self._lang, self._every_s)
        self._sparks: dict[int, tuple[object, Sequence[float]]] = {}
        self._drawn: dict[object, Sequence[Curve]] = {}

    def close(self) -> None:
        """Closes the database."""
        self._database.close()

    def rest_s(self) -> float:
        """For how many seconds nothing is read yet, whatever changes."""
        return self._feed.rest_s(time.monotonic())

    def refresh(self) -> bool:
        """Takes in what changed; whether anything did."""
        before = self.fleet
        try:
            self._refresh()
        except GptwatchError as error:
            self.fleet = replace(before, error=said(error, self._lang))
            self._reopen()
        return self.fleet is not before

    def hurry(self) -> None:
        """Looks at the next `refresh`, however little time has passed."""
        self._held_until = -math.inf
        self._feed.hurry()

    def _reopen(self) -> None:
        """A damaged database is set aside, and another takes its name."""
        with contextlib.suppress(GptwatchError):
            opened = Database(self._folder, read_only=True)
            self._database.close()
            self._use(opened)

    def _refresh(self) -> None:
        now = time.monotonic()
        is_due = now >= self._held_until
        if is_due:
            self._held_until = now + _HOLDER_S
            self._database.check_place()
        if self._feed.refresh(now):
            entries = tuple(entry for _, entry in sorted(self._feed.entries.items()))
            self.fleet = replace(self.fleet, entries=entries, at=self._feed.at)
            self._wanted = self._read_log = None
            self._drawn.clear()
        if is_due:
            self._look(holder(self._folder))

    def _look(self, pid: int | None) -> None:
        """Takes in how the daemon is: a fleet is only replaced by another one."""
        fleet = self.fleet
        at = fleet.at if pid is not None else None
        found = pid, at is not None and time.time() - at > _SILENT_S, ""
        if found != (fleet.pid, fleet.silent, fleet.error):
            pid, silent, error = found
            self.fleet = replace(fleet, pid=pid, silent=silent, error=error)

    def load(self, wanted: Wanted) -> Loaded:
        """What a screen needs; read again when it or the database changed."""
        if wanted == self._wanted:
            return self._loaded
        try:
            self._loaded = self._read(wanted)
        except GptwatchError as error:
            self._loaded = Loaded(problem=said(error, self._lang))
        self._wanted = wanted
        return self._loaded

    def _read(self, wanted: Wanted) -> Loaded:
        if wanted.sparks:
            return Loaded(sparks={run: self._spark(run) for run in wanted.sparks})
        if wanted.run is not None:
            return self._run(wanted, wanted.run)
        if wanted.alerts:
            return Loaded(alerts=items(self._database, self._lang))
        if wanted.compared:
            return self._compared(wanted)
        return Loaded()

    def _spark(self, run: int) -> Sequence[float]:
        state = self._drawn_at(run)
        known = self._sparks.get(run)
        if known is None or known[0] != state:
            self._sparks[run] = known = state, self._small_curve(run)
        return known[1]

    def _drawn_at(self, run: int) -> object:
        """Something that changes with the small curve: of evaluations, if there are."""
        entry = self._feed.entries.get(run)
        if entry is None:
            return None
        line = entry.line
        if line.val_loss is not None:
            return line.val_loss, line.best_step
        # A part of the log so small that it fills no cell.
        return int(_SPARK * math.log(max(entry.lines, 1)))

    def _small_curve(self, run: int) -> Sequence[float]:
        window = Window(width=_SPARK)
        found = self._small.curves(run, VALIDATION, window)
        found = found or self._small.curves(run, metric_order.TRAIN, window)
        if not found or not found[0].parts:
            return ()
        values = found[0].parts[-1][1].last
        return [float(value) for value in values[np.isfinite(values)]]

    def _run(self, wanted: Wanted, run: int) -> Loaded:
        row = self._database.run(run)
        metrics = list(self._series.metrics(run))
        main = metric_order.chosen(metrics, wanted.chart)
        small = metric_order.around(metrics, wanted)
        clocks = self._clocks([row], wanted)
        window = replace(wanted.window, clock=clocks.get(run))
        narrow = replace(window, width=max(wanted.small_width, 2))
        lines, problem = self._log(row, wanted.log)
        line = wanted.line
        is_record = wanted.record and line is not None and lines is not None
        return Loaded(
            curves=[(run, c) for c in self._curves(run, main, window)],
            clocks=clocks,
            small=self._curves(run, small, narrow) if small else (),
            metrics=metrics,
            row=results.facts(row),
            points={} if line is None else self._series.near(run, main, "lines", line),
            excerpt=lines,
            problem=problem,
            marked=self._points_in(run, main, lines),
            parsed=self._parsed(run, metrics, line) if is_record and line else {},
            offset=self._offset(row, line) if is_record and line else None,
        )

    def _parsed(self, run: int, metrics: Sequence[str], line: int) -> dict[str, float]:
        """The values that were read of a line."""
        near = self._series.near(run, metrics, "lines", line)
        return {
            metric: float(points.values[0])
            for metric, points in near.items()
            if points.lines[0] == line
        }

    def _offset(self, row: Row, line: int) -> int:
        return offset(row, self._database.places.of(row.id), line)

    def _curves(
        self, run: int, metrics: Sequence[str], window: Window
    ) -> Sequence[Curve]:
        """Curves in a window; another crosshair reads nothing."""
        key = run, tuple(metrics), window
        if key not in self._drawn:
            if len(self._drawn) >= _DRAWN:
                self._drawn.clear()
            self._drawn[key] = self._series.curves(run, metrics, window)
        return self._drawn[key]

    def _clocks(self, rows: Sequence[Row], wanted: Wanted) -> Mapping[int, Clock]:
        """The clock of each run; none at all where one of them has none."""
        if not wanted.clock:
            return {}
        known = {row.id: self._times.of(row).get(wanted.clock) for row in rows}
        found = {run: clock for run, clock in known.items() if clock is not None}
        return found if len(found) == len(known) else {}

    def _log(self, row: Row, log: tuple[int, int] | None) -> tuple[Excerpt | None, str]:
        """Some lines of a run's log, or why there are none."""
        if log is None:
            return None, ""
        if self._read_log is None or self._read_log[0] != (row.id, *log):
            self._read_log = (row.id, *log), self._excerpt(row, log)
        return self._read_log[1]

    def _excerpt(self, row: Row, log: tuple[int, int]) -> tuple[Excerpt | None, str]:
        try:
            return excerpt(row, self._database.places.of(row.id), log), ""
        except InputError as error:
            return None, said(error, self._lang)

    def _points_in(
        self, run: int, metrics: Sequence[str], lines: Excerpt | None
    ) -> frozenset[int]:
        """Lines of an excerpt that hold points."""
        if lines is None:
            return frozenset()
        n = len(lines.lines)
        found: set[int] = set()
        for metric in metrics:
            points = self._series.next(run, metric, lines.first - 1, n)
            found.update(int(line) for line in points.lines if line < lines.first + n)
        return frozenset(found)

    def _compared(self, wanted: Wanted) -> Loaded:
        rows = [self._database.run(run) for run in wanted.compared]
        clocks = self._clocks(rows, wanted)
        metrics = [
            metric_order.losses(list(self._series.metrics(r.id)))[-1:] for r in rows
        ]
        curves = []
        for row, metric in zip(rows, metrics, strict=True):
            window = replace(wanted.window, clock=clocks.get(row.id))
            curves += [(row.id, c) for c in self._curves(row.id, metric, window)]
        compared = [
            {
                "run": row.id,
                "name": row.name,
                "hyperparameters": {**row.hyperparameters, **self._said(row.id)},
                **results.facts(row),
            }
            for row in rows
        ]
        return Loaded(
            curves=curves,
            clocks=clocks,
            compared=compared,
            units=results.units(rows, metrics),
        )

    def _said(self, run: int) -> Mapping[str, str]:
        """What people said of a run, as settings that may differ."""
        entry = self._feed.entries.get(run)
        if entry is None:
            return {}
        known = {
            "tags": " ".join(entry.line.tags),
            "note": " ".join(entry.line.notes[-1:]),
        }
        return {name: text for name, text in known.items() if text}

    def search(self, run: int, text: str, start: int, sign: int) -> int | None:
        """The next line that holds a text, from a line on; None without one."""
        row, places = self._database.run(run), self._database.places.of(run)
        return search(row, places, text, start, sign)

    def rows(self) -> Sequence[Row]:
        """All runs of the database."""
        return self._database.runs()

    def place(self, name: str, step: int) -> tuple[int, int] | None:
        """A run and the line of its point that is nearest to a step."""
        from watcher.views.runs import line_of

        for entry in self.fleet.entries:
            if entry.line.run == name:
                line = line_of(self._series, entry.run, step)
                return None if line is None else (entry.run, line)
        return None
