"""`gptwatch compare`: several runs in one picture and one table."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from watcher.commands import options


@click.command(short_help="Compare runs in one picture and one table.")
@click.argument("files", type=options.file, nargs=-1, required=True)
@options.out
@options.lang
@options.theme
@click.pass_context
def compare(
    context: click.Context,
    files: Sequence[Path],
    out: Path,
    lang: str,
    theme: str,
) -> None:
    """Draw several runs in one picture; list what differs in settings and results."""
    from watcher.outputs.report import artifacts, differences

    if len(files) == 1:
        raise click.UsageError(options.tr("name at least two logs"))
    runs = [options.read(file, context, window=None).analysis for file in files]
    with_metrics = [run for run in runs if run.curves]
    if not with_metrics:
        raise options.NoMetricsError(files[0], 0)
    for run in runs:
        if not run.curves:
            text = "{path}: no metrics found, skipped"
            click.echo(options.tr(text, path=options.safe(run.path)), err=True)
    runs = artifacts.named_apart(with_metrics)
    made = artifacts.write_comparison(
        runs, out, lang=lang, theme=theme, now=datetime.now().astimezone()
    )
    click.echo(differences.table(runs, lang=lang))
    click.echo(f"\n{options.safe(str(made))}")
