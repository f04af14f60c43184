"""What is put in the store comes out of it, bit by bit, or was never in it."""

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import Bench, append, known, lines

from parsers.batch import Batch, Milestone
from parsers.delta import Delta
from parsers.parser import Parser
from watcher.alerts import silences
from watcher.errors import (
    StorageCorruptError,
    StorageMissingError,
    StorageSetupError,
    StorageUnavailableError,
)
from watcher.host.lock import holder, locked
from watcher.storage import points
from watcher.storage.checkpoint import Cursor
from watcher.storage.columns import Run
from watcher.storage.database import Database
from watcher.storage.migrations import VERSION
from watcher.storage.recovery import NAME


METRICS = [("loss",), ("train_loss", "val_loss"), ("loss", "lr", "iter_ms"), ()]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    """An empty store."""
    made = Database(tmp_path)
    yield made
    made.close()


def begin(store: Database, path: str = "train.log") -> int:
    """A run of a path."""
    with store.transaction():
        return store.begin("/logs", path, reason="found", now=7.0)


def keep(store: Database, run: int, delta: Delta) -> None:
    """Puts a piece in the store."""
    with store.transaction():
        store.add(run, delta, Cursor(1, 2), Parser(), bytes(10))


def piece(names: Sequence[tuple[str, ...]], line: int, seed: int) -> Delta:
    """What a parser may give: any bits as values, small steps or large ones."""
    random, batches = np.random.default_rng(seed), []
    for metrics in names:
        size = int(random.integers(1, 12))
        numbers = np.arange(line + 1, line + 1 + size, dtype=np.int64)
        most = 2 ** int(random.choice([10, 63]))
        steps = random.integers(-most, most - 1, size, endpoint=True)
        values = {name: random.bytes(8 * size) for name in metrics}
        columns = {name: np.frombuffer(raw) for name, raw in values.items()}
        batches.append(Batch("shape", numbers, steps, columns))
        line += size
    return Delta(
        reset=seed % 10 == 0,
        batches=batches,
        milestones=[Milestone("checkpoint", line, None, f"saved → {seed}")],
        hyperparameters={"abc"[seed % 3]: seed},
        planned=seed % 3 or None,
        lines=line,
    )


PIECES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(METRICS), max_size=3, unique=True),
        st.integers(0, 2**32),
    ),
    max_size=30,
)


def read(rows: Sequence[str]) -> Run:
    """A run as its log gives it."""
    run, parser = Run(), Parser()
    run.add(parser.feed("".join(rows).encode()))
    run.add(parser.flush())
    return run


@pytest.mark.parametrize("again", [False, True], ids=["once", "trained again"])
def test_a_run_until_a_step_is_that_of_its_log_until_there(*, again: bool) -> None:
    """Points, lines and milestones end before the first record beyond the step."""
    rows = [f"iter {i}: loss {3 - i / 100}, time 20.00ms\n" for i in range(40)]
    rows[20:20] = ["saving checkpoint to out\n"]
    until = rows[:31]
    if again:
        rows, until = [*rows, *rows[10:]], [*rows, *rows[10:31]]

    found, expected = read(rows).until(29), read(until)

    assert expected.lines == found.lines
    assert expected.milestones() == found.milestones() != ()
    assert "loss" in expected.metrics() == found.metrics()
    for name in expected.metrics():
        for one, other in zip(expected.column(name), found.column(name), strict=True):
            np.testing.assert_array_equal(one, other)


@settings(max_examples=examples(60), deadline=None)
@given(made=PIECES, reopened=st.integers(0, 30))
def test_what_is_put_in_comes_out(
    made: list[tuple[list[tuple[str, ...]], int]], reopened: int
) -> None:
    """Any sequence of pieces, however its rows are merged, is the run they make."""
    expected = Run()
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(points, "_MERGE", 3),
        mock.patch.object(points, "_LARGE", 16),
    ):
        store = Database(Path(folder))
        run = begin(store)
        for at, (names, seed) in enumerate(made):
            delta = piece(names, 100 * at, seed)
            expected.add(delta)
            keep(store, run, delta)
            if at == reopened:
                store.close()
                store = Database(Path(folder))
        loaded, _ = store.load(run)
        store.close()

    assert known(expected) == known(loaded)


@pytest.mark.parametrize("step", [2**31 - 1, 2**31, 2**62, -1])
def test_large_steps_are_kept(store: Database, step: int) -> None:
    """Small integers take less room, large ones are not cut."""
    run = begin(store)
    one = np.array([1])
    keep(store, run, Delta(batches=[Batch("s", one, one * step, {"loss": one * 1.0})]))

    assert [step] == store.load(run)[0].column("loss")[1].tolist()


