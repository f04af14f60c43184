"""`gptwatch push`: send runs to a server of another tool."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from watcher.commands import options
from watcher.commands.export import readings, require, runs_argument


@click.command()
@runs_argument("RUN|FILE...")
@click.option(
    "--to",
    type=click.Choice(["mlflow", "wandb"]),
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
@click.option(
    "--out",
    "target",
    type=click.Path(path_type=Path, file_okay=False),
    default="wandb",
    show_default=True,
    help="Directory of the offline runs of W&B.",
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
    to: str,
    url: str | None,
    project: str,
    everything: bool,
    target: Path,
    dry_run: bool,
    state: Path | None,
) -> None:
    """Send runs to another tool: points, hyperparameters, state and headline.

    mlflow: to a server; a second push sends only what came since.  wandb: into offline
    runs, which `wandb sync` uploads.  What looks like a secret is masked.
    """
    address = url or os.environ.get("MLFLOW_TRACKING_URI")
    require(names)
    if to == "mlflow" and not address:
        raise click.UsageError(options.tr("name the server: --url http://HOST:PORT"))
    from watcher.export.thinning import POINTS

    limit = None if everything else POINTS
    for name, reading in readings(context, names, state, None):
        _show_plan(name, reading.analysis, limit)
        if dry_run:
            continue
        path = os.fsencode(reading.analysis.path)
        given = {
            "project": project,
            "identity": path.decode("utf-8", "replace"),
            "limit": limit,
        }
        if to == "wandb":
            _write_run(reading.analysis, target, given)
        else:
            _send(name, reading.analysis, str(address), given)


def _write_run(analysis: Any, target: Path, given: dict[str, Any]) -> None:
    from watcher.export import wandb

    run = wandb.write(analysis, target, **given)
    click.echo(f"wandb sync {shlex.quote(options.safe(str(run)))}")


def _send(name: str, analysis: Any, address: str, given: dict[str, Any]) -> None:
    from watcher.export import mlflow

    sent = mlflow.push(mlflow.Server(address), analysis, **given)
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
    from watcher.export.thinning import chosen

    curves = analysis.curves.values()
    points = sum(len(chosen(curve, limit)) for curve in curves)
    total = sum(map(len, curves))
    text = "{name}: {points} of {total} points, in {n} requests or less"
    requests = points // mlflow.METRICS + len(curves) + 4
    click.echo(
        options.tr(
            text, name=options.safe(name), points=points, total=total, n=requests
        ),
        err=True,
    )
