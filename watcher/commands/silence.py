"""`gptwatch silence`: what is not to be told for a while."""

import contextlib
import difflib
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options
from watcher.errors import InputError


_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_LONGEST_S: Final = 3650 * 86_400.0


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

    Its alerts are listed as before, without notifications.  For ever: [alerts] mute in
    gptwatch.toml.
    """
    folder = state or out / ".gptwatch"
    if remove is not None:
        _remove(folder, remove)
    elif listed:
        _list(folder)
    elif run is None or rule is None:
        raise click.UsageError("name a run and a rule, as in: silence train.log spike")
    else:
        _check(rule)
        _add(folder, run, rule, time.time() + _seconds(span))


def _add(folder: Path, run: str, rule: str, until: float) -> None:
    from watcher.alerts.silences import matches
    from watcher.storage.database import Database

    store = Database(folder, read_only=True)
    with contextlib.closing(store):
        is_known = any(matches(row.name, run) for row in store.runs())
    with _writing(folder) as outbox:
        number = outbox.silence(run, rule, until)
    about = options.safe(f"{rule} of {run}")
    click.echo(f"silence {number}: {about} until {clock(until)}")
    if not is_known:
        click.echo("gptwatch: no run is called so yet; see: gptwatch status", err=True)


def _list(folder: Path) -> None:
    from watcher.storage.database import Database

    store = Database(folder, read_only=True)
    with contextlib.closing(store):
        found = store.outbox.silences(time.time())
    for silence in found:
        about = options.safe(f"{silence.rule} of {silence.run}")
        click.echo(f"{silence.number}: {about} until {clock(silence.until)}")
    if not found:
        click.echo("nothing is silenced")


def _remove(folder: Path, number: int) -> None:
    with _writing(folder) as outbox:
        if not outbox.delete_silence(number):
            raise InputError(f"no silence {number}; see: gptwatch silence --list")
    click.echo(f"silence {number} is over")


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[Any]:
    """The store, for one short change beside the daemon's."""
    from watcher.storage.database import Database

    Database(folder, read_only=True).close()  # it must be there, and ours to read
    store = Database(folder, owner=False)
    with contextlib.closing(store), store.transaction():
        yield store.outbox


def known(rule: str) -> None:
    """Checks that there is such a rule.

    Raises:
        click.UsageError: there is none; its text names the nearest.
    """
    from watcher.outputs.text.rule_docs import MEANINGS

    if rule not in MEANINGS:
        near = difflib.get_close_matches(rule, MEANINGS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(MEANINGS)}"
        raise click.UsageError(f"unknown rule {rule!r}; {hint}")


def clock(at: float) -> str:
    """A moment, as people here write it."""
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M}"


def _check(rule: str) -> None:
    if not set(rule) & set("*?["):
        known(rule)


def _seconds(span: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", span.strip())
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if seconds == 0:
        raise click.UsageError(f"--for {span!r} is no duration; write 30m, 2h or 3d")
    if seconds > _LONGEST_S:
        raise click.UsageError("for ever is: [alerts] mute in gptwatch.toml")
    return seconds
