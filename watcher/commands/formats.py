"""`gptwatch formats`: what is known, and how a log was understood."""

from pathlib import Path

import click

from watcher.commands import options


@click.command(short_help="List the known formats, or explain a log.")
@click.argument("file", type=options.file, required=False)
@click.pass_context
def formats(context: click.Context, file: Path | None) -> None:
    """List the log formats that are known, or explain how FILE was understood."""
    from watcher.outputs.report import format_report

    known = context.obj.formats
    if file is None:
        click.echo(format_report.known(known, width=options.terminal_width()))
        return
    reading = options.read(file, context, window=None)
    click.echo(format_report.explain(reading, file, width=options.terminal_width()))
    if not reading.analysis.curves:
        context.exit(options.NO_METRICS)
