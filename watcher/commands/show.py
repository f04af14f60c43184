"""`gptwatch show`: the lines of a log around a point."""

import contextlib
import re
from pathlib import Path
from typing import Any

import click

from watcher.commands import options
from watcher.commands.completion import complete_places
from watcher.errors import InputError


@click.command(short_help="The lines of a log around a step.")
@click.argument("place", metavar="RUN@STEP", shell_complete=complete_places)
@click.option(
    "--around",
    type=click.IntRange(min=0, max=100_000),
    default=20,
    show_default=True,
    help="Lines before and after it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@options.out
@options.state
@options.output_lang
def show(
    *, place: str, around: int, as_json: bool, out: Path, state: Path | None
) -> None:
    """Print the lines of a run's log around a step, or around a line: RUN:LINE.

    Works for logs that were rotated or compressed since, too.  RUN may be the end of a
    run's name.
    """
    name, kind, number = _parsed(place)
    row, line, excerpt = _read(state or out / ".gptwatch", name, kind, number, around)
    if as_json:
        click.echo(options.as_json(_document(row, line, excerpt)))
        return
    click.echo(f"{options.safe(str(excerpt.path))}:{line}", err=True)
    width = len(str(excerpt.first + len(excerpt.lines)))
    for n, text in enumerate(excerpt.lines, excerpt.first):
        mark = ">" if n == line else " "
        click.echo(f"{mark}{n:>{width}}  {options.safe(text)}")


def _parsed(place: str) -> tuple[str, str, int]:
    match = re.fullmatch(r"(.+)([@:])(\d{1,18})", place, re.DOTALL)
    if match is None:
        text = "{place}: write RUN@STEP or RUN:LINE, as in {example}"
        example = "train.log@3010"
        shown = options.tr(text, place=repr(place), example=example)
        raise click.UsageError(shown)
    return match[1], match[2], int(match[3])


def _read(
    folder: Path, name: str, kind: str, number: int, around: int
) -> tuple[Any, int, Any]:
    from watcher.storage.database import Database
    from watcher.views.lines import excerpt
    from watcher.views.runs import find, line_of
    from watcher.views.series import Series

    with contextlib.closing(Database(folder, read_only=True)) as database:
        row = find(database.runs(), name)
        line = line_of(Series(database), row.id, number) if kind == "@" else number
        places = database.places.of(row.id)
    if line is None:
        raise InputError(
            "{name}: has no points; name a line: {name}:{number}",
            name=row.name,
            number=number,
        )
    found = excerpt(row, places, line - around, line + around)
    if not found.lines:
        raise InputError(
            "{name}: has {lines} lines, and no line {line}",
            name=row.name,
            lines=format(row.lines, ","),
            line=format(line, ","),
        )
    return row, line, found


def _document(row: Any, line: int, excerpt: Any) -> dict[str, Any]:
    return {
        "schema": 1,
        "run": row.name,
        "path": str(excerpt.path),
        "line": line,
        "first": excerpt.first,
        "lines": list(excerpt.lines),
    }
