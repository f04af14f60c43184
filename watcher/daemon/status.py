"""The status of all runs, from the database, whether the daemon is running or not."""

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from watcher.alerts import outbox
from watcher.alerts.lifecycle import FIRING, Alert
from watcher.analysis.finding import SEVERITIES
from watcher.clock import iso
from watcher.daemon.state_names import OVER, REPLACED
from watcher.host import page
from watcher.host.lock import holder
from watcher.ingest.backlog import unread
from watcher.outputs.text.findings import translated
from watcher.storage.database import Database
from watcher.storage.remarks import NONE, Remarks
from watcher.storage.rows import Row


_SHOWN: Final = ("warning", "critical")


@dataclass(frozen=True, slots=True)
class Line:
    """One run, for the table and for JSON; None where a value is not known.

    Attributes:
        run, path, format: what it is.
        state: as in `watcher.daemon.state_names`; "unwatched" below a directory
            that no longer is.
        step, max_steps: where it is, and where it is planned to end.
        loss, val_loss: the latest; `best_val`, `best_step`: the best evaluation.
        tokens_per_s, eta_s: speed, and seconds that are left.
        updated: when the log last changed, seconds since 1970; `age_s`: how long ago.
        elapsed_s: training time, where the log states it.
        lag_bytes, lag_s: what is in the log and not read yet, and since when.
        alerts: messages, the most severe first.
        severity: of the first one.
        picture: path of the plot, "" without one.
        tags, notes: what people said of it.
    """

    run: str
    path: str
    format: str
    state: str
    step: int | None
    max_steps: int | None
    loss: float | None
    val_loss: float | None
    best_val: float | None
    best_step: int | None
    tokens_per_s: float | None
    eta_s: float | None
    updated: float | None
    age_s: float | None
    elapsed_s: float | None
    lag_bytes: int
    lag_s: float
    alerts: tuple[str, ...]
    severity: str
    picture: str
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Of plain JSON types."""
        known = asdict(self)
        return known | _iso(known, "updated")


def _iso(known: Mapping[str, Any], name: str) -> dict[str, str]:
    """A time of a mapping as JSON has it, where it is known."""
    at = known.get(name)
    return {} if at is None else {name: iso(at)}


@dataclass(frozen=True, slots=True)
class Status:
    """All runs, and the daemon itself.

    Attributes:
        pid: of the daemon, None when it is not running.
        notes: its last report of itself.
        lines: a run each: those that need attention, those in progress by name,
            those that are over, the last modified first.
        without: names of the files that have no metrics.
        earlier: how many replaced runs are left out.
        page: address of the live page, "" without one.
        page_problem: why there is none although there should be, "" for nothing.
    """

    pid: int | None
    notes: Mapping[str, Any]
    lines: Sequence[Line]
    without: Sequence[str]
    earlier: int
    page: str = ""
    page_problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Of plain JSON types."""
        return {
            "schema": 1,
            "pid": self.pid,
            "page": self.page or None,
            "daemon": dict(self.notes) | _iso(self.notes, "at"),
            "runs": [line.as_dict() for line in self.lines],
            "logs_without_metrics": len(self.without),
            "files_without_metrics": list(self.without),
            "earlier_runs": self.earlier,
        }


def status(
    folder: Path, *, everything: bool = False, lang: str | None = None
) -> Status:
    """The status of all runs; `everything`: with those that were replaced.

    `lang`: language of the alerts; None for the one they are kept in.

    Raises:
        StorageSetupError: there is no database in the directory.
    """
    store = Database(folder, read_only=True)
    try:
        rows = store.runs()
        alerts = {row.id: firing(store, row) for row in rows}
        remarks = store.remarks.all()
        notes = store.note("daemon") or {}
    finally:
        store.close()
    watched = set(notes.get("roots", []))
    wanted = [row for row in rows if everything or row.current]
    shown = [row for row in wanted if row.format or row.latest]
    pid = holder(folder)
    return Status(
        pid=pid,
        page=page.address(folder),
        page_problem=page.problem(folder) if pid is not None else "",
        notes=notes,
        lines=[
            line(row, alerts[row.id], watched, remarks.get(row.id, NONE), lang)
            for row in shown
        ],
        without=sorted(r.name for r in wanted if not (r.format or r.latest)),
        earlier=len(rows) - len(wanted),
    )


def firing(store: Database, row: Row) -> list[Alert]:
    """Firing warnings and critical alerts, the most severe first."""
    return of_interest(outbox.load(store.outbox, row.id))


def of_interest(alerts: Mapping[str, Alert]) -> list[Alert]:
    """Those of a run's alerts that fire, the most severe first."""
    known = alerts.values()
    firing = [a for a in known if a.state == FIRING and a.severity in _SHOWN]
    return sorted(firing, key=lambda a: -SEVERITIES.index(a.severity))


def _state(row: Row, watched: Collection[str]) -> str:
    """The state as last stored; unknown below a directory that is not watched."""
    if not row.current:
        return REPLACED
    if watched and row.root not in watched and row.state.get("state") not in OVER:
        return "unwatched"
    return str(row.state.get("state", "new"))


def line(
    row: Row,
    alerts: Sequence[Alert],
    watched: Collection[str],
    remarks: Remarks = NONE,
    lang: str | None = None,
) -> Line:
    """One run; `watched`: the folders that the daemon watches, if that is known."""
    summary = (row.diagnosis or {}).get("summary", {})
    lag_bytes, lag_s = _lag(row)
    updated = row.cursor.mtime_ns / 1e9 if row.cursor else None
    return Line(
        run=row.name,
        path=os.path.join(row.root, row.path),  # noqa: PTH118 - 500 rows at once
        format=row.format,
        state=_state(row, watched),
        step=row.latest.get("step"),
        max_steps=summary.get("max_steps"),
        loss=_number(row.latest.get("loss", row.latest.get("train_loss"))),
        val_loss=_number(summary.get("final_val")),
        best_val=_number(summary.get("best_val")),
        best_step=summary.get("best_val_step"),
        tokens_per_s=summary.get("tokens_per_s"),
        eta_s=summary.get("eta_s"),
        updated=updated,
        age_s=None if updated is None else max(0.0, time.time() - updated),
        elapsed_s=summary.get("training_s"),
        lag_bytes=lag_bytes,
        lag_s=lag_s,
        alerts=tuple(_message(alert, lang) for alert in alerts),
        severity=alerts[0].severity if alerts else "",
        picture=row.state.get("made", {}).get("figure", ""),
        tags=tuple(remarks.tags),
        notes=tuple(note.text for note in remarks.notes),
    )


def _message(alert: Alert, lang: str | None) -> str:
    """What an alert says."""
    finding = alert.finding if lang is None else translated(alert.finding, lang)
    return str(finding["message"])


def _lag(row: Row) -> tuple[int, float]:
    """Bytes that are not read yet, and for how many seconds they have been there."""
    behind, modified = unread(row)
    return (behind, max(0.0, time.time() - modified)) if behind else (0, 0.0)


def _number(value: Any) -> float | None:
    """A value that JSON may have kept as the text "nan"."""
    return None if value is None else float(value)
