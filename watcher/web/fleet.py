"""All runs, and what changed of them since somebody looked."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from watcher.analysis import place
from watcher.daemon import status
from watcher.host.lock import holder
from watcher.outputs.text.escape import utf8 as shown
from watcher.storage.database import Database
from watcher.storage.rows import Row
from watcher.views.series import Series, Window
from watcher.web import wire


_HOLDER_S: Final = 1.0
# Pixels of a sparkline.
_SPARK: Final = 32
# An event brings the points of runs whose curves were asked for so lately.
_LOOKED_AT_S: Final = 60.0
# More of them, or those of more metrics, are asked for.
_TAIL: Final = 50
_METRICS: Final = 16
# A curve of fewer points shows less than that of another metric.
_FEW: Final = 3
_DRAWN: Final = ("val_loss", "val_bpb", "loss", "train_loss")


class Fleet:
    """Keeps an entry for each run, and reads again only those that changed.

    Attributes:
        rev: rises with every change; other than that of an earlier process.
        entries: by run.
        pid: of the daemon, None when it does not run.
    """

    def __init__(self, folder: Path, database: Database, series: Series) -> None:
        self._folder = folder
        self._database = database
        self._series = series
        self._prints: dict[int, int] = {}
        self._version = -1
        self._changed: dict[str, dict[str, Any]] = {}
        self._gone: list[str] = []
        self._sparks: dict[int, tuple[str, int, list[list[float]]]] = {}
        self._looked_at: dict[int, float] = {}
        self._sent_lines: dict[int, int] = {}
        self._held_until = 0.0
        self.rev = time.time_ns() // 1_000_000
        self.entries: dict[int, dict[str, Any]] = {}
        self.rows: dict[int, Row] = {}
        self.pid = holder(folder)

    def refresh(self) -> None:
        """Takes in what changed."""
        version = self._database.data_version()
        if version == self._version:
            return
        before, self._version = dict(self.entries), version
        self._take(self._database.table.fingerprints())
        # Another run may have the name of one that is gone, and a run another name.
        names = {entry["run"] for entry in self.entries.values()}
        gone = {entry["run"] for entry in before.values()} - names
        self.rev += bool(gone)
        self._gone += sorted(gone)
        for name in gone:
            self._changed.pop(name, None)
        for run, entry in self.entries.items():
            if entry is not before.get(run):
                fields = _difference(before.get(run, {}), entry)
                self._changed.setdefault(entry["run"], {}).update(fields)

    def changes(self) -> dict[str, Any] | None:
        """The fields of each run that changed since the last call, None without any."""
        self.refresh()
        pid, before = self._holder(), self.pid
        self.pid = pid
        self.rev += before != pid
        if not self._changed and not self._gone and before == pid:
            return None
        self._add_tails(self._changed)
        found = {"runs": self._changed, "gone": self._gone}
        self._changed, self._gone = {}, []
        return {"rev": self.rev, "pid": pid, **found}

    def look_at(self, run: int) -> None:
        """Curves of a run are shown: events bring its points from now on."""
        self._looked_at[run] = time.monotonic()

    def _add_tails(self, changed: dict[str, dict[str, Any]]) -> None:
        """Points that came since the event before, of runs that somebody looks at."""
        now = time.monotonic()
        for run, at in list(self._looked_at.items()):
            if now - at > _LOOKED_AT_S or run not in self.entries:
                del self._looked_at[run]
                self._sent_lines.pop(run, None)
                continue
            entry = self.entries[run]
            before = self._sent_lines.get(run)
            self._sent_lines[run] = entry["lines"]
            fields = changed.get(entry["run"], {})
            if before is not None and fields.get("lines", 0) > before:
                fields["tail"] = self._tail(run, before, entry["lines"])

    def _tail(self, run: int, after: int, lines: int) -> dict[str, Any] | None:
        names = list(self._series.metrics(run))
        found = self._series.after(run, names[:_METRICS], after, _TAIL)
        if len(names) > _METRICS or any(len(p) >= _TAIL for p in found.values()):
            return None
        points = {name: p for name, p in found.items() if len(p)}
        return {"after": after, "lines": lines, "points": wire.points(points)}

    def _holder(self) -> int | None:
        """The daemon's process, looked up once a second."""
        now = time.monotonic()
        if now < self._held_until:
            return self.pid
        self._held_until = now + _HOLDER_S
        return holder(self._folder)

    def named(self, name: str) -> Row:
        """The run of a name, as `shown`.

        Raises:
            LookupError: there is none.
        """
        self.refresh()
        for run, entry in self.entries.items():
            if entry["run"] == name:
                return self.rows[run]
        raise LookupError(name)

    def since(self, rev: int) -> list[dict[str, Any]]:
        """Entries that changed after a revision."""
        return [entry for entry in self.entries.values() if entry["rev"] > rev]

    def _take(self, prints: Mapping[int, int]) -> None:
        notes = self._database.note("daemon") or {}
        watched = set(notes.get("roots", []))
        for run in self.entries.keys() - prints.keys():
            del self.entries[run], self.rows[run]
            self._sparks.pop(run, None)
        for run, value in prints.items():
            if self._prints.get(run) == value:
                continue
            row = self._database.run(run)
            self.rows[run] = row
            if row.format or row.latest:
                self.rev += 1
                self.entries[run] = self._entry(row, watched)
        self._prints = dict(prints)

    def _entry(self, row: Row, watched: set[str]) -> dict[str, Any]:
        alerts = status.firing(self._database, row)
        remarks = self._database.remarks.of(row.id)
        line = asdict(status.line(row, alerts, watched, remarks))
        diagnosis = row.diagnosis or {}
        known = self._series.metrics(row.id)
        return line | {
            "id": row.id,
            "rev": self.rev,
            "run": shown(row.name),
            "path": shown(line["path"]),
            "picture": "",
            "current": row.current,
            "lines": row.lines,
            "headline": diagnosis.get("headline", ""),
            "changed_at": row.cursor.mtime_ns / 1e9 if row.cursor else None,
            "alerts": [self._alert(row, dict(alert.finding)) for alert in alerts],
            "curves": len(known),
            "spark": self._spark(row.id, known),
        }

    def _alert(self, row: Row, finding: dict[str, Any]) -> dict[str, Any]:
        at = place.line(self._database, row, finding["rule"], finding["step"])
        return finding | {"line": at}

    def _spark(self, run: int, known: Mapping[str, int]) -> list[list[float]]:
        """A small curve: validation, or the loss where there is none."""
        few = [name for name in _DRAWN if name in known]
        many = [name for name in few if known[name] >= _FEW]
        metric = next(iter([*many, *few]), None)
        if metric is None:
            return []
        # What is less than a pixel longer looks the same.
        shown, records, spark = self._sparks.get(run, ("", 0, []))
        longer = known[metric] - records
        if shown == metric and 0 <= longer * _SPARK < records:
            return spark
        spark = self._drawn(run, metric)
        self._sparks[run] = metric, known[metric], spark
        return spark

    def _drawn(self, run: int, metric: str) -> list[list[float]]:
        [curve] = self._series.curves(run, [metric], Window(width=_SPARK))
        _, cells = curve.parts[-1]
        good = np.isfinite(cells.last)
        return [
            [int(x), float(f"{y:.4g}")]
            for x, y in zip(cells.last_step[good], cells.last[good], strict=True)
        ]


def _difference(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> Mapping[str, Any]:
    if before.get("run") != after["run"]:
        return after
    return {key: value for key, value in after.items() if before.get(key) != value}


def ordered(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last changed first."""
    return sorted(entries, key=lambda entry: -(entry["changed_at"] or 0))
