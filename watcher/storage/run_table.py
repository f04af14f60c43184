"""The table of runs: each row with what was appended since it was written."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from watcher.files import distinct_names
from watcher.storage import appends
from watcher.storage.appends import Appended
from watcher.storage.connection import Connection, among
from watcher.storage.rows import FIELDS, Row, row


_ROWS: Final = "SELECT id, root, path, generation, cursor FROM runs WHERE"
_NEWEST: Final = (
    "SELECT run, max(id) FROM chunks WHERE appended NOT NULL AND run {} GROUP BY run"
)
_SHARED_PATHS: Final = (
    "SELECT path FROM runs GROUP BY path HAVING count(DISTINCT root) > 1"
)
# What is known of a run beside its own row.
_BESIDE: Final = (
    "SELECT run, diagnosis, state FROM analyses WHERE run {}",
    "SELECT run, data FROM alerts WHERE run {} ORDER BY rowid",
    "SELECT run, id, text FROM run_notes WHERE run {} ORDER BY id",
)


class RunTable:
    """Named queries on the table `runs`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, where: str, *values: Any) -> list[Row]:
        """The runs that a condition holds for, oldest first."""
        query = (
            f"SELECT {FIELDS} FROM runs LEFT JOIN analyses ON run = id "  # noqa: S608
            f"WHERE {where} ORDER BY id"
        )
        with self._connection.consistent():
            found = [row(fields) for fields in self._connection.rows(query, values)]
            appended = appends.load(self._connection, *values)
            found = [
                _grown(r, appended[r.id]) if r.id in appended else r for r in found
            ]
            labels = self._labels()
            if not labels:
                return found
            shared = {path for (path,) in self._connection.rows(_SHARED_PATHS)}
        return [
            replace(r, label=labels[r.root]) if os.fsencode(r.path) in shared else r
            for r in found
        ]

    def read_before(self, later: Row) -> Row | None:
        """The last generation before another one that anything was read of."""
        found = self._connection.row(
            "SELECT id FROM runs WHERE root = ? AND path = ? AND generation < ?"
            " AND cursor NOT NULL ORDER BY generation DESC LIMIT 1",
            (os.fsencode(later.root), os.fsencode(later.path), later.generation),
        )
        return self.rows("id = ?", found[0])[0] if found else None

    def _labels(self) -> dict[str, str]:
        """Short names of the watched directories, where there are several."""
        rows = self._connection.rows("SELECT DISTINCT root FROM runs ORDER BY root")
        roots = [Path(os.fsdecode(root)) for (root,) in rows]
        names = distinct_names(roots).items() if len(roots) > 1 else ()
        return {str(root): name for root, name in names}

    def newest(self) -> int:
        """The number of the last run that was added, 0 without any."""
        found = self._connection.row("SELECT coalesce(max(id), 0) FROM runs")
        assert found is not None
        return int(found[0])

    def fingerprints(self, *some: int) -> dict[int, int]:
        """A number for each run, or each of some, that is another after any change.

        Points change with the cursor, which stands before the large columns, or are
        appended; a run is current while its generation is the last one of its path.
        """
        which = among(some)
        found: dict[int, list[Any]] = {}
        last: dict[Any, int] = {}
        runs = self._connection.rows(f"{_ROWS} id {which}", some)
        for run, root, path, generation, cursor in runs:
            found[run] = [root, path, generation, cursor]
            last[root, path] = max(generation, last.get((root, path), 0))
        for fields in found.values():
            fields.append(last[fields[0], fields[1]])
        for query in (_NEWEST, *_BESIDE):
            for run, *fields in self._connection.rows(query.format(which), some):
                found.get(run, []).extend(fields)
        return {run: hash(tuple(fields)) for run, fields in found.items()}


def _grown(known: Row, appended: Appended | None) -> Row:
    """A run with what was appended since its row was written."""
    if appended is None:
        return known
    lines, size = appended.totals or (known.lines, known.bytes)
    return replace(
        known,
        cursor=appended.cursor(known.cursor),
        lines=lines,
        bytes=size,
        latest=known.latest | appended.latest(),
    )