def test_a_transaction_that_fails_leaves_nothing(store: Database) -> None:
    """All that is written in one belongs together."""
    run = begin(store)
    one = np.array([1])
    batch = Batch("s", one, one, {"loss": one * 2.0})
    keep(store, run, Delta(batches=[batch], lines=1))
    before = list(store.connection.iterdump())

    with contextlib.suppress(ZeroDivisionError), store.transaction():
        store.add(run, Delta(batches=[batch]), Cursor(3, 4), Parser(), b"x")
        store.keep_note("daemon", 1)
        store.begin("/logs", "other.log", reason="found", now=1.0)
        raise ZeroDivisionError

    assert before == list(store.connection.iterdump())
    keep(store, run, Delta(batches=[batch], lines=1))
    assert [2.0, 2.0] == store.load(run)[0].column("loss")[2].tolist()


def test_a_log_of_100_000_lines_takes_20_bytes_a_value(tmp_path: Path) -> None:
    """The store of a nanoGPT log, read as it grows, is smaller than the log."""
    bench = Bench(tmp_path)
    log = bench.logs / "train.log"
    for start in range(0, 100_000, 500):
        append(log, lines(start, start + 500))
        bench.look()
    bench.stop()

    size = sum(file.stat().st_size for file in bench.state.glob(f"{NAME}*"))

    assert 20 > size / (100_000 * 3)  # loss, time, mfu
    assert log.stat().st_size > size


def test_generations_of_a_path_are_counted(store: Database) -> None:
    """The last one is the current one; the path of another log does not matter."""
    for path in ("a", "b", "a", "a"):
        begin(store, path)

    found = [(row.name, row.current) for row in store.runs()]

    assert [("a", False), ("b", True), ("a#2", False), ("a#3", True)] == found


def test_a_log_that_takes_the_name_of_another(store: Database) -> None:
    """A renamed log is the next generation of its new path."""
    first, second = begin(store, "a"), begin(store, "b")

    with store.transaction():
        store.rename(second, "/logs", "a")

    rows = {row.id: (row.name, row.current) for row in store.runs()}
    assert {first: ("a", False), second: ("a#2", True)} == rows


def test_f40_a_store_of_a_newer_gptwatch_is_refused(tmp_path: Path) -> None:
    """It says what to do, and nothing in it is changed."""
    store = Database(tmp_path)
    store.connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    store.close()
    before = (tmp_path / NAME).read_bytes()

    for read_only in (False, True):
        with pytest.raises(
            StorageSetupError, match="made by a newer gptwatch"
        ) as refused:
            Database(tmp_path, read_only=read_only)
        assert "upgrade gptwatch" in str(refused.value)

    assert before == (tmp_path / NAME).read_bytes()


def test_a_silence_makes_no_database(tmp_path: Path) -> None:
    """It is for a daemon that is there."""
    with pytest.raises(StorageMissingError), silences.writing(tmp_path):
        raise AssertionError

    assert [] == list(tmp_path.iterdir())


def test_readers_change_nothing(tmp_path: Path) -> None:
    """Who only looks makes no store, and none of its files."""
    with pytest.raises(StorageSetupError, match="no database"):
        Database(tmp_path, read_only=True)

    assert [] == list(tmp_path.iterdir())


def test_a_reader_sees_whole_transactions(store: Database, tmp_path: Path) -> None:
    """While somebody writes, others see what was there before."""
    run = begin(store)
    reader = Database(tmp_path, read_only=True)
    with store.transaction():
        store.set(run, lines=5)
        store.begin("/logs", "b", reason="found", now=1.0)
        during = [(row.path, row.lines) for row in reader.runs()]
    after = [(row.path, row.lines) for row in reader.runs()]
    reader.close()

    assert [("train.log", 0)] == during
    assert [("train.log", 5), ("b", 0)] == after


