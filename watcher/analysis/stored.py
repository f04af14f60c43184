"""A run of the database, analysed: what `read` in `pipeline` gives for a file."""

from collections.abc import Sequence
from pathlib import Path

from parsers.format import Format
from parsers.formats import FORMATS
from watcher.analysis import rules
from watcher.analysis.pipeline import Reading, analyse
from watcher.errors import InputError
from watcher.storage.database import Database
from watcher.storage.rows import Row


def find(store: Database, name: str) -> Row:
    """The run with a name.

    Raises:
        InputError: there is none, or there are several.
    """
    rows = [row for row in store.runs() if row.name == name]
    if len(rows) == 1:
        return rows[0]
    text = "{name}: several runs of this name in {path}; a log can be named by its path"
    if not rows:
        text = (
            "{name}: no run of this name in {path}; `gptwatch status` lists all; a log "
            "can be named by its path"
        )
    raise InputError(text, name=name, path=store.path)


def read(
    store: Database,
    row: Row,
    *,
    window: int | None = None,
    formats: Sequence[Format] = FORMATS,
    settings: rules.Settings | None = None,
) -> Reading:
    """A run with all its points, in one snapshot of the database."""
    with store.snapshot():
        row = store.run(row.id)
        run, parser = store.load(row.id, formats)
    analysis = analyse(
        run,
        name=row.name,
        path=str(Path(row.root) / row.path),
        window=window,
        changed_at=row.cursor.mtime_ns / 1e9 if row.cursor else None,
        settings=settings,
    )
    return Reading(analysis, parser, row.bytes)
