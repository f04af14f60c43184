"""The life of alerts: a finding is said once, reminded of, and said to be over.

    (nothing) -> pending -> firing -> resolved

Pure: from the alerts of a run and what is found of it now come the alerts as they then
are, and the notices to send.  The same findings again, after a restart say, give none.
"""

import difflib
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Final

from watcher.analysis.finding import SEVERITIES
from watcher.errors import ConfigError


PENDING: Final = "pending"
FIRING: Final = "firing"
RESOLVED: Final = "resolved"
# While the first is found, the others say nothing new.
INHIBITS: Final = MappingProxyType(
    {
        "not_finite": frozenset({"overfitting", "plateau", "divergence", "spike"}),
        "divergence": frozenset({"plateau"}),
        "crashed": frozenset({"stalled", "slowdown"}),
    }
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What is told, and how often.

    Attributes:
        least: the mildest severity that is told; milder ones are only listed.
        finished: whether the end of a run is told.
        for_s: seconds for which something must hold before it is told.
        keep_s: seconds for which it must be gone before it is over.
        repeat_s: seconds between reminders of what goes on; 0 for none.
        max_per_hour: notices in an hour; more are told together, later.
        silence: rules that are never told.
    """

    least: str = "warning"
    finished: bool = False
    for_s: float = 0.0
    keep_s: float = 60.0
    repeat_s: float = 14_400.0
    max_per_hour: int = 20
    silence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding with a life.

    Attributes:
        key: rule and step, and a number where both came twice.
        rule, severity: of the finding.
        state: PENDING, FIRING or RESOLVED.
        finding: as the rule last gave it, with `message` and `advice`.
        since: when it was first found, seconds since 1970.
        gone_at: since when it is not found any more, None while it is.
        told_at: when people were last told of it, None if never.
        told_grade: how grave and certain it was said to be.
        over_at: when it ended, None while it lasts.
        told_over: whether people were told that it ended.
        quiet: whether it was over before anybody looked: never told.
    """

    key: str
    rule: str
    severity: str
    state: str
    finding: Mapping[str, Any]
    since: float
    gone_at: float | None = None
    told_at: float | None = None
    told_grade: int = 0
    over_at: float | None = None
    told_over: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell people.

    Attributes:
        kind: "firing", "confirmed", "reminder" or "resolved".
        alert: what about.
    """

    kind: str
    alert: Alert


@dataclass(frozen=True, slots=True)
class Moment:
    """What an update depends on, beside the findings.

    Attributes:
        now: seconds since 1970.
        fresh: False for a run that was over before anybody looked.
        going: whether the run goes on; of one that ended nobody is reminded.
        silenced: whether a rule is silenced for this run.
    """

    now: float
    fresh: bool = True
    going: bool = True
    silenced: Callable[[str], bool] = field(default=lambda _: False)


def update(
    known: Mapping[str, Alert],
    findings: Sequence[Mapping[str, Any]],
    moment: Moment,
    settings: Settings,
) -> tuple[dict[str, Alert], list[Notice]]:
    """The alerts of a run after it was judged again, and what is to be told."""
    alerts: dict[str, Alert] = {}
    for key, finding in _keyed(findings):
        alerts[key] = _found(key, known.get(key), finding, moment, settings)
    for key, alert in known.items():
        if key not in alerts:
            alerts[key] = _missing(alert, moment, settings)
    notices = []
    for key, alert in alerts.items():
        kind = _due(alert, known.get(key), alerts, moment, settings)
        if kind:
            alerts[key] = replace(
                alert,
                told_at=moment.now,
                told_grade=_grade(alert),
                told_over=kind == "resolved",
            )
            notices.append(Notice(kind, alerts[key]))
    return alerts, notices


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
        quiet=not moment.fresh,
    )
    state, over_at = alert.state, None
    if finding.get("cleared_step") is not None:
        state, over_at = RESOLVED, alert.over_at or moment.now
    elif state == RESOLVED:
        # There again: it is told anew to those who were told that it was over.
        told_at = None if alert.told_over else alert.told_at
        alert = replace(alert, since=moment.now, told_at=told_at)
        state = FIRING
    elif moment.now - alert.since >= settings.for_s or not moment.going:
        state = FIRING
    return replace(
        alert,
        state=state,
        over_at=over_at,
        finding=finding,
        severity=finding["severity"],
        gone_at=None,
    )


def _missing(alert: Alert, moment: Moment, settings: Settings) -> Alert:
    """An alert whose finding is gone: over when it stays so, or when the run ended."""
    if alert.state == RESOLVED:
        return alert
    gone_at = moment.now if alert.gone_at is None else alert.gone_at
    if moment.going and moment.now - gone_at < settings.keep_s:
        return replace(alert, gone_at=gone_at)
    return replace(alert, state=RESOLVED, gone_at=gone_at, over_at=moment.now)


def _due(
    alert: Alert,
    before: Alert | None,
    alerts: Mapping[str, Alert],
    moment: Moment,
    settings: Settings,
) -> str:
    """The kind of notice that is due, "" for none."""
    if alert.state == PENDING or not _is_told(alert, settings):
        return ""
    if alert.quiet or _is_inhibited(alert, alerts):
        return ""
    if alert.state == RESOLVED:
        lasted = before is not None and before.state == FIRING
        return "resolved" if lasted and alert.told_at is not None else ""
    if moment.silenced(alert.rule):
        return ""
    return _news(alert, moment, settings)


def _news(alert: Alert, moment: Moment, settings: Settings) -> str:
    """The kind of notice that an alert which lasts is worth now."""
    if alert.told_at is None:
        return "firing"
    if _grade(alert) > alert.told_grade:
        return "confirmed"
    waited = moment.now - alert.told_at >= settings.repeat_s > 0
    return "reminder" if waited and moment.going else ""


def _is_told(alert: Alert, settings: Settings) -> bool:
    if alert.rule in settings.silence:
        return False
    if alert.rule == "finished":
        return settings.finished
    return SEVERITIES.index(alert.severity) >= SEVERITIES.index(settings.least)


def _is_inhibited(alert: Alert, alerts: Mapping[str, Alert]) -> bool:
    return any(
        other.state == FIRING and alert.rule in INHIBITS.get(other.rule, ())
        for other in alerts.values()
    )


def _grade(alert: Alert) -> int:
    """How much an alert says: first by severity, then by certainty."""
    is_sure = alert.finding.get("confirmed_step") is not None
    return 2 * SEVERITIES.index(alert.severity) + is_sure


def settings(table: Any) -> Settings:
    """Settings from the table `alerts` of a configuration file.

    Raises:
        ConfigError: an unknown key, or a value that makes no sense.
    """
    if not isinstance(table, Mapping):
        raise ConfigError("alerts must be a table: write [alerts]")
    values = dict(table)
    known = {f.name: f.default for f in fields(Settings)}
    for key, value in values.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            )
            raise ConfigError(f"alerts: unknown key {key!r}; {hint}")
        values[key] = _checked(key, known[key], value)
    return Settings(**values)


def _checked(key: str, default: Any, value: Any) -> Any:
    if key == "least" and value not in SEVERITIES:
        raise ConfigError(f"alerts.least must be one of {list(SEVERITIES)}")
    if key == "silence":
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise ConfigError("alerts.silence must be a list of rules")
        return tuple(value)
    if isinstance(default, bool | str):
        if not isinstance(value, type(default)):
            kind = type(default).__name__
            raise ConfigError(f"alerts.{key} must be of type {kind}, got {value!r}")
        return value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf:
        raise ConfigError(f"alerts.{key} must be a number of at least 0, got {value!r}")
    if key == "max_per_hour" and (not isinstance(value, int) or value < 1):
        raise ConfigError(f"alerts.{key} must be a whole number above 0, got {value!r}")
    return value