LOCKING = """
import sys
from pathlib import Path
from watcher.host.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_f41_a_folder_is_of_one_daemon(tmp_path: Path) -> None:
    """The message names the process that holds it; it is free when that one ends."""
    state = tmp_path / "state"
    with subprocess.Popen(
        [sys.executable, "-c", LOCKING, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    ) as other:
        assert other.stdout is not None
        assert b"held\n" == other.stdout.readline()
        with (
            pytest.raises(StorageSetupError, match=f"pid {other.pid}"),
            locked(state),
        ):
            pass
        seen = holder(state)
        other.kill()

    assert other.pid == seen
    assert None is holder(state)
    with locked(state):
        assert os.getpid() == int((state / "lock").read_text())


def test_nobody_reads_a_database_that_is_being_made(tmp_path: Path) -> None:
    """There is none, or it is whole, at whatever moment somebody opens it."""
    made = 40
    source = (
        "import sys, pathlib\n"
        "from watcher.storage.database import Database\n"
        "for number in range(int(sys.argv[2])):\n"
        "    folder = pathlib.Path(sys.argv[1], str(number))\n"
        "    folder.mkdir()\n"
        "    Database(folder).close()\n"
    )
    command = [sys.executable, "-c", source, str(tmp_path), str(made)]
    root = str(Path(__file__).parents[1])
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": root}) as maker:
        for number in range(made):
            rows = None
            while rows is None:
                assert not maker.poll()
                with contextlib.suppress(StorageMissingError, StorageUnavailableError):
                    store = Database(tmp_path / str(number), read_only=True)
                    with contextlib.closing(store):
                        rows = store.runs()
            assert [] == rows
    assert 0 == maker.returncode


def test_a_wal_that_grew_is_cut_when_nobody_reads(tmp_path: Path) -> None:
    """A reader that always has a job keeps SQLite from beginning it anew."""
    store, wal = Database(tmp_path), tmp_path / f"{NAME}-wal"
    reader = Database(tmp_path, read_only=True)
    with reader.snapshot():
        reader.runs()
        for i in range(40):
            store.keep_note(f"large {i}", "x" * 50_000)
        store.cut_wal()
        assert wal.stat().st_size > 1_500_000

    store.cut_wal()

    assert wal.stat().st_size == 0
    assert store.note("large 39") == "x" * 50_000
    reader.close()
    store.close()


def test_large_chunks_are_not_merged(store: Database) -> None:
    """They would be written again and again."""
    run = begin(store)
    numbers = np.arange(1, 17, dtype=np.int64)
    with mock.patch.object(points, "_LARGE", 16), store.transaction():
        for _ in range(3):
            batch = Batch("shape", numbers, numbers, {"loss": np.ones(16)})
            store.points.append(run, batch)

    assert 3 == len(store.points.ids(run))


def test_no_chunk_has_the_number_of_one_that_was_merged(
    bench: Bench, log: Path
) -> None:
    """Readers know by the number what they have read."""
    known: dict[int, list[int]] = {}
    for start in range(0, 500, 5):
        append(log, lines(start, start + 5))
        bench.look()
        for number in bench.store.points.ids(1):
            found = bench.store.points.chunk(number).lines.tolist()
            assert known.setdefault(number, found) == found


def test_columns_that_grow_in_large_pieces_and_small_ones() -> None:
    """Small pieces are joined, large ones are not copied again: nothing is lost."""
    run, line = Run(), 0
    for size in (1 << 18, *[1] * 70, 1 << 18, *[3] * 130):
        at = np.arange(line, line + size)
        run.add(Delta(batches=[Batch("p", at + 1, at, {"loss": at / 2})]))
        line += size

    numbers, steps, losses = run.column("loss")

    assert line == run.records
    assert np.array_equal(numbers, np.arange(line) + 1)
    assert np.array_equal(steps, np.arange(line))
    assert np.array_equal(losses, np.arange(line) / 2)


def test_a_reader_of_a_database_that_nobody_has_open(bench: Bench, log: Path) -> None:
    """It sees what a daemon that starts later writes."""
    append(log, lines(0, 10))
    bench.look()
    bench.stop()
    reader = Database(bench.state, read_only=True)
    assert [10] == [row.lines for row in reader.runs()]

    bench.start()
    append(log, lines(10, 30))
    bench.look()

    assert [30] == [row.lines for row in reader.runs()]
    reader.close()


def test_the_last_value_that_is_no_number(bench: Bench, log: Path) -> None:
    """It is a text in the table of runs: JSON has no NaN."""
    append(log, b"step 1: train loss 1.5, val loss nan\n")
    bench.look()

    [row] = bench.store.runs()

    assert "nan" == row.latest["val_loss"]


def test_a_damaged_place(bench: Bench, log: Path) -> None:
    """It is damage of the database, not of gptwatch."""
    append(log, lines(0, 10))
    bench.look()
    bench.store.connection.execute("UPDATE places SET head = 'no zlib' WHERE line = 0")

    with pytest.raises(StorageCorruptError, match="damaged"):
        bench.store.places.of(1)


@pytest.mark.parametrize("text", ["{}", "[]", "0", '{"device": 1}', "{"])
def test_a_damaged_checkpoint(bench: Bench, log: Path, text: str) -> None:
    """It is found at once, where the runs are read and where the log is read on."""
    append(log, lines(0, 10))
    bench.look()
    bench.store.connection.execute("UPDATE runs SET cursor = ?", (text,))

    with pytest.raises(StorageCorruptError, match="damaged"):
        bench.store.runs()


def test_the_step_of_a_milestone() -> None:
    """That of the last record before it; none before the first."""
    run, at = Run(), np.array([2, 4])
    found = [Milestone("saved", line, None, "") for line in (1, 3, 5)]
    run.add(Delta(batches=[Batch("p", at, at * 10, {})], milestones=found))

    assert [None, 20, 40] == [m.step for m in run.milestones()]


def test_a_database_that_another_process_writes_to_is_not_damaged(
    tmp_path: Path,
) -> None:
    """It cannot be written now: that is tried again, and nothing is put aside."""
    database = Database(tmp_path)
    database.connection.execute("PRAGMA busy_timeout = 0")
    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as other:
        other.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(StorageUnavailableError, match="locked"),
            database.transaction(),
        ):
            pass
    database.close()
