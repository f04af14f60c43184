"""`gptwatch status`: a table of all runs."""

import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options
from watcher.outputs.text.catalog import message


_EVERY_S: Final = 1.0
# Sweeps that are this late are worth a line, as in the daemon's own log.
_LATE_S: Final = 10.0
_LEFT: Final = (message("run"), message("state"))
_RIGHT: Final = (
    *(message("step"), message("loss"), message("val"), message("best val")),
    *(message("tokens/s"), message("time left"), message("unread")),
)
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
@options.out
@options.state
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--watch", is_flag=True, help="Refresh the table every second; Ctrl-C quits."
)
@click.option("--all", "everything", is_flag=True, help="Include earlier runs.")
@options.output_lang
def status(
    *,
    out: Path,
    state: Path | None,
    as_json: bool,
    watch: bool,
    everything: bool,
) -> None:
    """Show all runs: state, step, losses, speed, time left, unread bytes, alerts.

    Reads the database of `gptwatch start`, whether that is running or not.
    """
    from watcher.daemon.status import status as read

    folder = state or out / ".gptwatch"
    if as_json:
        found = read(folder, everything=everything)
        click.echo(options.as_json(found.as_dict()))
        return
    if watch and sys.stdout.isatty():
        _live(folder, everything=everything)
        return
    console = _console()
    for part in _parts(read(folder, everything=everything)):
        console.print(part)


def _live(folder: Path, *, everything: bool) -> None:
    import time

    from rich.console import Group
    from rich.live import Live

    from watcher.daemon.status import status as read

    with Live(console=_console(), screen=True, auto_refresh=False) as live:
        while True:
            found = read(folder, everything=everything)
            live.update(Group(*_parts(found)), refresh=True)
            time.sleep(_EVERY_S)


def _console() -> Any:
    from rich.console import Console

    colour = options.colours()
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "120"))
    return Console(no_color=not colour, highlight=False, width=width, emoji=False)


def _parts(found: Any) -> list[Any]:
    """The table, and below it the alerts and the problems of the daemon."""
    from rich.text import Text

    parts: list[Any] = [Text(_heading(found))]
    if found.lines:
        parts.append(_table(found.lines))
    for line in found.lines:
        for alert in line.alerts:
            text = Text(f"{options.safe(line.run)}: ", style="bold")
            parts.append(text.append(alert, style=_COLOURS.get(line.severity, "")))
    problems = map(options.safe, _problems(found))
    parts += [Text(problem, style="yellow") for problem in problems]
    return parts


def _heading(found: Any) -> str:
    from watcher.outputs.text.numbers import count

    lang = options.language()
    text = "gptwatch is not running (start it with: gptwatch start); last known state"
    if found.pid is not None:
        text = "gptwatch is running (pid {pid})"
    counted = count(len(found.lines), "run", lang)
    if found.without:
        files = count(found.without, "file", lang)
        counted += options.tr(", {files} without metrics", files=files)
    if found.earlier:
        counted += options.tr(", {n} earlier (--all)", n=found.earlier)
    return f"{options.tr(text, pid=found.pid)}: {counted}"


def _problems(status: Any) -> list[str]:
    from watcher.outputs.text.numbers import plain, seconds

    if status.pid is None:
        return []  # those of a daemon that has stopped are history
    notes = status.notes
    found = [*notes.get("problems", [])]
    kinds = ("output", "events", "exports")
    found += [notes.get(f"{what}_error", "") for what in kinds]
    if notes.get("undrawn"):
        text = "drawing takes longer than its interval; pictures waiting: {n}"
        found.append(options.tr(text, n=notes["undrawn"]))
    if notes.get("late_s", 0.0) > _LATE_S:
        text = "logs are read {time} late: the daemon gets too little CPU"
        lang = options.language()
        time = plain(seconds(round(notes["late_s"]), lang))
        found.append(options.tr(text, time=time))
    if notes.get("polled"):
        text = "{path}: inotify does not work there; polling every second"
        found.append(options.tr(text, path=notes["polled"]))
    return [text for text in found if text]


def _table(lines: Any) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in _LEFT:
        table.add_column(options.tr(name), overflow="fold")
    for name in _RIGHT:
        table.add_column(options.tr(name), justify="right", no_wrap=True)
    for line in lines:
        state = Text(options.tr(line.state), style=_COLOURS.get(line.state, ""))
        table.add_row(Text(options.safe(line.run)), state, *_cells(line))
    return table


def _cells(line: Any) -> list[str]:
    from watcher.outputs.text.numbers import integer, loss, plain, seconds, short

    lang = options.language()

    def known(form: Any, value: float | None) -> str:
        return "" if value is None else plain(form(value, lang))

    step = known(integer, line.step)
    if line.max_steps:
        step += f" / {known(integer, line.max_steps)}"
    best = known(loss, line.best_val)
    if line.best_step is not None:
        best += f" @ {known(integer, line.best_step)}"
    left = line.eta_s if line.state in {"running", "quiet"} else None
    return [
        step,
        known(loss, line.loss),
        known(loss, line.val_loss),
        best,
        known(short, line.tokens_per_s),
        known(seconds, left),
        _unread(line, lang),
    ]


def _unread(line: Any, lang: str) -> str:
    """Bytes of the log that are not read yet, and since when."""
    from watcher.outputs.text.numbers import plain, seconds, size

    if not line.lag_bytes:
        return ""
    return plain(f"{size(line.lag_bytes)}, {seconds(round(line.lag_s), lang)}")
