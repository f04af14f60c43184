"""Alerts of all runs, in the language of the screen."""

import time
from collections.abc import Sequence

from watcher.alerts import outbox
from watcher.alerts.lifecycle import FIRING, Alert
from watcher.alerts.silences import is_silenced
from watcher.analysis.finding import SEVERITIES
from watcher.outputs.text.findings import translated
from watcher.storage.database import Database
from watcher.storage.rows import Row
from watcher.top.model import Item


def items(database: Database, lang: str) -> Sequence[Item]:
    """Firing alerts first, the most severe first; then the latest."""
    silences = database.outbox.silences(time.time())
    rows = {row.id: row for row in database.runs() if row.current}
    found = [
        _item(rows[run], alert, lang, muted=is_silenced(silences, name, alert.rule))
        for run, alert in outbox.load_all(database.outbox)
        if run in rows and alert.severity != "info"
        for name in [rows[run].name]
    ]
    return sorted(found, key=_urgency)


def _item(row: Row, alert: Alert, lang: str, *, muted: bool) -> Item:
    finding = translated(alert.finding, lang)
    return Item(
        run=row.name,
        rule=alert.rule,
        severity=alert.severity,
        state=alert.state,
        since=alert.since,
        silenced=muted,
        text=str(finding.get("message", "")),
        advice=str(finding.get("advice", "")),
        step=int(finding.get("step") or 0),
    )


def _urgency(item: Item) -> tuple[bool, int, float]:
    return item.state != FIRING, -SEVERITIES.index(item.severity), -item.since
