"""`gptwatch push`: send runs to a server of another tool."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options
from watcher.commands.completion import complete_runs_and_files
from watcher.commands.export import readings


_POINTS: Final = 5000


@click.command()
@click.argument(
    "names",
    metavar="RUN|FILE...",
    type=options.file,
    nargs=-1,
    shell_complete=complete_runs_and_files,
)
@click.option(
    "--to",
    type=click.Choice(["mlflow"]),
    default="mlflow",
    show_default=True,
    help="The tool.",
)
@click.option("--url", help="Address of the server; default: MLFLOW_TRACKING_URI.")
@click.option(
    "--project", default="gptwatch", show_default=True, help="Experiment of the runs."
)
@click.option(
    "--all", "everything", is_flag=True, help="Send every point, not 5000 a metric."
)
@click.option("--dry-run", is_flag=True, help="Only show what would be sent.")
@options.state
@options.output_lang
@click.pass_context
def push(
    context: click.Context,
    /,
    *,
    names: Sequence[Path],
    to: str,  # noqa: ARG001 - one tool so far
    url: str | None,
    project: str,
    everything: bool,
    dry_run: bool,
    state: Path | None,
) -> None:
    """Send runs to a server: points, hyperparameters, state and headline.

    A second push sends only what came since. What looks like a secret is masked.
    """
    from watcher.export import mlflow

    address = url or os.environ.get("MLFLOW_TRACKING_URI")
    if not names:
        raise click.UsageError(options.tr("name a run or the file of a log"))
    if not address:
        raise click.UsageError(options.tr("name the server: --url http://HOST:PORT"))
    server, limit = mlflow.Server(address), None if everything else _POINTS
    for name, reading in readings(context, names, state, None):
        _show_plan(name, reading.analysis, limit)
        if dry_run:
            continue
        sent = mlflow.push(
            server,
            reading.analysis,
            project=project,
            identity=os.fsencode(reading.analysis.path).decode("utf-8", "replace"),
            limit=limit,
        )
        text = "{name}: sent {points} points, {known} were there; run {run}"
        click.echo(
            options.tr(
                text,
                name=options.safe(name),
                points=sent.points,
                known=sent.known,
                run=sent.run,
            )
        )


def _show_plan(name: str, analysis: Any, limit: int | None) -> None:
    from watcher.export import mlflow

    curves = analysis.curves.values()
    points = sum(len(mlflow.chosen(curve, limit)) for curve in curves)
    total = sum(map(len, curves))
    text = "{name}: {points} of {total} points, in {n} requests or less"
    requests = points // mlflow.METRICS + len(curves) + 4
    click.echo(
        options.tr(
            text, name=options.safe(name), points=points, total=total, n=requests
        ),
        err=True,
    )
