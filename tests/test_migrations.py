"""A database of every earlier version opens, and keeps all that it held.

`tests/data/databases/vN.db` was written by the last gptwatch with schema version N: a
nanoGPT log rotated once, two generations of one path, a name that is not UTF-8, three
alerts, two notifications on their way and three deferred ones, a silence and a note.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parsers.formats import FORMATS
from watcher.alerts import outbox, silences
from watcher.alerts.channels.apprise import Service
from watcher.alerts.dispatcher import Dispatcher
from watcher.alerts.lifecycle import Settings
from watcher.clock import Clock
from watcher.errors import (
    StorageCorruptError,
    StorageError,
    StorageMissingError,
    StorageSetupError,
)
from watcher.storage.connection import Connection
from watcher.storage.database import Database
from watcher.storage.migrations import VERSION
from watcher.storage.outbox import Silence
from watcher.storage.recovery import NAME


DATABASES = Path(__file__).parent / "data" / "databases"
EARLIER = sorted(DATABASES.glob("v*.db"))


@pytest.fixture(params=EARLIER, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A state folder with a database of an earlier version."""
    state = folder(tmp_path / "state")
    shutil.copy(request.param, state / NAME)
    return state


@pytest.fixture
def store(old: Path) -> Iterator[Database]:
    """The same, opened by this version."""
    opened = Database(old)
    yield opened
    opened.close()


def test_there_is_a_database_of_every_earlier_version() -> None:
    """Whoever changes the schema keeps a database of the version before."""
    assert {f"v{version}" for version in range(1, VERSION)} <= {
        path.stem for path in EARLIER
    }


def test_every_run_is_kept(store: Database) -> None:
    """Names, generations and places in the logs."""
    found = [(r.name, r.format, r.lines, r.bytes, r.current) for r in store.runs()]

    assert found == [
        ("gpt.log", "nanogpt", 59, 2624, True),
        ("sub/again.log", "nanogpt", 20, 930, False),
        ("sub/again.log#2", "jsonl", 2, 50, True),
        ("caf\u00e9 \udce9.log", "nanogpt", 1, 41, True),
    ]
    first = store.runs()[0]
    assert (2, "found", False) == (first.parts, first.reason, first.adopted)
    assert first.cursor is not None
    assert 470 == first.cursor.offset
    assert "finished" == first.state["state"]
    assert {"last_step": 49} == (first.diagnosis or {})["summary"]


def test_every_point_is_kept(store: Database) -> None:
    """Steps and values, bit by bit; values that are not finite, too."""
    first, other, third, last = (store.load(row.id)[0] for row in store.runs())

    _, steps, losses = first.column("loss")
    assert list(range(50)) == steps.tolist()
    assert [float(f"9.{step:04d}") for step in range(50)] == losses.tolist()
    _, steps, values = first.column("val_loss")
    assert [0, 10, 20, 30] == steps.tolist()
    assert [9.75, 8.75, 7.75, 6.75] == values.tolist()
    assert list(range(20)) == other.column("loss")[1].tolist()
    np.testing.assert_array_equal(third.column("loss")[2], [4.5, np.nan])
    assert [4.0] == last.column("loss")[2].tolist()


def test_every_milestone_is_kept(store: Database) -> None:
    """Kind, line and step."""
    found = store.load(1)[0].milestones()

    assert [("checkpoint", 13, 9), ("checkpoint", 25, 19)] == [
        (m.kind, m.line, m.step) for m in found[:2]
    ]
    assert 4 == len(found)


def test_hyperparameters_are_kept(store: Database) -> None:
    """What the log states of its model."""
    assert {"parameters": 10_650_000} == store.load(1)[0].facts


def test_reading_goes_on(store: Database) -> None:
    """The parser's state opens: the log isn't read again from its beginning."""
    delta = store.parser(1, FORMATS).feed(
        b"iter 50: loss 3.5, time 25.00ms, mfu 12.00%\n"
    )

    assert [[50]] == [batch.steps.tolist() for batch in delta.batches]


def test_every_alert_is_kept(store: Database) -> None:
    """With its state: nobody is notified again of what they know."""
    alerts = outbox.load(store.outbox, 1) | outbox.load(store.outbox, 3)

    assert {
        "overfitting@10": "resolved",
        "spike@30": "firing",
        "not_finite@2": "firing",
    } == {key: alert.state for key, alert in alerts.items()}
    over = alerts["overfitting@10"]
    assert 1_700_000_000.0 == over.since
    assert 1_700_000_020.0 == over.notified_at == over.resolved_at
    assert (3, True) == (over.notified_level, over.resolution_notified)


def test_every_notification_is_kept(store: Database) -> None:
    """Those on their way with their attempts, and those deferred."""
    due = store.outbox.due(1_700_000_100.0)

    assert [("firing", 3), ("confirmed", 2)] == [
        (delivery.payload["kind"], delivery.attempts) for delivery in due
    ]
    assert [] == store.outbox.due(1_700_000_020.0)


def test_silences_and_notes_are_kept(store: Database) -> None:
    """What people set, and what the daemon noted of itself."""
    assert [Silence(1, "gpt.log", "plateau", 4e9)] == store.outbox.silences(0.0)
    assert {"pid": 1, "at": 1.7e9, "roots": ["/logs"], "out": "/out"} == store.note(
        "daemon"
    )


