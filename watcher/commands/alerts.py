"""`gptwatch alerts` and `gptwatch silence`: what was told, and what is not to be."""

import contextlib
import re
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options
from watcher.errors import InputError


_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


@click.command(short_help="List alerts, with what to do.")
@options.out
@options.state
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option(
    "--all", "everything", is_flag=True, help="Those that are over or mild, too."
)
def alerts(*, out: Path, state: Path | None, as_json: bool, everything: bool) -> None:
    """List the alerts of `gptwatch start`: what was found, since when, what to do."""
    found = list(_listed(state or out / ".gptwatch", everything=everything))
    if as_json:
        click.echo(options.as_json(found))
        return
    if not found:
        click.echo("no alerts" if everything else "no alerts now; earlier ones: --all")
    for alert in found:
        click.echo(_told(alert))


@click.command(short_help="Tell nothing of a rule for a while.")
@click.argument("run", required=False)
@click.argument("rule", required=False)
@click.option("--for", "span", default="2h", show_default=True, help="As 30m, 2h, 3d.")
@click.option("--list", "listed", is_flag=True, help="Show what is silenced.")
@click.option("--remove", type=int, help="End a silence, by its number.")
@options.out
@options.state
def silence(
    *,
    run: str | None,
    rule: str | None,
    span: str,
    listed: bool,
    remove: int | None,
    out: Path,
    state: Path | None,
) -> None:
    """Silence RULE for RUN; both may be patterns, as in '*'.

    It is found and listed as before, but not told.  For ever: [alerts] silence in
    gptwatch.toml.
    """
    from watcher import outbox

    folder = state or out / ".gptwatch"
    if listed or remove is not None:
        with _writing(folder) as connection:
            _manage(connection, remove)
        return
    if run is None or rule is None:
        raise click.UsageError("name a run and a rule, as in: silence train.log spike")
    _check(rule)
    until = time.time() + _seconds(span)
    with _writing(folder) as connection:
        number = outbox.silence(connection, run, rule, until)
    click.echo(f"silence {number}: {rule} of {run} until {_clock(until)}")


def _listed(folder: Path, *, everything: bool) -> Iterator[dict[str, Any]]:
    from watcher import outbox
    from watcher.alerts import FIRING
    from watcher.store import Store

    store = Store(folder, read_only=True)
    with contextlib.closing(store):
        held = outbox.silences(store.connection)
        for row in store.runs():
            for alert in outbox.load(store.connection, row.id).values():
                now = alert.state == FIRING and alert.severity != "info" and row.current
                if not everything and not now:
                    continue
                yield {
                    "run": row.name,
                    "rule": alert.rule,
                    "severity": alert.severity,
                    "state": alert.state,
                    "since": alert.since,
                    "told_at": alert.told_at,
                    "over_at": alert.over_at,
                    "silenced": outbox.is_silenced(held, row.name, alert.rule),
                    "finding": dict(alert.finding),
                }


def _told(alert: dict[str, Any]) -> str:
    told = "told" if alert["told_at"] else "not told"
    notes = [alert["severity"], alert["state"], f"since {_clock(alert['since'])}", told]
    if alert["silenced"]:
        notes.append("silenced")
    head = f"{alert['run']}: {alert['rule']} ({', '.join(notes)})"
    lines = [head, f"  {alert['finding']['message']}"]
    if alert["finding"]["advice"]:
        lines.append(f"  To do: {alert['finding']['advice']}")
    return "\n".join(map(options.safe, lines))


def _manage(connection: sqlite3.Connection, remove: int | None) -> None:
    from watcher import outbox

    if remove is not None:
        done = connection.execute("DELETE FROM silences WHERE id = ?", (remove,))
        if not done.rowcount:
            raise InputError(f"no silence {remove}; see: gptwatch silence --list")
        click.echo(f"silence {remove} is over")
        return
    found = outbox.silences(connection)
    for number, run, rule, until in found:
        click.echo(f"{number}: {rule} of {run} until {_clock(until)}")
    if not found:
        click.echo("nothing is silenced")


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[sqlite3.Connection]:
    """The store, for one short change beside the daemon's."""
    from watcher.store import Store

    Store(folder, read_only=True).close()  # it must be there, and ours to read
    store = Store(folder)
    with contextlib.closing(store), store.transaction():
        yield store.connection


def _check(rule: str) -> None:
    import difflib

    from watcher.rules import RULES

    names = sorted({*RULES, "stalled", "crashed", "finished"} - {"ended"})
    if rule in names or set(rule) & set("*?["):
        return
    near = difflib.get_close_matches(rule, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(names)
    raise click.UsageError(f"unknown rule {rule!r}; {hint}")


def _seconds(span: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", span.strip())
    if match is None:
        raise click.UsageError(f"--for {span!r} is no duration; write 30m, 2h or 3d")
    return float(match[1]) * _UNITS[match[2]]


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M}"
