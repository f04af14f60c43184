"""`gptwatch note`: notes and tags of runs."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from watcher.commands import options
from watcher.commands.completion import complete_runs
from watcher.commands.silence import clock
from watcher.errors import InputError


@click.command(short_help="Notes and tags of a run.")
@click.argument("run", shell_complete=complete_runs)
@click.argument("text", required=False)
@click.option("--tag", "tags", multiple=True, help="Give the run a tag.")
@click.option("--untag", "untags", multiple=True, help="Take a tag from the run.")
@click.option("--remove", type=int, help="Remove a note, by its number.")
@options.out
@options.state
@options.output_lang
def note(
    *,
    run: str,
    text: str | None,
    tags: Sequence[str],
    untags: Sequence[str],
    remove: int | None,
    out: Path,
    state: Path | None,
) -> None:
    """Write a note on RUN, or give it tags; without either, list what it has.

    They are shown by status, top, compare and the page, and kept in the database; RUN
    may be the end of a run's name.
    """
    from watcher.storage.database import Database
    from watcher.views.runs import find

    folder = state or out / ".gptwatch"
    with contextlib.closing(Database(folder, read_only=True)) as store:
        row = find(store.runs(), run)
    if text is not None or tags or untags or remove is not None:
        with _writing(folder) as remarks:
            _write(remarks, row, text, tags)
            _delete(remarks, row, untags, remove)
    with contextlib.closing(Database(folder, read_only=True)) as store:
        _list(row, store.remarks.of(row.id))


def _write(remarks: Any, row: Any, text: str | None, tags: Sequence[str]) -> None:
    if text is not None:
        if not text.strip():
            raise click.UsageError(options.tr("the note is empty"))
        remarks.add(row.id, _one_line(text), time.time())
    for tag in tags:
        if not tag.strip() or len(tag.split()) != 1:
            example = "--tag {tag}: a tag is one word, such as baseline"
            raise click.UsageError(options.tr(example, tag=repr(tag)))
        remarks.tag(row.id, _one_line(tag), time.time())


def _delete(remarks: Any, row: Any, untags: Sequence[str], remove: int | None) -> None:
    for tag in untags:
        if not remarks.untag(row.id, tag):
            text = "{run} has no tag {tag}"
            raise InputError(options.tr(text, run=row.name, tag=tag))
    if remove is not None and not remarks.delete(row.id, remove):
        text = "{run} has no note {n}; see: gptwatch note {run}"
        raise InputError(options.tr(text, run=row.name, n=remove))


def _one_line(text: str) -> str:
    """Text of one line that any reader of the database can decode."""
    return " ".join(text.encode("utf-8", "replace").decode().split())


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[Any]:
    """Notes and tags, for one short transaction beside the daemon's."""
    from watcher.storage.database import Database

    store = Database(folder, owner=False)
    with contextlib.closing(store), store.transaction():
        yield store.remarks


def _list(row: Any, remarks: Any) -> None:
    name = options.safe(row.name)
    if remarks.tags:
        tags = options.safe(" ".join(remarks.tags))
        click.echo(f"{name}: {options.tr('tags')}: {tags}")
    for found in remarks.notes:
        at = clock(found.written_at)
        click.echo(f"{name}: {found.number}: {at}: {options.safe(found.text)}")
    if not remarks.tags and not remarks.notes:
        click.echo(options.tr("{run}: no notes and no tags", run=name))
