"""`gptwatch formats`: the known formats, and how a log was detected."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import click

from watcher.commands import options
from watcher.commands.completion import complete_formats


_CHUNKS: Final = 16


@click.command(short_help="List the known formats, or explain a log.")
@click.argument(
    "file",
    metavar="[FILE|FORMAT]",
    type=options.file,
    required=False,
    shell_complete=complete_formats,
)
@click.option("--suggest", is_flag=True, help="Propose [[formats]] that read FILE.")
@options.lang
@click.pass_context
def formats(
    context: click.Context, file: Path | None, *, suggest: bool, lang: str
) -> None:
    """List the known log formats, or explain how the format of FILE was detected.

    With the name of a FORMAT, only that one.
    """
    from watcher.outputs.report import format_report

    if suggest and file is None:
        raise click.UsageError("--suggest needs a FILE")
    known, width = context.obj.formats, options.terminal_width()
    if file is None:
        click.echo(format_report.known(known, width=width))
        return
    named = [form for form in known if form.name == str(file)]
    if named and not file.exists():
        click.echo(format_report.known(named, width=width))
        return
    if suggest:
        context.exit(_suggest(file, lang))
    reading = options.read(file, context, window=None)
    click.echo(format_report.explain(reading, file, lang=lang, width=width))
    if not reading.analysis.curves:
        context.exit(options.NO_METRICS)


def _suggest(file: Path, lang: str) -> int:
    """Prints a format that would read a log; the exit code."""
    from parsers.engine.lines import Lines
    from parsers.suggest import suggest
    from watcher.ingest import decompress
    from watcher.outputs.report import format_report

    lines = Lines()
    chunks = _beginning(decompress.chunks(file))
    data = b"".join(lines.feed(chunk) for chunk, _ in chunks)
    found = suggest((data + lines.flush()).split(b"\n"))
    click.echo(format_report.suggestion(found, lang=lang))
    return 0 if found else options.NO_METRICS


def _beginning(chunks: Iterable[tuple[bytes, int]]) -> Iterator[tuple[bytes, int]]:
    """Enough of a log to see its lines."""
    return itertools.islice(chunks, _CHUNKS)
