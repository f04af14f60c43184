"""Ordered migrations of the schema: an upgrade of gptwatch keeps all history.

Each step runs in one transaction together with the new version number, so that a crash
leaves the old schema or the new one.  A database of a newer version is refused.
"""

import json
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from watcher.errors import StorageMissingError, StorageSetupError
from watcher.storage.checkpoint import Cursor
from watcher.storage.connection import Connection, connect_memory
from watcher.storage.rows import from_json
from watcher.storage.schema import SCHEMA


VERSION: Final = 3


def _create(connection: Connection) -> None:
    _run(connection, SCHEMA)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _from_1(connection: Connection) -> None:
    """Names the columns as the code does now."""
    _run(connection, _RENAMED_RUNS + _RENAMED_OUTBOX)
    for run, key, data in connection.rows("SELECT run, key, data FROM alerts"):
        renamed = {_ALERT_FIELDS.get(k, k): v for k, v in from_json(data).items()}
        connection.execute(
            "UPDATE alerts SET data = ? WHERE run = ? AND key = ?",
            (json.dumps(renamed), run, key),
        )
    connection.execute("PRAGMA user_version = 2")


_ALERT_FIELDS: Final = MappingProxyType(
    {
        "gone_at": "absent_since",
        "told_at": "notified_at",
        "told_grade": "notified_level",
        "over_at": "resolved_at",
        "told_over": "resolution_notified",
        "quiet": "historical",
    }
)
_RENAMED_RUNS: Final = """
ALTER TABLE runs RENAME COLUMN facts TO hyperparameters;
ALTER TABLE judgements RENAME TO analyses;
DROP INDEX columns_run;
ALTER TABLE columns RENAME TO chunks;
ALTER TABLE chunks RENAME COLUMN shape TO pattern;
ALTER TABLE chunks RENAME COLUMN names TO metrics;
CREATE INDEX chunks_run ON chunks (run, level, metrics);
"""
_RENAMED_OUTBOX: Final = """
DROP INDEX notices_at;
DROP INDEX deliveries_due;
ALTER TABLE deliveries RENAME TO old_deliveries;
CREATE TABLE notifications (
    id INTEGER PRIMARY KEY,
    created_at REAL NOT NULL,
    deferred INTEGER NOT NULL,
    payload TEXT NOT NULL
);
CREATE TABLE deliveries (
    notification INTEGER NOT NULL REFERENCES notifications (id),
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at REAL NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (notification, channel)
);
INSERT INTO notifications SELECT id, at, held, payload FROM notices;
INSERT INTO deliveries SELECT notice, channel,
    CASE state WHEN 'due' THEN 'pending' WHEN 'done' THEN 'delivered' ELSE state END,
    tries, next_at, error FROM old_deliveries;
DROP TABLE old_deliveries;
DROP TABLE notices;
CREATE INDEX notifications_created_at ON notifications (created_at);
CREATE INDEX deliveries_pending ON deliveries (state, next_attempt_at);
"""


def _from_2(connection: Connection) -> None:
    """Adds the index of places; of runs in one file its beginning is known."""
    _run(connection, _PLACES)
    for run, text in connection.rows(
        "SELECT id, cursor FROM runs WHERE parts = 1 AND cursor NOT NULL"
    ):
        cursor = Cursor.restore(from_json(text))
        connection.execute(
            "INSERT INTO places VALUES (?, 0, 0, ?, ?, NULL, ?)",
            (run, *cursor.key, cursor.head),
        )
    connection.execute("PRAGMA user_version = 3")


_PLACES: Final = """
CREATE TABLE places (
    run INTEGER NOT NULL REFERENCES runs (id),
    line INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    seen_at REAL,
    head BLOB,
    PRIMARY KEY (run, line)
) WITHOUT ROWID;
"""
# By the version that each starts from; 0 is an empty file.
_STEPS: Final = MappingProxyType[int, Callable[[Connection], None]](
    {0: _create, 1: _from_1, 2: _from_2}
)


def migrate(connection: Connection) -> None:
    """Brings the schema to this version, step by step.

    Raises:
        StorageSetupError: a newer gptwatch made it.
    """
    check_not_newer(connection)
    while connection.schema_version < VERSION:
        with connection.transaction():
            version = connection.schema_version
            if version < VERSION:  # no other process was quicker
                _STEPS[version](connection)


def readable(connection: Connection) -> Connection:
    """A connection to read from: of an older database, a migrated copy in memory.

    The file itself is left to its owner, which may still be an older gptwatch.

    Raises:
        StorageMissingError: the schema is just being made.
        StorageSetupError: a newer gptwatch made it.
    """
    check_not_newer(connection)
    version = connection.schema_version
    if version == VERSION:
        return connection
    if version == 0:
        raise StorageMissingError(
            f"{connection.path}: not there yet; gptwatch start is creating it"
        )
    copy = connect_memory(connection.path)
    with connection.translated():
        connection.backup(copy)
    connection.close()
    migrate(copy)
    return copy


def check_current(connection: Connection) -> None:
    """Refuses every schema but that of this version, for who doesn't own it.

    Raises:
        StorageSetupError: a newer or an older gptwatch made it.
    """
    check_not_newer(connection)
    version = connection.schema_version
    if version < VERSION:
        raise StorageSetupError(
            f"{connection.path}: made by an older gptwatch (schema version {version}, "
            f"this one needs {VERSION}); restart gptwatch start, which upgrades it"
        )


def check_not_newer(connection: Connection) -> None:
    """Refuses a schema that this gptwatch does not know.

    Raises:
        StorageSetupError: it is of a later version.
    """
    version = connection.schema_version
    if version > VERSION:
        raise StorageSetupError(
            f"{connection.path}: made by a newer gptwatch (schema version {version}, "
            f"this one knows {VERSION}); upgrade gptwatch, or choose another "
            "directory with --state"
        )


def _run(connection: Connection, script: str) -> None:
    # Not executescript: that commits the transaction first.
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)
