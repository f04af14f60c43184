"""A connection to the database; every SQLite error leaves it as a StorageError."""

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from watcher.errors import (
    StorageCorruptError,
    StorageError,
    StorageMissingError,
    StorageUnavailableError,
)
from watcher.storage.chunks import DamagedError


_BUSY_S: Final = 5.0
# The WAL is copied into the database when it has so many pages, and cut to so many
# bytes after a transaction that needed more.
_WAL_PAGES: Final = 256
_WAL_BYTES: Final = 1 << 20
# Errors that may pass; any other means that the file is damaged.
_TRANSIENT: Final = (
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


class Connection(sqlite3.Connection):
    """A connection in autocommit mode; `path` names the file in messages."""

    path: Path = Path()

    def execute(self, sql: str, values: Any = (), /) -> sqlite3.Cursor:
        """Runs one statement."""
        with self.translated():
            return super().execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Any], /) -> sqlite3.Cursor:
        """Runs one statement for each row."""
        with self.translated():
            return super().executemany(sql, rows)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.translated():
            return super().execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, None without one."""
        with self.translated():
            found: tuple[Any, ...] | None = super().execute(sql, values).fetchone()
            return found

    def insert(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs an INSERT; the identity of the new row."""
        number = self.execute(sql, values).lastrowid
        assert number is not None
        return number

    @property
    def schema_version(self) -> int:
        """The version of the schema; 0 before there is one."""
        found = self.row("PRAGMA user_version")
        assert found is not None
        return int(found[0])

    @contextmanager
    def transaction(self, mode: str = "IMMEDIATE") -> Iterator[None]:
        """Commits everything that is written inside, or nothing of it."""
        with self.translated():
            self.execute(f"BEGIN {mode}")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                if self.in_transaction:
                    self.execute("ROLLBACK")
                raise

    @contextmanager
    def consistent(self) -> Iterator[None]:
        """Several queries see one moment, within a transaction or without one."""
        if self.in_transaction:
            with self.translated():
                yield
        else:
            with self.transaction("DEFERRED"):
                yield

    def cut_wal(self) -> None:
        """Empties a WAL that grew, unless somebody reads from it now.

        SQLite does so itself, but only if two commits in a row meet no reader.
        """
        wal = self.path.with_name(f"{self.path.name}-wal")
        with suppress(OSError):
            if wal.stat().st_size <= _WAL_BYTES:
                return
        self.execute("PRAGMA busy_timeout = 0")
        try:
            self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self.execute(f"PRAGMA busy_timeout = {int(1000 * _BUSY_S)}")

    def translated(self) -> AbstractContextManager[None]:
        """Turns errors of SQLite, and damaged rows, into StorageErrors."""
        return _Translated(self.path)


def among(values: Collection[Any]) -> str:
    """The condition that something is one of some values; without any: that it is."""
    if not values:
        return "NOTNULL"
    return f"IN ({', '.join('?' * len(values))})"


class _Translated:
    """A context in which errors are translated; each statement runs in one."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Raises the StorageError that an error stands for."""
        if isinstance(error, sqlite3.ProgrammingError):
            return  # our own bug
        if isinstance(error, sqlite3.DatabaseError | DamagedError):
            raise _translation(self._path, error) from error


def _translation(path: Path, error: Exception) -> StorageError:
    name = getattr(error, "sqlite_errorname", "") or ""
    if not name.startswith(_TRANSIENT):
        return StorageCorruptError("{path}: damaged ({error})", path=path, error=error)
    return StorageUnavailableError(
        "{path}: cannot be used now ({error}); free disk space, or fix the permissions",
        path=path,
        error=error,
    )


def connect(path: Path) -> Connection:
    """A connection that reads and writes; makes the file where there is none."""
    connection = _opened(path, path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_read_only(path: Path) -> Connection:
    """A connection that changes nothing, not even the directory of the file.

    Raises:
        StorageMissingError: there is no such file.
    """
    if not path.exists():
        raise StorageMissingError(
            "{path}: no database; gptwatch start makes it: gptwatch "
            "start --dir DIRECTORY.  If it runs already, name its --out "
            "or --state",
            path=path,
        )
    address = f"{path.resolve().as_uri()}?mode=ro"
    wal = path.with_name(f"{path.name}-wal")
    # SQLite can read a WAL database only beside its index, which no daemon keeps now.
    if not wal.exists() and not os.access(path.parent, os.W_OK):
        address += "&immutable=1"
    return _opened(path, address)


def connect_memory(path: Path) -> Connection:
    """An empty database in memory; messages name `path`."""
    return _opened(path, ":memory:")


def _opened(path: Path, address: Path | str) -> Connection:
    with _Translated(path):
        connection = sqlite3.connect(
            address,
            uri=isinstance(address, str),
            timeout=_BUSY_S,
            isolation_level=None,
            factory=Connection,
        )
    connection.path = path
    return connection
