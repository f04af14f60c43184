"""Runs of the list; only those that changed are read and formatted again."""

import math
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from watcher.alerts import outbox
from watcher.alerts.lifecycle import Alert
from watcher.daemon import status
from watcher.daemon.state_names import OVER
from watcher.storage.database import Database
from watcher.storage.remarks import NONE
from watcher.storage.rows import Row
from watcher.top import table
from watcher.top.model import Entry


# Reading and showing what changed takes at most so small a share of a core.
_REST: Final = 450.0
_SLOWEST_S: Final = 5.0
# Runs that are over are looked at so often: people add notes to them.
_ALL_S: Final = 10.0
# So many rows are in memory at once.
_PAGE: Final = 32


class Feed:
    """The runs of one database.

    Attributes:
        entries: of the current runs with metrics, by number.
        at: when the daemon last noted something of itself, seconds since 1970.
    """

    def __init__(self, database: Database, lang: str, every_s: float) -> None:
        """Reads `database` at most every so many seconds."""
        self._database, self._lang, self._every_s = database, lang, every_s
        self._form = partial(table.cells, lang=lang)
        self.entries: dict[int, Entry] = {}
        self.at: float | None = None
        self._prints: Mapping[int, int] = {}
        self._over: set[int] = set()
        self._version = self._newest = -1
        self._is_part = False
        self._spent_at = 0.0
        self.hurry()

    def hurry(self) -> None:
        """Reads at the next `refresh`, however little time has passed."""
        self._read_at = self._all_at = -math.inf

    def rest_s(self, now: float) -> float:
        """For how long nothing is read yet: what was read last cost its time."""
        spent = time.process_time() - self._spent_at
        rest = max(min(_REST * spent, _SLOWEST_S), self._every_s)
        return self._read_at + rest - now

    def refresh(self, now: float) -> bool:
        """Takes in what changed; whether anything may have."""
        if self.rest_s(now) > 0:
            return False
        version = self._database.data_version()
        is_all_due = now >= self._all_at + _ALL_S
        if version == self._version and not (self._is_part and is_all_due):
            return False
        self._version = version
        self._read_at, self._spent_at = now, time.process_time()
        self._take(self._fingerprints(now, is_all_due=is_all_due))
        return True

    def _fingerprints(self, now: float, *, is_all_due: bool) -> Mapping[int, int]:
        runs = self._database.table
        newest, live = runs.newest(), self._prints.keys() - self._over
        self._is_part = bool(live) and newest == self._newest and not is_all_due
        if self._is_part:
            return {**self._prints, **runs.fingerprints(*live)}
        self._newest, self._all_at = newest, now
        return runs.fingerprints()

    def _take(self, prints: Mapping[int, int]) -> None:
        notes = self._database.note("daemon") or {}
        self.at = notes.get("at")
        watched = frozenset(notes.get("roots", ()))
        for run in self.entries.keys() - prints.keys():
            del self.entries[run]
        changed = [r for r, value in prints.items() if self._prints.get(r) != value]
        for at in range(0, len(changed), _PAGE):
            self._read(changed[at : at + _PAGE], watched)
        self._prints = prints

    def _read(self, runs: Sequence[int], watched: frozenset[str]) -> None:
        alerts = self._firing(runs)
        remarks = self._database.remarks.all()
        for row in self._database.some(runs):
            found = alerts.get(row.id, ())
            known = remarks.get(row.id, NONE)
            line = status.line(row, found, watched, known, self._lang)
            (self._over.add if line.state in OVER else self._over.discard)(row.id)
            self.entries.pop(row.id, None)
            if row.current and (row.format or row.latest):
                self.entries[row.id] = self._entry(row, line)

    def _firing(self, runs: Sequence[int]) -> Mapping[int, Sequence[Alert]]:
        """Alerts that fire, of each of the runs that has some."""
        found: dict[int, dict[str, Alert]] = {}
        for run, known in outbox.load_all(self._database.outbox, *runs):
            found.setdefault(run, {})[known.key] = known
        return {run: status.of_interest(alerts) for run, alerts in found.items()}

    def _entry(self, row: Row, line: status.Line) -> Entry:
        return Entry(
            run=row.id,
            line=line,
            lines=row.lines,
            headline=str((row.diagnosis or {}).get("headline", "")),
            report=str((row.state.get("made") or {}).get("html", "")),
            form=self._form,
        )
