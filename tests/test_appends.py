"""A look at a grown log appends one row; all who read the database see it."""

import os
import random
from pathlib import Path

import pytest
from oracle import Bench, append, lines, once

from watcher.daemon.status import status
from watcher.errors import StorageCorruptError
from watcher.storage.database import Database


def stored(bench: Bench) -> tuple[int, int]:
    """Bytes in the row of the first run, and rows that were appended to it."""
    execute = bench.store.connection.execute
    (size,) = execute("SELECT bytes FROM runs").fetchone()
    query = "SELECT count(*) FROM chunks WHERE appended NOT NULL"
    return size, execute(query).fetchone()[0]


def test_a_look_leaves_the_row_of_the_run(bench: Bench, log: Path) -> None:
    """It costs much to be written: one row is appended instead."""
    append(log, lines(0, 10))
    bench.look()
    before = stored(bench)
    for start in range(10, 20, 2):
        append(log, lines(start, start + 2))
        bench.look()

    assert 0 == before[1]
    assert (before[0], 5) == stored(bench)


def test_the_row_of_a_run_is_written_now_and_then(bench: Bench, log: Path) -> None:
    """After so many looks, and then not at each of the next ones."""
    appended = []
    for start in range(0, 240, 3):
        append(log, lines(start, start + 3))
        bench.look()
        appended.append(stored(bench)[1])

    assert max(appended) <= 24
    assert 2 <= appended.count(0) <= 10


def test_every_reader_sees_what_was_appended(bench: Bench, log: Path) -> None:
    """Offset, counts, latest values and points, in this process and in others."""
    for start in range(0, 30, 3):
        append(log, lines(start, start + 3))
        bench.look()

    reader = Database(bench.state, read_only=True)
    row = reader.runs()[0]
    assert row == bench.rows()["train.log"] == reader.run(row.id)
    assert row.cursor is not None
    assert log.stat().st_size == row.bytes == row.cursor.offset
    assert (30, 29, 9.0029) == (row.lines, row.latest["step"], row.latest["loss"])
    assert list(range(30)) == reader.load(row.id)[0].column("loss")[1].tolist()
    reader.close()
    [line] = status(bench.state).lines
    assert (29, 0) == (line.step, line.lag_bytes)


def test_the_latest_value_is_the_last_one(bench: Bench, log: Path) -> None:
    """Whether it came alone, with much text, or before text without it."""
    much = lines(20, 600)
    for number, text in enumerate((lines(0, 10), b"", much, much)):
        evaluation = b"step 5: train loss 4.2, val loss 4.%d\n" % number
        append(log, text + (evaluation if number < 3 else b""))
        bench.look()

    assert 4.2 == bench.rows()["train.log"].latest["val_loss"]


def test_a_change_is_noticed(bench: Bench, log: Path) -> None:
    """The page asks whether anything of a run is another."""
    append(log, lines(0, 10))
    bench.look()
    before = bench.store.table.fingerprints()
    append(log, lines(10, 11))
    bench.look()

    assert before != bench.store.table.fingerprints()


@pytest.mark.parametrize("seed", range(6))
def test_cuts_and_restarts_change_nothing(bench: Bench, log: Path, seed: int) -> None:
    """Whatever is read at once, and wherever the daemon is killed."""
    dice = random.Random(seed)
    text = b"max_iters = 900\n" + lines(0, 150) + b"step 150: train loss 1.5, "
    text += b"val loss 1.75\nsaving checkpoint to out\n" + lines(150, 400)
    at = 0
    while at < len(text):
        size = dice.choice([1, 7, 50, 300, 3000])
        append(log, text[at : at + size])
        at += size
        bench.look()
        if dice.random() < 0.1:
            bench.stop()
            bench.start()

    bench.settle()

    assert {"train.log": once(text)} == bench.held()
    assert log.stat().st_size == bench.rows()["train.log"].bytes


@pytest.mark.parametrize("restarts", [False, True])
def test_a_log_that_moved_between_looks(
    bench: Bench, log: Path, *, restarts: bool
) -> None:
    """A checkpoint without text stands behind the rows that were appended."""
    for start in range(0, 30, 10):
        append(log, lines(start, start + 10))
        bench.look()
    if restarts:
        bench.stop()
        bench.start()
    log.rename(f"{log}.1")
    bench.settle()
    bench.stop()
    bench.start()
    assert list(range(30)) == bench.steps()
    append(log, lines(30, 35))
    bench.look()
    append(log, lines(35, 40))
    bench.look()
    bench.stop()
    bench.start()
    append(log, lines(40, 45))
    bench.settle()

    assert list(range(45)) == bench.steps()
    assert 2 == bench.rows()["train.log"].parts


def test_an_idle_log_has_all_in_its_row(bench: Bench, log: Path) -> None:
    """Who reads a thousand idle logs has nothing to put together."""
    for start in range(0, 30, 10):
        append(log, lines(start, start + 10))
        bench.look()
    bench.clock.up += 1000.0

    bench.reader.evict_idle()

    assert (log.stat().st_size, 0) == stored(bench)
    append(log, lines(30, 40))
    bench.look()
    assert list(range(40)) == bench.steps()


def test_the_parser_of_an_old_log_is_dropped(bench: Bench, log: Path) -> None:
    """Thousands that ended long ago are read at once, and hardly any is read again."""
    old = bench.logs / "old.log"
    for path in (log, old):
        append(path, lines(0, 30))
    os.utime(old, (1e9, 1e9))
    bench.look(2)

    kept = {p.name: t.parser is not None for p, t in bench.reader.tails.items()}
    assert {"train.log": True, "old.log": False} == kept
    append(old, lines(30, 40))
    bench.look()
    assert list(range(40)) == bench.steps("old.log")


def test_a_damaged_row_is_noticed(bench: Bench, log: Path) -> None:
    """SQLite would not notice it."""
    for start in range(0, 30, 10):
        append(log, lines(start, start + 10))
        bench.look()
    bench.store.connection.execute(
        "UPDATE chunks SET appended = CAST(substr(appended, 1, 60) || x'00' ||"
        " substr(appended, 62) AS BLOB) WHERE appended NOT NULL"
    )

    with pytest.raises(StorageCorruptError, match="checksum"):
        bench.store.runs()
