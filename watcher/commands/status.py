"""`gptwatch status`: a table of all runs, or one run whole."""

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options
from watcher.commands.completion import complete_runs
from watcher.errors import InputError
from watcher.outputs.report.status_table import (
    SORTS,
    details,
    folded,
    matching,
    ordered,
    table,
)
from watcher.outputs.text.catalog import message


_NARROWEST: Final = 60
# More alerts than this are a list of their own: `gptwatch alerts`.
_ALERTS: Final = 20
# Names of files without metrics that fit into the heading.
_FILES: Final = 3
# Sweeps that are this late are worth a line, as in the daemon's own log.
_LATE_S: Final = 10.0
# The daemon reports every few seconds.
_SILENT_S: Final = 30.0
# States that have no colour of their own.
_PLAIN: Final = (
    *(message("new"), message("stopped"), message("unwatched"), message("replaced")),
)
_COLOURS: Final = {
    "running": "green",
    "quiet": "green",
    "stalled": "yellow",
    "crashed": "red",
    "finished": "cyan",
    "critical": "red",
    "warning": "yellow",
}


@click.command(short_help="Show all runs: state, step, losses, speed.")
@click.argument("run", required=False, shell_complete=complete_runs)
@options.out
@options.state
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--watch", is_flag=True, hidden=True)
@click.option(
    "--all", "everything", is_flag=True, help="Include earlier and finished runs."
)
@click.option("--sort", "by", type=click.Choice(SORTS), help="Sort by this column.")
@click.option(
    "--filter", "text", default="", help="Only runs whose name or state holds TEXT."
)
@options.output_lang
def status(
    *,
    run: str | None,
    out: Path,
    state: Path | None,
    as_json: bool,
    watch: bool,
    everything: bool,
    by: str | None,
    text: str,
) -> None:
    """Show all runs: state, step, losses, speed, time left, unread bytes, alerts.

    Reads the database of `gptwatch start`, whether that is running or not.  With the
    name of a RUN, all that is known of it.
    """
    from watcher.daemon.status import status as read

    if watch:
        text = "--watch was replaced by a full-screen view: {command}"
        raise click.UsageError(options.tr(text, command="gptwatch top"))
    folder = state or out / ".gptwatch"

    def now() -> Any:
        lang = None if as_json else options.language()
        found = read(folder, everything=everything or run is not None, lang=lang)
        return replace(found, lines=ordered(matching(found.lines, text), by))

    if run is not None:
        _one(now(), run, as_json=as_json)
    elif as_json:
        click.echo(options.as_json(now().as_dict()))
    else:
        for part in _parts(now(), everything=everything):
            _console().print(part, soft_wrap=not sys.stdout.isatty())


def _one(found: Any, name: str, *, as_json: bool) -> None:
    """Print one run whole: each figure, each alert, each problem."""
    line = _named(found.lines, name)
    if as_json:
        click.echo(options.as_json(line.as_dict()))
        return
    known = [pair for pair in details(line, options.language()) if pair[1]]
    width = max(len(label) for label, _ in known)
    for label, value in known:
        click.echo(f"{label:<{width}}  {value}")
    for alert in line.alerts:
        click.echo(options.safe(alert))


def _named(lines: Any, name: str) -> Any:
    """The run of a name, or the only one whose name holds it."""
    exact = [line for line in lines if name in (line.run, line.path)]
    near = exact or [line for line in lines if name in line.run]
    if len(near) == 1:
        return near[0]
    names = ", ".join(line.run for line in near[:5])
    text = "{name}: several runs have this in their name: {names}"
    if not near:
        text = "{name}: no such run; to see all: gptwatch status --all"
    raise InputError(options.tr(text, name=name, names=names))


def _console() -> Any:
    from rich.console import Console

    return Console(no_color=not options.colours(), highlight=False, emoji=False)


