"""`gptwatch compare`: several runs over each other."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from watcher.commands import options


@click.command(short_help="Draw runs over each other; tell what differs.")
@click.argument("files", type=options.file, nargs=-1, required=True)
@options.out
@options.lang
@options.theme
@click.pass_context
def compare(
    context: click.Context,
    files: Sequence[Path],
    out: Path,
    lang: str | None,
    theme: str,
) -> None:
    """Draw several runs over each other, and tell what differs."""
    from watcher.outputs.report import artifacts, differences

    if len(files) == 1:
        raise click.UsageError("name at least two logs")
    language = options.language(lang)
    runs = [options.read(file, context, window=None).analysis for file in files]
    with_metrics = [run for run in runs if run.curves]
    if not with_metrics:
        raise options.NoMetricsError(files[0], 0)
    for run in runs:
        if not run.curves:
            click.echo(
                f"{options.safe(run.path)}: no metrics found, left out", err=True
            )
    runs = artifacts.named_apart(with_metrics)
    made = artifacts.write_comparison(
        runs, out, lang=language, theme=theme, now=datetime.now().astimezone()
    )
    click.echo(differences.table(runs, lang=language))
    click.echo(f"\n{options.safe(str(made))}")
