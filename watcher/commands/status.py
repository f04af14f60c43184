"""`gptwatch status`: how all runs are."""

import math
import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options


_EVERY_S: Final = 1.0
_COLOURS: Final = {
    "running": "green",
    "quiet": "green",
    "stalled": "yellow",
    "crashed": "red",
    "finished": "cyan",
    "critical": "red",
    "warning": "yellow",
}


@click.command(short_help="How all runs are, now or with --watch live.")
@options.out
@options.state
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--watch", is_flag=True, help="A live table; Ctrl-C ends it.")
@click.option("--all", "everything", is_flag=True, help="Earlier runs too.")
def status(
    *, out: Path, state: Path | None, as_json: bool, watch: bool, everything: bool
) -> None:
    """Show the runs of `gptwatch start`: state, steps, losses, speed, lag, alerts.

    It reads what the daemon keeps, and works while the daemon does not run, too.
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
    """The table, and below it the alerts and what troubles the daemon."""
    from rich.text import Text

    parts: list[Any] = [Text(_heading(found))]
    if found.lines:
        parts.append(_table(found.lines))
    for line in found.lines:
        for alert in line.alerts:
            text = Text(f"{options.safe(line.run)}: ", style="bold")
            parts.append(text.append(alert, style=_COLOURS.get(line.severity, "")))
    troubles = map(options.safe, _troubles(found))
    parts += [Text(trouble, style="yellow") for trouble in troubles]
    return parts


def _heading(found: Any) -> str:
    daemon = (
        f"gptwatch works (process {found.pid})"
        if found.pid is not None
        else "gptwatch does not work; this is what it knew last (gptwatch start)"
    )
    counted = f"{len(found.lines)} run{'' if len(found.lines) == 1 else 's'}"
    if found.without:
        counted += f", {found.without} files without metrics"
    if found.earlier:
        counted += f", {found.earlier} earlier (--all)"
    return f"{daemon}: {counted}"


def _troubles(status: Any) -> list[str]:
    if status.pid is None:
        return []  # what troubled it last is over with it
    notes = status.notes
    found = [*notes.get("troubles", []), notes.get("writing", "")]
    found.append(notes.get("events_trouble", ""))
    if notes.get("behind"):
        found.append(
            f"drawing takes longer than its schedule: {notes['behind']} pictures wait"
        )
    if notes.get("polled"):
        found.append(f"{notes['polled']}: no events there; looking every second")
    return [text for text in found if text]


def _table(lines: Any) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("run", "state"):
        table.add_column(name, overflow="fold")
    for name in ("step", "loss", "val", "best val", "tokens/s", "left", "unread"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        state = Text(line.state, style=_COLOURS.get(line.state, ""))
        table.add_row(Text(options.safe(line.run)), state, *_cells(line))
    return table


def _cells(line: Any) -> list[str]:
    from watcher.outputs.text import numbers

    def loss(value: float | None) -> str:
        if value is None:
            return ""
        if not math.isfinite(value):
            return numbers.nonfinite(value)
        return numbers.loss(value, "en")

    step = "" if line.step is None else f"{line.step:,}"
    if line.max_steps:
        step += f" / {line.max_steps:,}"
    best = loss(line.best_val)
    if line.best_step is not None:
        best += f" @ {line.best_step:,}"
    speed = line.tokens_per_s
    left = line.eta_s if line.state in {"running", "quiet"} else None
    return [
        step,
        loss(line.loss),
        loss(line.val_loss),
        best,
        "" if speed is None else numbers.short(speed, "en"),
        "" if left is None else numbers.seconds(left, "en"),
        _bytes(line),
    ]


def _bytes(line: Any) -> str:
    if not line.lag_bytes:
        return ""
    size, unit = float(line.lag_bytes), "B"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004
            break
        size, unit = size / 1000, larger
    return f"{size:.3g} {unit}, {line.lag_s:.0f} s"
