"""`gptwatch alerts`: what was found, whether it was told, and what it means."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from watcher.commands import options
from watcher.commands.silence import clock, known


@click.command(short_help="List alerts, with what to do.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option(
    "--all", "everything", is_flag=True, help="Those that are over or mild, too."
)
@click.option("--explain", metavar="RULE", help="What a rule means, and its settings.")
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
    lang: str | None,
) -> None:
    """List the alerts of `gptwatch start`: what was found, since when, what to do."""
    if explain is not None:
        known(explain)
        click.echo(_explained(explain, context.obj, options.language(lang)))
        return
    from watcher.storage.database import Database

    store = Database(state or out / ".gptwatch", read_only=True)
    with contextlib.closing(store):
        found = list(_listed(store, context.obj, everything=everything))
        troubles = list(_troubles(store))
    if as_json:
        click.echo(options.as_json(found))
    elif not found:
        click.echo("no alerts" if everything else "no alerts now; earlier ones: --all")
    else:
        for alert in found:
            click.echo(_told(alert))
    for trouble in troubles:
        click.echo(f"gptwatch: {options.safe(trouble)}", err=True)


def _explained(rule: str, config: Any, lang: str) -> str:
    from watcher.outputs.text.rule_docs import meaning

    lines = [f"{rule}: {meaning(rule, lang)}"]
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
            now = alert.state == FIRING and alert.severity != "info" and row.current
            if not everything and not now:
                continue
            for_now = is_silenced(silences, row.name, alert.rule)
            yield {
                "run": row.name,
                "rule": alert.rule,
                "severity": alert.severity,
                "state": alert.state,
                "since": alert.since,
                "notified_at": alert.notified_at,
                "resolved_at": alert.resolved_at,
                "silenced": for_now or alert.rule in config.alerts.mute,
                "finding": dict(alert.finding),
            }


def _troubles(store: Any) -> Iterator[str]:
    for found in store.outbox.undelivered():
        what = "not delivered" if found.state == "failed" else "not delivered yet"
        yield f"{found.count} {what}: {found.error}"


def _told(alert: dict[str, Any]) -> str:
    told = "notified" if alert["notified_at"] else "not notified"
    notes = [alert["severity"], alert["state"], f"since {clock(alert['since'])}", told]
    if alert["silenced"]:
        notes.append("silenced")
    head = f"{alert['run']}: {alert['rule']} ({', '.join(notes)})"
    lines = [head, f"  {alert['finding']['message']}"]
    if alert["finding"]["advice"]:
        lines.append(f"  To do: {alert['finding']['advice']}")
    return "\n".join(map(options.safe, lines))