def _parts(found: Any, *, everything: bool) -> Iterator[Any]:
    """The table, and below it the alerts and the problems of the daemon."""
    from rich.text import Text

    yield Text(_heading(found))
    shown, over = (found.lines, []) if everything else folded(found.lines)
    if shown:
        yield from _rows(shown)
    if over:
        text = "{n} finished (--all), the last: {names}"
        names = ", ".join(options.safe(line.run) for line in over[:_FILES])
        yield Text(options.tr(text, n=len(over), names=names), style="dim")
    alerts = [(line, alert) for line in shown for alert in line.alerts]
    for line, alert in alerts[:_ALERTS]:
        name = Text(f"{options.safe(line.run)}: ", style="bold")
        yield name.append(options.safe(alert), style=_COLOURS.get(line.severity, ""))
    if len(alerts) > _ALERTS:
        rest = len(alerts) - _ALERTS
        yield Text(options.tr("{n} more: gptwatch alerts", n=rest))
    for problem in map(options.safe, _problems(found)):
        yield Text(problem, style="yellow")
    if found.page:
        yield Text(options.tr("page: {address}", address=found.page), style="dim")


def _heading(found: Any) -> str:
    from watcher.outputs.text.numbers import count

    lang = options.language()
    text = "gptwatch is not running (start it with: gptwatch start); last known state"
    if found.pid is not None:
        text = "gptwatch is running (pid {pid})"
    counted = count(len(found.lines), "run", lang)
    if found.without:
        files = count(len(found.without), "file", lang)
        names = ", ".join(map(options.safe, found.without[:_FILES]))
        more = ", …" if len(found.without) > _FILES else ""
        text_files = ", {files} without metrics ({names})"
        counted += options.tr(text_files, files=files, names=names + more)
    if found.earlier:
        counted += options.tr(", {n} earlier (--all)", n=found.earlier)
    return f"{options.tr(text, pid=found.pid)}: {counted}"


def _rows(lines: Any) -> Iterator[Any]:
    """The table's lines, coloured: the state by itself, the mark by the alert."""
    from rich.text import Text

    width = None
    if sys.stdout.isatty():
        width = max(_NARROWEST, _console().width)
    made = table(lines, lang=options.language(), width=width)
    yield Text("  ".join(made.rows[0]), style="bold")
    for line, row in zip(lines, made.rows[1:], strict=True):
        cells = zip(made.names, row, strict=True)
        styled = [Text(cell, style=_style(name, line)) for name, cell in cells]
        yield Text("  ").join(styled)


def _style(column: str, line: Any) -> str:
    if column == "alert":
        return _COLOURS.get(line.severity, "")
    return _COLOURS.get(line.state, "") if column == "state" else ""


def _problems(status: Any) -> list[str]:
    from watcher.outputs.text.numbers import plain, seconds
    from watcher.outputs.text.stored import stored

    if status.pid is None:
        return []  # those of a daemon that has stopped are history
    notes = status.notes
    found = [*notes.get("problems", []), status.page_problem]
    kinds = ("output", "events", "exports", "alerts")
    found += [notes.get(f"{what}_error", "") for what in kinds]
    if notes.get("undrawn"):
        text = "drawing takes longer than its interval; pictures waiting: {n}"
        found.append(options.tr(text, n=notes["undrawn"]))
    silent_s = time.time() - notes.get("at", math.inf)
    late_s, text = silent_s, "the daemon last reported {time} ago: it gets no CPU"
    if silent_s <= _SILENT_S:
        late_s = notes.get("late_s", 0.0)
        text = "logs are read {time} late: the daemon gets too little CPU"
    if late_s > _LATE_S:
        shown = plain(seconds(round(late_s), options.language()))
        found.append(options.tr(text, time=shown))
    if notes.get("polled"):
        text = "{path}: inotify does not work there; polling every second"
        found.append(options.tr(text, path=notes["polled"]))
    lang = options.language()
    return [stored(text, lang) for text in found if text]
