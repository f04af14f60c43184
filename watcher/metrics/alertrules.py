"""Alert rules for Prometheus: one for what gptwatch decides, a few for the fleet.

gptwatch's own rules have the run's noise and rhythm; `GptwatchRun` carries them as they
are, without thresholds of its own.  The others watch gptwatch itself and what several
runs of a box have in common.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from watcher.alerts.lifecycle import Settings as AlertSettings
from watcher.analysis.finding import SEVERITIES
from watcher.analysis.rules import Settings as RuleSettings


_RUNNING: Final = (
    'and on (instance, run) gptwatch_run_state{state=~"running|quiet"} == 1'
)
_BEHIND_BYTES: Final = "50e6"
_WASTED: Final = 0.3
_WASTED_S: Final = 4 * 3600


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A rule of Prometheus.

    Attributes:
        name, expr: as Prometheus has them.
        severity: "" where the series has a label of that name.
        summary: what happened.  action: what to do.
        for_, keep: how long the condition must hold, and be absent; "" for 0.
    """

    name: str
    expr: str
    severity: str
    summary: str
    action: str
    for_: str = ""
    keep: str = ""


def alert_rules(alerts: AlertSettings, rules: RuleSettings) -> Sequence[AlertRule]:
    """All rules, with the thresholds of the configuration."""
    return [_run(alerts), *_gptwatch(), *_runs(rules), *_fleet(), _DEAD_MAN]


def _run(alerts: AlertSettings) -> AlertRule:
    """What gptwatch would notify of; its own life cycle has the hysteresis."""
    wanted = SEVERITIES[SEVERITIES.index(alerts.min_severity) :]
    muted = [*alerts.mute, *([] if alerts.finished else ["finished"])]
    matchers = f'severity=~"{"|".join(wanted)}"'
    if muted:
        matchers += f',rule!~"{"|".join(muted)}"'
    return AlertRule(
        "GptwatchRun",
        "max by (instance, project, run, rule, severity) "
        f"(gptwatch_run_alert{{{matchers}}} == 1)",
        "",
        "{{ $labels.run }}: {{ $labels.rule }}",
        "gptwatch alerts --explain {{ $labels.rule }}",
        keep="5m",
    )


def _gptwatch() -> Iterator[AlertRule]:
    yield AlertRule(
        "GptwatchDown",
        'up{job="gptwatch"} == 0',
        "critical",
        "{{ $labels.instance }}: no answer from gptwatch",
        "gptwatch service status",
        for_="2m",
    )
    yield AlertRule(
        "GptwatchHung",
        "time() - gptwatch_beat_timestamp_seconds > 60",
        "critical",
        "{{ $labels.instance }}: the daemon does not run, or hangs",
        "gptwatch status; gptwatch service status",
        for_="1m",
    )
    yield AlertRule(
        "GptwatchAbsent",
        "absent(gptwatch_build_info)",
        "critical",
        "Prometheus gets no metrics of gptwatch at all",
        "check the scrape configuration: gptwatch alertrules prometheus",
        for_="5m",
    )
    yield AlertRule(
        "GptwatchBehind",
        f"gptwatch_run_unread_bytes > {_BEHIND_BYTES} "
        "and deriv(gptwatch_run_unread_bytes[10m]) > 0",
        "warning",
        "{{ $labels.run }}: {{ $value | humanize1024 }}B are not read yet, and growing",
        "gptwatch status; gptwatch doctor",
        for_="10m",
    )
    yield AlertRule(
        "GptwatchNotices",
        "gptwatch_notices > 0",
        "warning",
        "{{ $labels.instance }}: something cannot be read or written",
        "gptwatch status",
        for_="15m",
    )
    yield AlertRule(
        "GptwatchNotifyFailing",
        'increase(gptwatch_notifications_total{outcome="failed"}[15m]) > 3',
        "warning",
        "{{ $labels.instance }}: notifications are not delivered",
        "gptwatch notify --test",
    )


def _runs(rules: RuleSettings) -> Iterator[AlertRule]:
    yield AlertRule(
        "RunSilent",
        "time() - gptwatch_run_last_line_timestamp_seconds > "
        f"{rules.stalled.start_s:g} + 20 * gptwatch_run_expected_line_seconds "
        f"{_RUNNING}",
        "critical",
        "{{ $labels.run }}: silent, and gptwatch did not decide why",
        "look at its log and at its process",
        for_="1m",
        keep="10m",
    )
    yield AlertRule(
        "ThroughputRegression",
        f"gptwatch_run_tokens_per_second < {1 / rules.slowdown.factor:.2f} * "
        f"max_over_time(gptwatch_run_tokens_per_second[6h]) {_RUNNING}",
        "warning",
        "{{ $labels.run }}: slower than it was",
        "compare clocks, data loading and neighbours on the box",
        for_="15m",
    )
    yield AlertRule(
        "RunWasted",
        f"gptwatch_run_wasted_ratio > {_WASTED} "
        f"and gptwatch_run_since_best_seconds > {_WASTED_S} {_RUNNING}",
        "info",
        "{{ $labels.run }}: {{ $value | humanizePercentage }} of it was after its best",
        "stop it, and take the best checkpoint",
    )


def _fleet() -> Iterator[AlertRule]:
    yield AlertRule(
        "FleetSlowdown",
        'count by (instance) (gptwatch_run_alert{rule="slowdown"} == 1) >= 3',
        "critical",
        "{{ $labels.instance }}: {{ $value }} runs slowed down at once: it is the box",
        "check power, heat, network and storage of the box",
        keep="10m",
    )
    yield AlertRule(
        "FleetNaN",
        'count by (cluster) (gptwatch_run_alert{rule="not_finite"} == 1) >= 3',
        "critical",
        "{{ $value }} runs have a loss that is not finite: it is the data or the code",
        "compare their commits and their data",
        keep="10m",
    )


_DEAD_MAN: Final = AlertRule(
    "WatchdogAlwaysFiring",
    "vector(1)",
    "none",
    "fires always: when it stops, alerts do not arrive any more",
    "none",
)


_HEAD: Final = (
    "# Alert rules for Prometheus, written by `gptwatch alertrules`.\n"
    "groups:\n  - name: gptwatch\n    rules:\n"
)


def as_yaml(rules: Sequence[AlertRule]) -> str:
    """The rules as a file for Prometheus."""
    rows = [_HEAD]
    for rule in rules:
        rows += [f"      - alert: {rule.name}\n", f"        expr: {_text(rule.expr)}\n"]
        rows += [f"        for: {rule.for_}\n"] * bool(rule.for_)
        rows += [f"        keep_firing_for: {rule.keep}\n"] * bool(rule.keep)
        if rule.severity:
            rows.append(f"        labels:\n          severity: {rule.severity}\n")
        rows += [
            "        annotations:\n",
            f"          summary: {_text(rule.summary)}\n",
            f"          action: {_text(rule.action)}\n",
        ]
        if "labels.run" in rule.summary:
            rows.append(f"          link: {_text(_LINK)}\n")
    return "".join(rows)


_LINK: Final = "http://{{ $labels.instance }}/#/run/{{ $labels.run | urlquery }}"


def _text(text: str) -> str:
    """A string of YAML; JSON is one."""
    return json.dumps(text)
