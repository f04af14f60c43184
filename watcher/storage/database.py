"""What is known of every log, in one SQLite file.

One transaction holds the points of a log and the place in it that they came from:
whenever the process dies, no point is lost and none is there twice.  Only the daemon
writes runs; any number of readers may look on.
"""

import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from parsers.batch import Batch, Milestone
from parsers.delta import Delta
from parsers.format import Format
from parsers.formats import FORMATS
from parsers.parser import Parser
from watcher.errors import (
    StorageCorruptError,
    StorageSetupError,
    StorageUnavailableError,
)
from watcher.storage.checkpoint import Cursor
from watcher.storage.chunks import DamagedError, joined, packed, unpacked
from watcher.storage.columns import Run
from watcher.storage.recovery import NAME
from watcher.storage.rows import FIELDS, JUDGED, Row, from_json, row
from watcher.storage.schema import OUTBOX, RUNS, VERSION


LOGGER: Final = logging.getLogger("gptwatch")
_BUSY_S: Final = 5.0
# So many rows of one size make one of the next.
_MERGE: Final = 64
# Errors that may pass; after any other the store is not what it was.
_PASSING: Final = (
    "SQLITE_BUSY",
    "SQLITE_CANTOPEN",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_LOCKED",
    "SQLITE_NOMEM",
    "SQLITE_PERM",
    "SQLITE_PROTOCOL",
    "SQLITE_READONLY",
)
# A row of more records is left as it is.
_LARGE: Final = 1 << 16


# Made once: several are needed at each commit.
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


