"""`gptwatch compare`: several runs in one picture and one table."""

import contextlib
import glob
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from watcher.commands import options
from watcher.commands.completion import complete_runs_and_files
from watcher.errors import GptwatchError, InputError
from watcher.outputs.report.leaderboard import FIGURES


@click.command(short_help="Compare runs in one picture and one table.")
@click.argument("runs", nargs=-1, required=True, shell_complete=complete_runs_and_files)
@click.option(
    "--by",
    type=click.Choice(list(FIGURES)),
    default="val_loss",
    show_default=True,
    help="Rank by this figure.",
)
@click.option(
    "--to",
    type=click.Choice(["text", "md", "csv", "json", "columns"]),
    default="text",
    show_default=True,
    help="Form of the table; columns: one column per run, every setting and result.",
)
@options.out
@options.state
@options.lang
@options.theme
@click.pass_context
def compare(
    context: click.Context,
    *,
    runs: Sequence[str],
    by: str,
    to: str,
    out: Path,
    state: Path | None,
    lang: str,
    theme: str,
) -> None:
    """Draw several runs in one picture; rank them, and list the settings that differ.

    RUNS are files, patterns such as 'logs/*.log', or names of runs that `gptwatch
    start` watches.
    """
    from watcher.outputs.report import artifacts

    folder = state or out / ".gptwatch"
    found = [run for name in runs for run in _found(name, context, folder)]
    if len(found) == 1:
        raise click.UsageError(options.tr("name at least two logs"))
    with_metrics = [run for run in found if run.curves]
    if not with_metrics:
        raise options.NoMetricsError(Path(found[0].path), 0)
    for run in found:
        if not run.curves:
            text = "{path}: no metrics found, skipped"
            click.echo(options.tr(text, path=options.safe(run.path)), err=True)
    named = artifacts.named_apart(with_metrics)
    made = artifacts.write_comparison(
        named, out, lang=lang, theme=theme, now=datetime.now().astimezone()
    )
    click.echo(_table(named, by, to, lang))
    click.echo(f"\n{options.safe(str(made))}", err=to in ("md", "csv", "json"))


def _table(runs: Sequence[Any], by: str, to: str, lang: str) -> str:
    from watcher.outputs.report import differences, leaderboard

    if to == "columns":
        return differences.table(runs, lang=lang)
    board = leaderboard.board(runs, by)
    if to == "md":
        return leaderboard.as_markdown(board, lang=lang)
    if to == "csv":
        return leaderboard.as_csv(board)
    if to == "json":
        return leaderboard.as_json(board)
    return leaderboard.as_text(board, lang=lang, width=options.screen_width())


def _found(name: str, context: click.Context, folder: Path) -> Iterator[Any]:
    """The runs of a name: a file, files of a pattern, or runs of the database."""
    if Path(name).exists():
        yield options.read(Path(name), context, window=None).analysis
        return
    # Path.glob takes no absolute pattern.
    files = sorted(f for f in glob.glob(name) if Path(f).is_file())  # noqa: PTH207
    if files:
        for file in files:
            yield options.read(Path(file), context, window=None).analysis
        return
    stored = list(_stored(name, context, folder))
    if not stored:
        text = "{name}: no such file, and no run of this name in {folder}"
        raise InputError(options.tr(text, name=name, folder=folder))
    yield from stored


def _stored(name: str, context: click.Context, folder: Path) -> Iterator[Any]:
    """The runs of the database whose name is this, or matches this pattern."""
    from watcher.analysis.pipeline import analyse
    from watcher.storage.database import Database

    try:
        store = Database(folder, read_only=True)
    except GptwatchError:
        return  # without a database there are files only
    with contextlib.closing(store), store.snapshot():
        for row in store.runs():
            if row.name == name or fnmatchcase(row.name, name):
                run, _ = store.load(row.id, context.obj.formats)
                path = str(Path(row.root) / row.path)
                rules = context.obj.rules
                made = analyse(run, name=row.name, path=path, settings=rules)
                yield replace(made, info={**made.info, **_said(store, row)})


def _said(store: Any, row: Any) -> dict[str, str]:
    """What people said of a run, as settings that may differ."""
    remarks = store.remarks.of(row.id)
    last = remarks.notes[-1].text if remarks.notes else ""
    return {"tags": " ".join(remarks.tags), "note": last}