def test_the_beginning_of_each_file_is_a_place(store: Database) -> None:
    """Lines of runs from before there were places are found from there."""
    found = {
        row.name: [(p.line, p.offset, p.head) for p in store.places.of(row.id)]
        for row in store.runs()
    }

    assert [] == found["gpt.log"]  # rotated: nobody noted where its parts begin
    [(line, offset, head)] = found["sub/again.log"]
    assert (0, 0) == (line, offset)
    assert head
    assert head.startswith(b"iter 0:")


def test_a_migrated_schema_is_that_of_a_new_database(
    store: Database, tmp_path: Path
) -> None:
    """Columns, their order and indexes."""
    new = Database(folder(tmp_path / "new"))

    assert shape(new) == shape(store)
    new.close()


def test_a_reader_migrates_only_a_copy(old: Path) -> None:
    """The file belongs to the daemon, which may still be of the version before."""
    before = (old / NAME).read_bytes()

    with contextlib.closing(Database(old, read_only=True)) as store:
        assert 4 == len(store.runs())
        assert "resolved" == outbox.load(store.outbox, 1)["overfitting@10"].state

    assert before == (old / NAME).read_bytes()


def test_who_does_not_own_a_database_migrates_none(old: Path) -> None:
    """The daemon of the version before would lose its tables."""
    with pytest.raises(StorageSetupError, match="restart gptwatch start"):
        Database(old, owner=False)
    with (
        pytest.raises(StorageSetupError, match="restart gptwatch start"),
        silences.writing(old),
    ):
        raise AssertionError

    Database(old).close()
    Database(old, owner=False).close()


def test_a_crash_leaves_the_old_version_or_the_new(old: Path, tmp_path: Path) -> None:
    """Wherever a process dies in a migration, the next one completes it."""
    seen = set()
    for statement in range(1, 100):
        state = folder(tmp_path / str(statement))
        shutil.copy(old / NAME, state)
        died = dying(state, statement)
        with contextlib.closing(sqlite3.connect(state / NAME)) as plain:
            seen.add(plain.execute("PRAGMA user_version").fetchone()[0])
        with contextlib.closing(Database(state)) as store:
            assert 4 == len(store.runs())
            assert 2 == len(store.outbox.due(1_700_000_100.0))
        if not died:
            break

    assert not died
    assert set(range(min(seen), VERSION + 1)) == seen


@pytest.mark.parametrize("data", ["{", "[]", "3"])
@pytest.mark.parametrize(
    ("version", "damage"),
    [
        (1, "UPDATE alerts SET data = ? WHERE key = 'spike@30'"),
        (2, "UPDATE runs SET cursor = ? WHERE id = 2"),
    ],
)
def test_damage_met_by_a_migration_is_damage(
    tmp_path: Path, data: str, version: int, damage: str
) -> None:
    """The daemon sets the database aside and goes on, as with any other."""
    shutil.copy(DATABASES / f"v{version}.db", tmp_path / NAME)
    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as plain, plain:
        plain.execute(damage, (data,))

    with pytest.raises(StorageCorruptError, match=r"store\.db: damaged"):
        Database(tmp_path)


def test_a_database_that_is_being_made_is_not_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that comes too early gets the message that there is none yet."""
    plain, met = Connection.execute, []

    def look(connection: Connection, sql: str, values: Any = ()) -> sqlite3.Cursor:
        monkeypatch.setattr(Connection, "execute", plain)
        try:
            Database(tmp_path, read_only=True).close()
        except StorageError as error:
            met.append(type(error))
        monkeypatch.setattr(Connection, "execute", look)
        return plain(connection, sql, values)

    monkeypatch.setattr(Connection, "execute", look)
    store = Database(tmp_path)

    assert {StorageMissingError} == set(met)
    assert len(met) > 10
    store.close()


def test_pending_deliveries_of_version_1_reach_their_service(tmp_path: Path) -> None:
    """They name the service by its place in the list; it has a lasting name now."""
    shutil.copy(DATABASES / "v1.db", tmp_path / NAME)
    store, service = Database(tmp_path), Service("json://example.org/s3cret")

    Dispatcher(
        store, Settings(), [service], Clock(), lang="en", on_result=lambda *_: None
    )

    assert [service.name] * 2 == [d.channel for d in store.outbox.due(2e9)]
    store.close()


def folder(path: Path) -> Path:
    """A new folder."""
    path.mkdir()
    return path


def shape(store: Database) -> dict[str, list[Any]]:
    """Columns and indexes of each table."""
    tables = store.connection.rows("SELECT name FROM sqlite_master ORDER BY name")
    return {
        name: store.connection.rows(f"PRAGMA table_info({name})")
        + store.connection.rows(f"PRAGMA index_info({name})")
        for (name,) in tables
    }


def dying(state: Path, statement: int) -> bool:
    """Lets a process open a database, and die before so many statements."""
    child = os.fork()
    if child == 0:
        left, plain = statement, Connection.execute

        def count(connection: Connection, sql: str, values: Any = ()) -> sqlite3.Cursor:
            nonlocal left
            left -= 1
            if not left:
                os._exit(9)
            return plain(connection, sql, values)

        Connection.execute = count  # type: ignore[method-assign]
        Database(state)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 9
