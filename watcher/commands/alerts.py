"""`gptwatch alerts`: alerts, whether they were notified, and what rules mean."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from watcher.clock import iso
from watcher.commands import options
from watcher.commands.completion import complete_rules
from watcher.commands.silence import clock, known
from watcher.outputs.text import catalog


_TIMES: Final = ("since", "notified_at", "resolved_at")


@click.command(short_help="List alerts, with advice.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--all", "everything", is_flag=True, help="Include resolved and info-level alerts."
)
@click.option(
    "--explain",
    metavar="RULE",
    help="Explain a rule and show its settings.",
    shell_complete=complete_rules,
)
@options.lang
@options.out
@options.state
@click.pass_context
def alerts(
    context: click.Context,
    /,
    *,
    out: Path,
    state: Path | None,
    as_json: bool,
    everything: bool,
    explain: str | None,
    lang: str,
) -> None:
    """List the alerts of `gptwatch start`: what fired, since when, and what to do."""
    if explain is not None:
        known(explain)
        click.echo(_explained(explain, context.obj, lang))
        return
    from watcher.storage.database import Database

    store = Database(state or out / ".gptwatch", read_only=True)
    with contextlib.closing(store):
        found = list(_listed(store, context.obj, everything=everything))
        failures = list(_undelivered(store))
    if as_json:
        click.echo(options.as_json(found))
    elif not found:
        text = "no alerts" if everything else "no alerts are firing; see also: --all"
        click.echo(options.tr(text))
    else:
        for alert in found:
            click.echo(_shown(alert, lang))
    for failure in failures:
        click.echo(f"gptwatch: {options.safe(failure)}", err=True)


def _explained(rule: str, config: Any, lang: str) -> str:
    from watcher.outputs.text.rule_docs import MEANINGS

    lines = [f"{rule}: {catalog.tr(lang, MEANINGS[rule][0])}"]
    chosen = getattr(config.rules, rule, None)
    if chosen is not None:
        values = {f.name: getattr(chosen, f.name) for f in fields(chosen)}
        lines.append(f"[rules.{rule}]")
        lines += [f"{key} = {options.as_json(value)}" for key, value in values.items()]
    return "\n".join(lines)


def _listed(store: Any, config: Any, *, everything: bool) -> Iterator[dict[str, Any]]:
    from watcher.alerts import outbox
    from watcher.alerts.lifecycle import FIRING
    from watcher.alerts.silences import is_silenced

    silences = store.outbox.silences(time.time())
    for row in store.runs():
        for alert in outbox.load(store.outbox, row.id).values():
            firing = alert.state == FIRING and alert.severity != "info" and row.current
            if not everything and not firing:
                continue
            muted = is_silenced(silences, row.name, alert.rule)
            yield {
                "run": row.name,
                "rule": alert.rule,
                "severity": alert.severity,
                "state": alert.state,
                **_times(alert),
                "silenced": muted or alert.rule in config.alerts.mute,
                "finding": dict(alert.finding),
            }


def _moment(written: str) -> float:
    return datetime.fromisoformat(written).timestamp()


def _times(alert: Any) -> dict[str, str | None]:
    known = ((name, getattr(alert, name)) for name in _TIMES)
    return {name: iso(at) if at else None for name, at in known}


def _undelivered(store: Any) -> Iterator[str]:
    for found in store.outbox.undelivered():
        text = "notifications waiting for a retry: {n}: {error}"
        if found.state == "failed":
            text = "notifications not delivered: {n}: {error}"
        yield options.tr(text, n=found.count, error=found.error)


def _shown(alert: dict[str, Any], lang: str) -> str:
    from watcher.outputs.text.findings import translated

    finding = translated(alert["finding"], lang)
    since = options.tr("since {time}", time=clock(_moment(alert["since"])))
    notified = "notified" if alert["notified_at"] else "not notified"
    notes = [options.tr(alert["severity"]), options.tr(alert["state"]), since]
    notes.append(options.tr(notified))
    if alert["silenced"]:
        notes.append(options.tr("silenced"))
    head = f"{alert['run']}: {alert['rule']} ({', '.join(notes)})"
    lines = [head, f"  {finding['message']}"]
    if advice := finding["advice"]:
        lines.append(f"  {options.tr('To do: {advice}', advice=advice)}")
    return "\n".join(map(options.safe, lines))
