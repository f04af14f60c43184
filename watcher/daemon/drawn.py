"""Which files the daemon has written of a log, for the commands that write more."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from watcher.errors import StorageError
from watcher.storage.database import Database
from watcher.storage.rows import Row


@dataclass(frozen=True, slots=True)
class Drawn:
    """The files of a run.

    Attributes:
        folder: where they lie.
        dated: plot, report and data with a date, of all bytes of the log; else none.
    """

    folder: Path
    dated: Mapping[str, str]


def drawn(state: Path, log: Path) -> Drawn | None:
    """What the daemon wrote of a log's current run; None of a log it does not watch."""
    try:
        with contextlib.closing(Database(state, read_only=True)) as store:
            rows = store.current_runs()
    except StorageError:
        return None  # no daemon has run here, or its database is of no use now
    path = log.absolute()
    made = (_files(row, log) for row in rows if Path(row.root) / row.path == path)
    return next(filter(None, made), None)


def _files(row: Row, log: Path) -> Drawn | None:
    made = row.state.get("made")
    if not made:
        return None
    whole = row.state.get("drawn") == row.bytes == log.stat().st_size
    folder = Path(made["figure"]).parent
    dated = whole and not Path(made["figure"]).name.startswith("latest.")
    return Drawn(folder, made if dated else {})