class Database:
    """The store, opened for writing by one process, or for reading by any.

    Raises:
        StorageSetupError: it was made by a newer gptwatch, or is no store.
        StorageUnavailableError: it cannot be opened or written now.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self.path = folder / NAME
        with _explained(self.path):
            self.connection = _connected(self.path, read_only=read_only)
            self._check()
            if not read_only:
                self._prepare()
        self._place = _key(self.path)
        self._rows: dict[tuple[int, int, str], int] = {}

    def close(self) -> None:
        """Ends all use of it."""
        self.connection.close()

    def check_place(self) -> None:
        """Finds out whether the file that is written is the one that others read.

        Raises:
            StorageCorruptError: it was deleted, or another took its name.
        """
        if _key(self.path) != self._place:
            raise StorageCorruptError(f"{self.path}: was deleted or replaced")

    @property
    def writes(self) -> int:
        """How many rows were written so far."""
        return self.connection.total_changes

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written inside is kept, or nothing of it."""
        with _explained(self.path):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._rows.clear()
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            try:
                self.connection.execute("COMMIT")
            except sqlite3.Error:
                self._rows.clear()
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    def runs(self, where: str = "1", values: Sequence[Any] = ()) -> list[Row]:
        """Runs that a condition holds for, oldest first."""
        query = (
            f"SELECT {FIELDS} FROM runs LEFT JOIN judgements ON run = id "  # noqa: S608
            f"WHERE {where} ORDER BY id"
        )
        with _explained(self.path):
            return [row(r) for r in self.connection.execute(query, values)]

    def begin(
        self, root: str, path: str, *, reason: str, now: float, adopted: bool = False
    ) -> int:
        """A new generation of a path; the identity of its run."""
        execute = self.connection.execute
        place = os.fsencode(root), os.fsencode(path)
        execute("UPDATE runs SET current = 0 WHERE root = ? AND path = ?", place)
        generation = execute(
            "SELECT coalesce(max(generation), 0) + 1 FROM runs"
            " WHERE root = ? AND path = ?",
            place,
        ).fetchone()[0]
        done = execute(
            "INSERT INTO runs (root, path, generation, reason, first_seen, adopted)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*place, generation, reason, now, adopted),
        )
        assert done.lastrowid is not None
        return done.lastrowid

    def add(
        self, run: int, delta: Delta, cursor: Cursor, parser: Parser, *, size: int
    ) -> None:
        """Keeps what `size` bytes of a log added, and the place behind them."""
        if delta.reset:
            self.connection.execute("DELETE FROM columns WHERE run = ?", (run,))
            self._forget(run)
        for batch in delta.batches:
            self._append(run, batch)
        self.connection.executemany(
            "INSERT INTO milestones (run, kind, line, text) VALUES (?, ?, ?, ?)",
            [(run, m.kind, m.line, m.text) for m in delta.milestones],
        )
        lines, read, latest = self.connection.execute(
            "SELECT lines, bytes, latest FROM runs WHERE id = ?", (run,)
        ).fetchone()
        kept = {} if delta.reset else json.loads(latest)
        fields: dict[str, Any] = {"latest": kept | _latest(delta)}
        if delta.facts:
            fields["facts"] = self._known(run, "facts") | delta.facts
        if delta.planned or delta.reset:
            fields["planned"] = delta.planned
        # One statement: each writes the whole row anew.
        self.set(
            run,
            cursor=cursor.state(),
            parser=parser.state(),
            format=delta.format.name if delta.format else "",
            lines=lines + delta.lines,
            bytes=read + size,
            **fields,
        )

    def move(self, run: int, cursor: Cursor, *, part: bool = False) -> None:
        """Keeps only the place where reading goes on; `part`: in another file."""
        self.connection.execute(
            "UPDATE runs SET cursor = ?, parts = parts + ? WHERE id = ?",
            (_json(cursor.state()), part, run),
        )

    def rename(self, run: int, root: str, path: str) -> None:
        """The file of a run was given another name."""
        place = os.fsencode(root), os.fsencode(path)
        taken = self.connection.execute(
            "SELECT max(generation) FROM runs WHERE root = ? AND path = ?", place
        ).fetchone()[0]
        self.connection.execute(
            "UPDATE runs SET current = 0 WHERE root = ? AND path = ?", place
        )
        generation = 1 if taken is None else taken + 1
        self.set(run, root=place[0], path=place[1], generation=generation)

    def rewind(self, run: int) -> None:
        """Forgets what was read of a run, which is read again."""
        for table in ("columns", "milestones"):
            self.connection.execute(f"DELETE FROM {table} WHERE run = ?", (run,))  # noqa: S608
        self.connection.execute(
            "UPDATE runs SET cursor = NULL, parser = NULL, lines = 0, bytes = 0,"
            " format = '', planned = NULL, facts = '{}', latest = '{}' WHERE id = ?",
            (run,),
        )
        self._forget(run)

    def set(self, run: int, **fields: Any) -> None:
        """Changes fields of a run; dicts are kept as JSON."""
        kept = {k: _json(v) if isinstance(v, dict) else v for k, v in fields.items()}
        judged = {name: kept.pop(name) for name in JUDGED & kept.keys()}
        if judged:
            self.connection.execute(
                "INSERT OR IGNORE INTO judgements (run) VALUES (?)", (run,)
            )
            self._update("judgements", "run", run, judged)
        if kept:
            self._update("runs", "id", run, kept)

    def _update(
        self, table: str, key: str, run: int, fields: Mapping[str, Any]
    ) -> None:
        names = ", ".join(f"{name} = ?" for name in fields)
        self.connection.execute(
            f"UPDATE {table} SET {names} WHERE {key} = ?",  # noqa: S608 - our own
            (*fields.values(), run),
        )

    def parser(self, run: int, formats: Sequence[Format] = FORMATS) -> Parser:
        """The parser that goes on where reading of a run stands.

        Raises:
            LookupError, TypeError, ValueError: another gptwatch wrote its state.
        """
        kept = self.connection.execute(
            "SELECT parser FROM runs WHERE id = ?", (run,)
        ).fetchone()
        if kept is None or kept[0] is None:
            return Parser(formats)
        return Parser.restore(json.loads(kept[0]), formats)

    def load(
        self, run: int, formats: Sequence[Format] = FORMATS, *, ended: bool = True
    ) -> tuple[Run, Parser]:
        """A run with all its points; `ended`: with what its last lines mean as such."""
        loaded = Run()
        row = self.runs("id = ?", (run,))[0]
        with _explained(self.path):
            parser = self.parser(run, formats)
            delta = Delta(
                format=next((f for f in formats if f.name == row.format), None),
                batches=list(self._batches(run)),
                milestones=self._milestones(run),
                facts=row.facts,
                planned=row.planned,
                lines=row.lines,
            )
        loaded.add(delta)
        if ended:
            loaded.add(parser.flush())
        return loaded, parser

    def note(self, key: str) -> Any:
        """A fact about the daemon itself, None where there is none."""
        with _explained(self.path):
            found = self.connection.execute(
                "SELECT value FROM notes WHERE key = ?", (key,)
            ).fetchone()
            return from_json(found[0]) if found else None

    def keep_note(self, key: str, value: Any) -> None:
        """Keeps a fact about the daemon itself."""
        self.connection.execute(
            "INSERT OR REPLACE INTO notes VALUES (?, ?)", (key, _json(value))
        )

    def _check(self) -> None:
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise StorageSetupError(
                f"{self.path}: made by a newer gptwatch (version {version} of the "
                f"store, this one knows {VERSION}); upgrade gptwatch, or choose "
                "another folder with --state"
            )

    def _prepare(self) -> None:
        self.connection.executescript(RUNS + OUTBOX)
        self.connection.execute(f"PRAGMA user_version = {VERSION}")

    def _known(self, run: int, field: str) -> dict[str, Any]:
        """A field that is kept as JSON."""
        found = self.connection.execute(
            f"SELECT {field} FROM runs WHERE id = ?",  # noqa: S608 - our own name
            (run,),
        ).fetchone()
        known: dict[str, Any] = from_json(found[0])
        return known

    def _batches(self, run: int) -> Iterator[Batch]:
        rows = self.connection.execute(
            "SELECT shape, names, records, data FROM columns WHERE run = ? ORDER BY id",
            (run,),
        )
        for shape, names, records, data in rows:
            yield unpacked(shape, names, records, data)

    def _milestones(self, run: int) -> list[Milestone]:
        rows = self.connection.execute(
            "SELECT kind, line, text FROM milestones WHERE run = ? ORDER BY id", (run,)
        )
        return [Milestone(kind, line, None, text) for kind, line, text in rows]

    def _append(self, run: int, batch: Batch, level: int = 0) -> None:
        names = ",".join(batch.values)
        if len(batch.lines) >= _LARGE:
            level = -1
        self.connection.execute(
            "INSERT INTO columns (run, level, shape, names, records, data)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (run, level, batch.shape, names, len(batch.lines), packed(batch)),
        )
        if level < 0:
            return
        key = (run, level, names)
        if key not in self._rows:
            counted = "SELECT count(*) FROM columns WHERE run=? AND level=? AND names=?"
            self._rows[key] = self.connection.execute(counted, key).fetchone()[0] - 1
        self._rows[key] += 1
        if self._rows[key] >= _MERGE:
            self._merge(key)

    def _merge(self, key: tuple[int, int, str]) -> None:
        """Makes one row of many small ones: rows stay few, and rewriting too."""
        which = "WHERE run = ? AND level = ? AND names = ?"
        rows = self.connection.execute(
            f"SELECT shape, names, records, data FROM columns {which} ORDER BY id",  # noqa: S608
            key,
        ).fetchall()
        self.connection.execute(f"DELETE FROM columns {which}", key)  # noqa: S608
        del self._rows[key]
        merged = joined([unpacked(*part) for part in rows])
        self._append(key[0], merged, key[1] + 1)

    def _forget(self, run: int) -> None:
        self._rows = {key: n for key, n in self._rows.items() if key[0] != run}


