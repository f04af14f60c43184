"""`gptwatch formats`: the known formats, and how a log was detected."""

from pathlib import Path

import click

from watcher.commands import options


@click.command(short_help="List the known formats, or explain a log.")
@click.argument("file", type=options.file, required=False)
@options.lang
@click.pass_context
def formats(context: click.Context, file: Path | None, lang: str) -> None:
    """List the known log formats, or explain how the format of FILE was detected."""
    from watcher.outputs.report import format_report

    known, width = context.obj.formats, options.terminal_width()
    if file is None:
        click.echo(format_report.known(known, width=width))
        return
    reading = options.read(file, context, window=None)
    click.echo(format_report.explain(reading, file, lang=lang, width=width))
    if not reading.analysis.curves:
        context.exit(options.NO_METRICS)
