"""The life cycle of alerts, and which notifications each transition is worth.

    inactive -> pending -> firing -> resolved -> firing -> ...

Pure: the alerts of a run and its findings now give the next alerts and the
notifications to send.  The same findings again, as after a restart, give none.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from watcher.analysis.finding import SEVERITIES
from watcher.analysis.inhibition import INHIBITS
from watcher.settings import choice, setting


PENDING: Final = "pending"
FIRING: Final = "firing"
RESOLVED: Final = "resolved"


@dataclass(frozen=True, slots=True)
class Settings:
    """Which alerts are worth a notification, and how often.

    Attributes:
        min_severity: less severe alerts are only listed.
        finished: whether the end of a run is worth one.
        for_s: seconds that a condition must hold before its alert fires.
        keep_firing_for_s: seconds that it must be absent before the alert resolves.
        repeat_interval_s: seconds between reminders while an alert fires; 0: none.
        max_per_hour: notifications in an hour; beyond, they are sent as a digest.
        mute: rules without notifications.
    """

    min_severity: str = choice("warning", SEVERITIES, formerly="least")
    finished: bool = False
    for_s: float = 0.0
    keep_firing_for_s: float = setting(60.0, formerly="keep_s")
    repeat_interval_s: float = setting(14_400.0, formerly="repeat_s")
    max_per_hour: int = setting(20, at_least=1)
    mute: tuple[str, ...] = setting((), formerly="silence")


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding with a life cycle; a rule without a finding is inactive.

    Attributes:
        key: rule and step, and a number where both came twice.
        rule, severity: of the finding.
        state: PENDING, FIRING or RESOLVED.
        finding: as the rule last gave it, with `message` and `advice`.
        since: when it became active, seconds since 1970.
        absent_since: since when its finding is missing, None while it is there.
        notified_at: when the last notification was sent, None if none was.
        notified_level: severity and certainty of that notification.
        resolved_at: when it was resolved, None while it is active.
        resolution_notified: whether a notification of that was sent.
        historical: whether its run had ended before it was found: never notified.
    """

    key: str
    rule: str
    severity: str
    state: str
    finding: Mapping[str, Any]
    since: float
    absent_since: float | None = None
    notified_at: float | None = None
    notified_level: int = 0
    resolved_at: float | None = None
    resolution_notified: bool = False
    historical: bool = False


@dataclass(frozen=True, slots=True)
class Notification:
    """What is to be sent.

    Attributes:
        kind: "firing", "confirmed", "reminder" or "resolved".
        alert: as it is now.
    """

    kind: str
    alert: Alert


@dataclass(frozen=True, slots=True)
class Moment:
    """What an update depends on, beside the findings.

    Attributes:
        now: seconds since 1970.
        fresh: False for a run that had ended before it was found.
        running: whether the run goes on; reminders of one that ended are pointless.
        silenced: whether a silence matches a rule of this run.
    """

    now: float
    fresh: bool = True
    running: bool = True
    silenced: Callable[[str], bool] = field(default=lambda _: False)


def update(
    known: Mapping[str, Alert],
    findings: Sequence[Mapping[str, Any]],
    moment: Moment,
    settings: Settings,
) -> tuple[dict[str, Alert], list[Notification]]:
    """The alerts of a run after an analysis, and the notifications to send."""
    alerts: dict[str, Alert] = {}
    for key, finding in _keyed(findings):
        alerts[key] = _found(key, known.get(key), finding, moment, settings)
    for key, alert in known.items():
        if key not in alerts:
            alerts[key] = _missing(alert, moment, settings)
    notifications = []
    for key, alert in alerts.items():
        kind = _due(alert, known.get(key), alerts, moment, settings)
        if kind:
            alerts[key] = replace(
                alert,
                notified_at=moment.now,
                notified_level=_level(alert),
                resolution_notified=kind == "resolved",
            )
            notifications.append(Notification(kind, alerts[key]))
    return alerts, notifications


def _keyed(
    findings: Sequence[Mapping[str, Any]],
) -> list[tuple[str, Mapping[str, Any]]]:
    """Findings by what stays the same while a run goes on: rule and step."""
    counts: Counter[str] = Counter()
    keyed = []
    for finding in findings:
        name = f"{finding['rule']}@{finding['step']}"
        counts[name] += 1
        keyed.append((f"{name}#{counts[name]}" if counts[name] > 1 else name, finding))
    return keyed


def _found(
    key: str,
    before: Alert | None,
    finding: Mapping[str, Any],
    moment: Moment,
    settings: Settings,
) -> Alert:
    alert = before or Alert(
        key,
        finding["rule"],
        finding["severity"],
        PENDING,
        finding,
        since=moment.now,
        historical=not moment.fresh,
    )
    state, resolved_at = alert.state, None
    if finding.get("cleared_step") is not None:
        state, resolved_at = RESOLVED, alert.resolved_at or moment.now
    elif state == RESOLVED:
        # It fires again: worth a notification only where its resolution was one.
        notified_at = None if alert.resolution_notified else alert.notified_at
        alert = replace(alert, since=moment.now, notified_at=notified_at)
        state = FIRING
    elif moment.now - alert.since >= settings.for_s or not moment.running:
        state = FIRING
    return replace(
        alert,
        state=state,
        resolved_at=resolved_at,
        finding=finding,
        severity=finding["severity"],
        absent_since=None,
    )


def _missing(alert: Alert, moment: Moment, settings: Settings) -> Alert:
    """An alert without its finding: it resolves after a time, or with its run."""
    if alert.state == RESOLVED:
        return alert
    since = moment.now if alert.absent_since is None else alert.absent_since
    if moment.running and moment.now - since < settings.keep_firing_for_s:
        return replace(alert, absent_since=since)
    return replace(alert, state=RESOLVED, absent_since=since, resolved_at=moment.now)


def _due(
    alert: Alert,
    before: Alert | None,
    alerts: Mapping[str, Alert],
    moment: Moment,
    settings: Settings,
) -> str:
    """The kind of notification that is due, "" for none."""
    if alert.state == PENDING or not _is_wanted(alert, settings):
        return ""
    if alert.historical or _is_inhibited(alert, alerts):
        return ""
    if alert.state == RESOLVED:
        was_firing = before is not None and before.state == FIRING
        return "resolved" if was_firing and alert.notified_at is not None else ""
    if moment.silenced(alert.rule):
        return ""
    return _firing(alert, moment, settings)


def _firing(alert: Alert, moment: Moment, settings: Settings) -> str:
    """The kind of notification that a firing alert is worth now, "" for none."""
    if alert.notified_at is None:
        return "firing"
    if _level(alert) > alert.notified_level:
        return "confirmed"
    waited = moment.now - alert.notified_at >= settings.repeat_interval_s > 0
    return "reminder" if waited and moment.running else ""


def _is_wanted(alert: Alert, settings: Settings) -> bool:
    if alert.rule in settings.mute:
        return False
    if alert.rule == "finished":
        return settings.finished
    return SEVERITIES.index(alert.severity) >= SEVERITIES.index(settings.min_severity)


def _is_inhibited(alert: Alert, alerts: Mapping[str, Alert]) -> bool:
    return any(
        other.state == FIRING and alert.rule in INHIBITS.get(other.rule, ())
        for other in alerts.values()
    )


def _level(alert: Alert) -> int:
    """Orders alerts by severity, then by certainty."""
    is_confirmed = alert.finding.get("confirmed_step") is not None
    return 2 * SEVERITIES.index(alert.severity) + is_confirmed
