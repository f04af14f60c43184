"""Alerts of all runs, in the language of the screen."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from watcher.alerts import outbox
from watcher.alerts.lifecycle import FIRING, Alert
from watcher.alerts.silences import is_silenced
from watcher.analysis.finding import SEVERITIES
from watcher.outputs.text.findings import translated
from watcher.storage.database import Database
from watcher.top.model import Item


_PAGE: Final = 32


def items(database: Database, lang: str) -> Sequence[Item]:
    """Firing alerts first, the most severe first; then the latest."""
    silences = database.outbox.silences(time.time())
    alerts = [a for a in outbox.load_all(database.outbox) if a[1].severity != "info"]
    names = _names(database, list(dict.fromkeys(run for run, _ in alerts)))
    found = [
        _item(name, alert, lang, muted=is_silenced(silences, name, alert.rule))
        for run, alert in alerts
        if (name := names.get(run)) is not None
    ]
    return sorted(found, key=_urgency)


def _names(database: Database, runs: Sequence[int]) -> Mapping[int, str]:
    """Names of those runs that are current, few of their rows in memory at once."""
    found: dict[int, str] = {}
    for at in range(0, len(runs), _PAGE):
        rows = database.some(runs[at : at + _PAGE])
        found |= {row.id: row.name for row in rows if row.current}
    return found


def _item(name: str, alert: Alert, lang: str, *, muted: bool) -> Item:
    finding = translated(alert.finding, lang)
    return Item(
        run=name,
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
