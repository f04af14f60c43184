"""Ordered migrations of the schema: an upgrade of gptwatch keeps all history.

Each step runs in one transaction together with the new version number, so that a crash
leaves the old schema or the new one.  A database of a newer version is refused.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Final

from watcher.errors import StorageMissingError, StorageSetupError
from watcher.storage.chunks import DamagedError
from watcher.storage.connection import (
    Connection,
    connect,
    connect_memory,
    connect_read_only,
)
from watcher.storage.places import packed_head
from watcher.storage.rows import checkpoint, from_json
from watcher.storage.schema import SCHEMA


LOGGER: Final = logging.getLogger("gptwatch")
VERSION: Final = 6


def _create(connection: Connection) -> None:
    _run(connection, SCHEMA)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _from_1(connection: Connection) -> None:
    """Names the columns as the code does now."""
    _run(connection, _RENAMED_RUNS + _RENAMED_OUTBOX)
    for run, key, data in connection.rows("SELECT run, key, data FROM alerts"):
        connection.execute(
            "UPDATE alerts SET data = ? WHERE run = ? AND key = ?",
            (_renamed_alert(data), run, key),
        )
    connection.execute("PRAGMA user_version = 2")


def _renamed_alert(data: str) -> str:
    alert = from_json(data)
    if not isinstance(alert, dict):
        raise DamagedError("an alert is no JSON object")
    return json.dumps({_ALERT_FIELDS.get(k, k): v for k, v in alert.items()})


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
        cursor = checkpoint(text)
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


def _from_3(connection: Connection) -> None:
    """Looks append to the points of a run; its row is brought up to date later."""
    _run(connection, _APPENDED)
    connection.execute("PRAGMA user_version = 4")


_APPENDED: Final = """
ALTER TABLE chunks ADD COLUMN appended BLOB;
CREATE INDEX chunks_appended ON chunks (run) WHERE appended NOT NULL;
"""


def _from_4(connection: Connection) -> None:
    """Adds notes and tags of runs."""
    _run(connection, _RUN_NOTES)
    connection.execute("PRAGMA user_version = 5")


_RUN_NOTES: Final = """
CREATE TABLE run_notes (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    written_at REAL NOT NULL
);
CREATE INDEX run_notes_run ON run_notes (run);
"""


def _from_5(connection: Connection) -> None:
    """Compresses the first bytes of files; an older version cannot read chunks."""
    for run, line, head in connection.rows(
        "SELECT run, line, head FROM places WHERE head NOT NULL"
    ):
        connection.execute(
            "UPDATE places SET head = ? WHERE run = ? AND line = ?",
            (packed_head(head), run, line),
        )
    connection.execute("PRAGMA user_version = 6")


# By the version that each starts from; 0 is an empty file.
_STEPS: Final = MappingProxyType[int, Callable[[Connection], None]](
    {0: _create, 1: _from_1, 2: _from_2, 3: _from_3, 4: _from_4, 5: _from_5}
)


def opened(path: Path, *, read_only: bool, owner: bool) -> Connection:
    """A connection to a database of this version.

    The owner migrates; a reader gets a migrated copy, and nobody else touches a
    database whose owner may still be of another version.

    Raises:
        StorageMissingError: there is none to read, or it is just being made.
        StorageSetupError: another version of gptwatch made it.
    """
    connection = connect_read_only(path) if read_only else connect(path)
    try:
        _check(connection, read_only=read_only, owner=owner)
        if not read_only:
            _migrate(connection)
        elif connection.schema_version < VERSION:
            return _migrated_copy(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: Connection, *, read_only: bool, owner: bool) -> None:
    version = connection.schema_version
    if version > VERSION:
        raise StorageSetupError(
            "{path}: made by a newer gptwatch (schema version {version}, this one "
            "has {own}); upgrade gptwatch, or "
            "choose another directory with --state",
            path=connection.path,
            version=version,
            own=VERSION,
        )
    if read_only and version == 0:
        raise StorageMissingError(
            "{path}: not there yet; gptwatch start is creating it", path=connection.path
        )
    if not (read_only or owner) and version < VERSION:
        raise StorageSetupError(
            "{path}: made by an older gptwatch (schema version {version}, this one "
            "has {own}); restart gptwatch start, "
            "which migrates it",
            path=connection.path,
            version=version,
            own=VERSION,
        )


def _migrate(connection: Connection) -> None:
    before = connection.schema_version
    while connection.schema_version < VERSION:
        with connection.transaction():
            version = connection.schema_version
            if version < VERSION:  # no other process was quicker
                _STEPS[version](connection)
    if 0 < before < VERSION:
        name = connection.path
        LOGGER.info("%s: schema migrated from version %d to %d", name, before, VERSION)


def _migrated_copy(connection: Connection) -> Connection:
    """A copy in memory: the file belongs to its owner."""
    copy = connect_memory(connection.path)
    with connection.translated():
        connection.backup(copy)
    connection.close()
    _migrate(copy)
    return copy


def _run(connection: Connection, script: str) -> None:
    # Not executescript: that commits the transaction first.
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)
