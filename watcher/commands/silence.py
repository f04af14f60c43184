"""`gptwatch silence`: mute a rule for a run."""

import contextlib
import difflib
import time
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from watcher.commands import options
from watcher.commands.completion import complete_rules, complete_runs
from watcher.errors import InputError
from watcher.settings import seconds


_LONGEST_S: Final = 3650 * 86_400.0


@click.command(short_help="Mute a rule for a time.")
@click.argument("run", required=False, shell_complete=complete_runs)
@click.argument("rule", required=False, shell_complete=complete_rules)
@click.option(
    "--for", "span", default="2h", show_default=True, help="How long: 30m, 2h, 3d."
)
@click.option("--list", "listed", is_flag=True, help="List the silences.")
@click.option("--remove", type=int, help="Remove a silence, by its number.")
@options.out
@options.state
@options.output_lang
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
    """Mute RULE for RUN; both may be patterns such as '*'.

    The rule still fires and is listed, but sends no notification.  To mute it for good,
    set mute under [alerts] in gptwatch.toml.
    """
    folder = state or out / ".gptwatch"
    if remove is not None:
        _remove(folder, remove)
    elif listed:
        _list(folder)
    elif run is None or rule is None:
        text = "name a run and a rule, for example: {command}"
        command = "gptwatch silence train.log spike"
        raise click.UsageError(options.tr(text, command=command))
    else:
        _check(rule)
        _add(folder, run, rule, time.time() + _seconds(span))


def _add(folder: Path, run: str, rule: str, until: float) -> None:
    from watcher.alerts import silences
    from watcher.storage.database import Database

    store = Database(folder, read_only=True)
    with contextlib.closing(store):
        is_known = any(silences.matches(row.name, run) for row in store.runs())
    with silences.writing(folder) as outbox:
        number = outbox.silence(run, rule, until)
    click.echo(_shown(number, run, rule, until))
    if not is_known:
        text = "no run has that name yet; see: gptwatch status"
        click.echo(f"gptwatch: {options.tr(text)}", err=True)


def _shown(number: int, run: str, rule: str, until: float) -> str:
    return options.tr(
        "silence {n}: {rule} of {run} until {time}",
        n=number,
        rule=options.safe(rule),
        run=options.safe(run),
        time=clock(until),
    )


def _list(folder: Path) -> None:
    from watcher.storage.database import Database

    store = Database(folder, read_only=True)
    with contextlib.closing(store):
        found = store.outbox.silences(time.time())
    for silence in found:
        text = _shown(silence.number, silence.run, silence.rule, silence.until)
        click.echo(text)
    if not found:
        click.echo(options.tr("no silences"))


def _remove(folder: Path, number: int) -> None:
    from watcher.alerts import silences

    with silences.writing(folder) as outbox:
        if not outbox.delete_silence(number):
            text = "there is no silence {n}; see: gptwatch silence --list"
            raise InputError(options.tr(text, n=number))
    click.echo(options.tr("silence {n} removed", n=number))


def known(rule: str) -> None:
    """Checks that there is such a rule.

    Raises:
        click.UsageError: there is none; its text names the nearest.
    """
    from watcher.outputs.text.rule_docs import MEANINGS

    if rule not in MEANINGS:
        near = difflib.get_close_matches(rule, MEANINGS, n=1)
        text = "unknown rule {rule}; did you mean {near}?"
        if not near:
            text = "unknown rule {rule}; known: {rules}"
        rules = ", ".join(MEANINGS)
        raise click.UsageError(
            options.tr(text, rule=repr(rule), near=repr("".join(near)), rules=rules)
        )


def clock(at: float) -> str:
    """A time in the local time zone."""
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M}"


def _check(rule: str) -> None:
    if not set(rule) & set("*?["):
        known(rule)


def _seconds(span: str) -> float:
    found = seconds(span)
    if not found:
        text = "--for {span} is not a duration; write 30m, 2h or 3d"
        raise click.UsageError(options.tr(text, span=repr(span)))
    if found > _LONGEST_S:
        text = "to mute it for good, set mute under [alerts] in gptwatch.toml"
        raise click.UsageError(options.tr(text))
    return found