def _connected(path: Path, *, read_only: bool) -> sqlite3.Connection:
    if read_only:
        if not path.exists():
            raise StorageSetupError(
                f"{path}: no store; is --out or --state the one of gptwatch start?"
            )
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S
        )
    else:
        connection = sqlite3.connect(path, timeout=_BUSY_S)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
    connection.isolation_level = None
    return connection


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Says what is wrong with a store as a person would."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # our own fault
    except (sqlite3.DatabaseError, DamagedError) as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if not name.startswith(_PASSING):
            raise StorageCorruptError(f"{path}: damaged ({error})") from error
        raise StorageUnavailableError(
            f"{path}: cannot be used now ({error}); free the disk or mend its rights"
        ) from error


def _key(path: Path) -> tuple[int, int] | None:
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def _json(value: Any) -> str:
    return _ENCODER.encode(value)


def _latest(delta: Delta) -> dict[str, Any]:
    """Last step and last value of each metric that a piece of the log had."""
    found: dict[str, Any] = {}
    line = -1
    for batch in delta.batches:
        if not len(batch.lines):
            continue
        if batch.lines[-1] >= line:
            line = int(batch.lines[-1])
            found["step"] = int(batch.steps[-1])
        for name, column in batch.values.items():
            value = float(column[-1])
            found[name] = value if np.isfinite(value) else str(value)
    return found
