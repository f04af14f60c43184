"""What happens between two acts of the daemon: asked first, then read, then decided."""

import gzip
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from oracle import Bench, append, lines, once

from watcher.errors import StorageUnavailableError
from watcher.ingest import reader


def late(log: Path) -> Callable[[], str]:
    """A writer that leaves two lines and exits in the moment it is asked for."""
    writer = log.open("ab", buffering=0)

    def ask() -> str:
        if not writer.closed:
            writer.write(lines(20, 22))
            writer.close()
        return "gone"

    return ask


@pytest.mark.parametrize("kind", ["renamed", "unlinked"])
def test_late_lines_of_a_writer_that_exits(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What it writes between two looks is read, though nobody writes afterwards."""
    append(log, lines(0, 20))
    bench.look()
    monkeypatch.setattr(bench, "ask_writer", late(log))
    if kind == "renamed":
        log.rename(log.with_name("train.log.1"))
    else:
        log.unlink()
    append(log, lines(40, 50))

    bench.look(6)

    steps = [s for name in bench.rows() for s in bench.steps(name)]
    assert [*range(22), *range(40, 50)] == steps


def test_late_lines_of_the_last_rotation_but_one(bench: Bench, log: Path) -> None:
    """A part that is still written is waited for, though a newer one is there."""
    append(log, lines(0, 20))
    bench.look()
    writer = log.open("ab", buffering=0)
    log.rename(log.with_name("train.log.2"))
    append(log.with_name("train.log.1"), lines(22, 40))
    append(log, lines(40, 50))
    bench.writer = "alive"
    bench.look(2)

    writer.write(lines(20, 22))
    writer.close()
    bench.writer = "gone"
    bench.look(6)

    assert list(range(50)) == bench.steps()


def test_a_part_that_is_packed_before_its_first_byte_was_read(
    bench: Bench, log: Path
) -> None:
    """The checkpoint at offset 0 knows the part by its first bytes."""
    append(log, lines(0, 20))
    bench.look()
    log.rename(log.with_name("train.log.2"))
    part = log.with_name("train.log.1")
    append(part, lines(20, 40))
    append(log, lines(40, 60))
    [tail] = bench.reader.tails.values()
    while tail.cursor is None or tail.cursor.offset:
        with bench.store.transaction():
            bench.reader._tailer.advance(tail, 1 << 20)
    bench.stop()
    part.with_name("train.log.1.gz").write_bytes(gzip.compress(part.read_bytes()))
    part.unlink()

    bench.start()
    bench.settle()

    assert {"train.log": once(lines(0, 60))} == bench.held()


def test_a_new_file_that_is_copied_and_truncated_before_it_is_read(
    bench: Bench, log: Path
) -> None:
    """Between a rotation and the first look at the new file that is rotated, too."""
    append(log, lines(0, 20))
    bench.look()
    log.rename(log.with_name("train.log.1"))
    log.touch()
    bench.writer = "gone"
    bench.settle()
    bench.stop()
    append(log, lines(20, 26))
    log.with_name("train.log.1").rename(log.with_name("train.log.2"))
    shutil.copyfile(log, log.with_name("train.log.1"))
    os.truncate(log, 0)
    append(log, lines(26, 29))

    bench.start()
    bench.settle()

    assert {"train.log": once(lines(0, 29))} == bench.held()


def test_a_run_ends_though_its_log_was_rotated_to_an_empty_file(
    bench: Bench, log: Path
) -> None:
    """An empty new file leaves nothing unread, and is not polled."""
    append(log, lines(0, 20))
    bench.look()
    log.rename(log.with_name("train.log.1"))
    log.touch()
    bench.writer = "gone"
    bench.settle()
    [tail] = bench.reader.tails.values()
    bench.clock.up += 3600.0

    assert tail.is_at_end
    assert [] == bench.reader.busy()


def test_a_log_that_grew_lately_is_busy(bench: Bench, log: Path) -> None:
    """It is looked at in every sweep; one that is idle waits for a scan."""
    append(log, lines(0, 10))
    bench.look()
    busy = [tail.path for tail in bench.reader.busy()]
    bench.clock.up += reader.BUSY_S

    assert ([log], []) == (busy, bench.reader.busy())


def test_a_log_that_is_renamed_over_another(bench: Bench, log: Path) -> None:
    """The other's last lines are read, its file is closed, and it is passed on."""
    append(log, lines(0, 20))
    new = log.with_name("new.log")
    append(new, lines(100, 120))
    bench.look()
    displaced = bench.reader.tails[log]
    append(log, lines(20, 25))

    new.replace(log)
    bench.settle()

    assert [displaced] == bench.reader.registry.displaced
    assert (None, None) == (displaced.fd, displaced.parser)
    assert [log] == list(bench.reader.tails)
    assert list(range(25)) == bench.steps()
    assert list(range(100, 120)) == bench.steps("train.log#2")


def test_a_log_that_is_displaced_just_before_its_turn(bench: Bench, log: Path) -> None:
    """The renamed log is read first: the path is its own when the other one is due."""
    new = log.with_name("new.log")
    append(log, lines(0, 20))
    append(new, lines(100, 120))
    bench.look()
    tails = [bench.reader.tails[path] for path in (new, log)]
    new.replace(log)
    append(log, lines(120, 125))

    bench.reader.read(tails)
    bench.settle()

    assert {log: tails[0]} == bench.reader.tails
    expected = {
        "train.log": once(lines(0, 20)),
        "train.log#2": once(lines(100, 125)),
    }
    assert expected == bench.held()


def test_a_rename_that_cannot_be_stored_now(bench: Bench, log: Path) -> None:
    """A log that is moved while the database is locked is found when it is not."""
    append(log, lines(0, 20))
    bench.look()
    new = bench.logs / "done" / "train.log"
    new.parent.mkdir()
    log.rename(new)
    append(new, lines(20, 30))
    bench.store.connection.execute("PRAGMA query_only = 1")
    with pytest.raises(StorageUnavailableError):
        bench.reader.scan()
    bench.store.connection.execute("PRAGMA query_only = 0")

    bench.settle()

    assert {"done/train.log": once(lines(0, 30))} == bench.held()


def test_a_log_that_takes_too_long_backs_off(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One poisoned log is interrupted, named and set aside; the others are read."""
    from parsers.parser import Parser

    plain = Parser.feed

    def feed(self: Parser, data: bytes) -> object:
        while b"poison" in data:
            os.getpid()  # an endless loop, which signals interrupt
        return plain(self, data)

    monkeypatch.setattr(Parser, "feed", feed)
    monkeypatch.setattr(reader, "MAX_TURN_S", 0.05)
    append(bench.logs / "bad.log", b"poison\n")
    append(log, lines(0, 10))

    bench.look(3)

    [warning] = bench.reader.warnings()
    assert warning.startswith(f"{bench.logs}/bad.log: ")
    assert "took more than 0.05 s of CPU time" in warning
    assert list(range(10)) == bench.steps()


class Slow(logging.Handler):
    """A journal that takes its time: ticks of the timer fall into it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Takes 0.2 s of CPU time for what is said of a turn."""
        began = time.process_time()
        while "bytes" in record.msg and time.process_time() - began < 0.2:
            os.getpid()


def test_time_between_two_turns_counts_for_no_log(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the daemon does beside reading interrupts nothing, however long it takes."""
    monkeypatch.setattr(reader, "MAX_TURN_S", 0.05)
    monkeypatch.setattr(reader.LOGGER, "level", logging.DEBUG)
    slow = Slow()
    reader.LOGGER.addHandler(slow)
    append(log, lines(0, 10))

    try:
        bench.look(2)
    finally:
        reader.LOGGER.removeHandler(slow)

    assert list(range(10)) == bench.steps()
    assert [] == bench.reader.warnings()


def test_a_slow_log_gets_short_turns(bench: Bench, log: Path) -> None:
    """Each turn is a transaction; its quota is what is parsed in some hundredths."""
    append(log, lines(0, 20_000))
    bench.clock.pace = 0.05  # whatever is read takes long
    bench.look()
    [tail] = bench.reader.tails.values()
    before = tail.cursor.offset if tail.cursor else 0

    bench.reader.read([])
    after = tail.cursor.offset if tail.cursor else 0

    assert 0 < before <= reader.FIRST_BYTES
    assert before < after <= before + reader.FIRST_BYTES // 2


def test_a_deleted_log_is_not_looked_for_for_ever(bench: Bench, log: Path) -> None:
    """After ten minutes only a scan that finds its path or inode reads it again."""
    append(log, lines(0, 20))
    bench.look()
    aside = bench.logs.parent / "aside.log"
    log.rename(aside)
    bench.writer = "gone"
    bench.settle()
    bench.clock.up += 3600.0
    bench.reader.evict_idle()

    assert [] == bench.reader.scan()
    assert [] == bench.reader.registry.readable()

    aside.rename(log)
    append(log, lines(20, 30))
    bench.settle()
    assert {"train.log": once(lines(0, 30))} == bench.held()


def test_plain_text_beside_a_live_log(bench: Bench, log: Path) -> None:
    """A data set is read a tenth of the time, and named; no byte of it is left out."""
    text = bench.logs / "input.txt"
    append(text, b"To be, or not to be, that is the question.\n" * 50_000)
    bench.clock.pace = 0.01
    while not (found := bench.reader.warnings()):
        bench.look()
    offset = bench.rows()["input.txt"].bytes
    append(log, lines(0, 10))
    bench.look()

    [warning] = found
    assert warning.startswith(f"{text}: no metrics in its first MB")
    assert offset < text.stat().st_size
    assert 0 == bench.reader.backlog
    assert list(range(10)) == bench.steps()

    append(text, lines(0, 10))
    while bench.rows()["input.txt"].bytes < text.stat().st_size:
        bench.clock.up += 10.0
        bench.reader.read(bench.reader.busy())
    assert list(range(10)) == bench.steps("input.txt")
    assert [] == bench.reader.warnings()


def test_every_log_is_read_by_a_daemon_that_gets_little_cpu(bench: Bench) -> None:
    """All logs grow, and the time suffices for one or two of them at once."""
    logs = [bench.logs / f"{number}.log" for number in range(8)]
    for path in logs:
        append(path, lines(0, 1))
    bench.look()
    tails = list(bench.reader.tails.values())
    bench.clock.pace = 0.02
    for step in range(1, 9):
        for path in logs:
            append(path, lines(step, step + 1))
        bench.reader.read(tails)

    unread = [t.path.name for t in tails if t.cursor and t.cursor.offset < 50]
    assert [] == unread


def test_a_backlog_is_read_beside_logs_that_take_all_the_time(bench: Bench) -> None:
    """At least a piece of it at each turn."""
    large, small = bench.logs / "large.log", bench.logs / "small.log"
    append(large, lines(0, 20_000))
    append(small, lines(0, 1))
    bench.reader.read(bench.reader.scan())
    tails = {tail.path: tail for tail in bench.reader.tails.values()}
    bench.clock.pace = 0.1
    for step in range(1, 40):
        append(small, lines(step, step + 1))
        bench.reader.read([tails[small]])

    cursor = tails[large].cursor
    assert cursor is not None
    assert large.stat().st_size == cursor.offset
