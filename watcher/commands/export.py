"""`gptwatch export`: every point of a log as JSON or CSV."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from watcher.commands import options


@click.command()
@click.argument("files", type=options.file, nargs=-1, required=True)
@click.option(
    "--to",
    type=click.Choice(["json", "jsonl", "csv", "html"]),
    default="json",
    show_default=True,
    help="json: one document; jsonl: one document per line; csv: one row per value; "
    "html: a report in one file.",
)
@click.option(
    "--window",
    type=click.IntRange(min=1),
    help="Points in the moving average; default: min(50, n // 10).",
)
@click.pass_context
def export(
    context: click.Context, files: Sequence[Path], to: str, window: int | None
) -> None:
    """Print every point of one or more logs, for other programs."""
    from watcher.outputs.report import json as data

    if to == "html":
        _write_html(context, files, window)
        return
    if to == "json" and len(files) > 1:
        text = "--to json takes one log; use --to jsonl for several"
        raise click.UsageError(options.tr(text))
    output = sys.stdout.buffer
    empty = 0
    for number, file in enumerate(files):
        reading = options.read(file, context, window=window)
        empty += not reading.analysis.curves
        if to == "csv":
            several = str(file) if len(files) > 1 else None
            _write_rows(data.rows(reading.analysis), number, several)
            continue
        for part in data.to_parts(_document(reading)):
            output.write(part)
        output.write(b"\n")
    output.flush()
    if empty and to != "jsonl":
        context.exit(options.NO_METRICS)


def _write_html(
    context: click.Context, files: Sequence[Path], window: int | None
) -> None:
    """Prints a report that opens in a browser without a server."""
    from watcher.web.report import document

    if len(files) > 1:
        raise click.UsageError(options.tr("--to html takes one log"))
    analysis = options.read(files[0], context, window=window).analysis
    sys.stdout.buffer.write(document(analysis, lang=options.language()))
    sys.stdout.buffer.flush()
    if not analysis.curves:
        context.exit(options.NO_METRICS)


def _document(reading: Any) -> dict[str, Any]:
    from watcher.outputs.report.artifacts import document

    return document(reading)


def _write_rows(parts: Iterator[str], number: int, name: str | None) -> None:
    """Writes the rows of a log; with a name, in a column of its own before them."""
    head = next(parts)
    if number == 0:
        sys.stdout.write(f"run,{head}" if name else head)
    for part in parts:
        if name:
            rows = part.splitlines(keepends=True)
            part = "".join(f"{_quoted(name)},{row}" for row in rows)  # noqa: PLW2901
        sys.stdout.write(part)


def _quoted(name: str) -> str:
    return '"' + options.safe(name).replace('"', '""') + '"'
