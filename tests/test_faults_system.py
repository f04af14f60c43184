"""Clocks that jump, rights that are missing, disks that fail: logs are read anyway."""

import errno
import os
import resource
from pathlib import Path
from typing import Any

import pytest
from oracle import Bench, append, lines, once, open_to_all

from watcher.ingest import reader
from watcher.storage.checkpoint import Cursor
from watcher.storage.places import Places


def failing(monkeypatch: pytest.MonkeyPatch, number: int, log: Path) -> list[int]:
    """Lets reading of one log fail while the list, of its failures, begins with 0."""
    plain, seen = os.pread, [0]

    def pread(fd: int, size: int, offset: int) -> bytes:
        if seen[0] == 0 and os.fstat(fd).st_ino == log.stat().st_ino:
            seen.append(number)
            raise OSError(number, os.strerror(number))
        return plain(fd, size, offset)

    monkeypatch.setattr(os, "pread", pread)
    return seen


@pytest.mark.parametrize("seconds", [-1e9, 1e9])
def test_f27_times_of_change_that_lie(bench: Bench, log: Path, seconds: float) -> None:
    """A file whose time is set back, or is the same for ever, is read as it grows."""
    at = log.parent.stat().st_mtime + seconds
    for start in range(0, 50, 10):
        append(log, lines(start, start + 10))
        os.utime(log, (at, at))
        bench.look()

    assert list(range(50)) == bench.steps()


def test_f32_a_log_that_cannot_be_parsed(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left alone for a while, said, and read when it can be; others go on."""
    from parsers.parser import Parser

    plain, poison = Parser.feed, [b"poison"]

    def feed(self: Parser, data: bytes) -> object:
        if any(word in data for word in poison):
            raise ZeroDivisionError("oh")
        return plain(self, data)

    monkeypatch.setattr(Parser, "feed", feed)
    data = lines(0, 5) + b"poison\n" + lines(5, 10)
    append(bench.logs / "bad.log", data)
    append(log, lines(0, 10))
    bench.look()
    warnings = bench.reader.warnings()
    append(log, lines(10, 20))
    bench.look()
    poison.clear()
    bench.clock.up += 1.0

    bench.settle()

    assert [
        f"{bench.logs}/bad.log: cannot be parsed (ZeroDivisionError('oh'))"
    ] == warnings
    assert [] == bench.reader.warnings()
    assert {"train.log": once(lines(0, 20)), "bad.log": once(data)} == bench.held()


def test_f32_what_cannot_be_kept_whole_is_not_kept(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure after some points of a piece were kept doubles none of them.

    What was read of other logs before it and after it is read again.
    """
    first = bench.logs / "0.log"
    append(first, lines(0, 10))
    append(log, lines(0, 10))
    bench.look()
    watched = bench.reader.tails[log]
    plain, failures = Places.note, [MemoryError]

    def fail(self: Places, run: int, cursor: Cursor, **fields: Any) -> None:
        if failures and run == watched.run:
            raise failures.pop()
        plain(self, run, cursor, **fields)

    monkeypatch.setattr(Places, "note", fail)
    append(first, lines(10, 20))
    append(log, lines(10, 20))
    append(bench.logs / "a.log", lines(50, 60))
    bench.look()
    warnings = bench.reader.warnings()
    bench.clock.up += 2.0

    bench.settle()

    assert [f"{log}: cannot be parsed (MemoryError())"] == warnings
    assert {
        "0.log": once(lines(0, 20)),
        "a.log": once(lines(50, 60)),
        "train.log": once(lines(0, 20)),
    } == bench.held()
    assert watched is bench.reader.tails[log]


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO])
def test_f34_a_file_system_that_fails_for_a_while(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """It is asked again after a second, then less and less often; no line is lost."""
    append(log, lines(0, 10))
    append(bench.logs / "other.log", lines(50, 60))
    seen = failing(monkeypatch, number, log)
    for _ in range(60):
        bench.look(10)
        bench.clock.up += 1.0
    warnings, failures = bench.reader.warnings(), len(seen) - 1
    seen[0] = 1
    bench.clock.up += 300.0

    bench.settle()

    assert [f"{log}: cannot be read ({os.strerror(number)})"] == warnings
    assert 6 == failures  # after 1, 2, 4, 8 and 16 seconds
    expected = {"train.log": once(lines(0, 10)), "other.log": once(lines(50, 60))}
    assert expected == bench.held()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_f35_a_log_that_may_not_be_read(bench: Bench, log: Path) -> None:
    """A log without rights is named, and read from its beginning when it has them."""
    append(log, lines(0, 10))
    log.chmod(0)
    open_to_all(bench.logs)
    os.seteuid(65534)
    try:
        bench.look()
    finally:
        os.seteuid(0)
    warnings = bench.reader.warnings()
    log.chmod(0o644)
    bench.clock.up += 1.0

    bench.settle()

    assert [f"{log}: may not be read by nobody"] == warnings
    assert {"train.log": once(lines(0, 10))} == bench.held()
    assert [] == bench.reader.warnings()


def test_f36_more_logs_than_open_files(bench: Bench) -> None:
    """Hundreds of logs are read by a process that may open few files."""
    for n in range(300):
        append(bench.logs / f"{n:04}.log", lines(n, n + 2))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        bench.stop()
        bench.start()
        bench.look(3)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert [2] * 300 == [row.lines for row in bench.rows().values()]
    assert [] == bench.reader.warnings()


def test_f31_a_root_that_comes_late_goes_and_comes_back(
    bench: Bench, log: Path
) -> None:
    """A missing folder is said, not fatal; its logs go on when it is back."""
    bench.logs.rmdir()
    bench.look()
    warnings = bench.reader.warnings()
    bench.logs.mkdir()
    append(log, lines(0, 10))
    bench.look()
    aside = bench.logs.with_name("aside")
    bench.logs.rename(aside)
    bench.settle()
    append(aside / "train.log", lines(10, 20))
    aside.rename(bench.logs)

    bench.settle()

    assert [f"{bench.logs}: does not exist"] == warnings
    assert [] == bench.reader.warnings()
    assert {"train.log": once(lines(0, 20))} == bench.held()


@pytest.mark.parametrize("seconds", [-3600.0, 3600.0])
def test_f42_a_clock_that_jumps(bench: Bench, log: Path, seconds: float) -> None:
    """The time between two lines is measured by the uptime."""
    for step in range(5):
        append(log, lines(step, step + 1))
        bench.look()
        bench.clock.up += 2.0
        bench.clock.jump += seconds

    [watched] = bench.reader.tails.values()
    assert [2.0] * 4 == list(watched.gaps)


def test_f43_a_huge_log_does_not_delay_a_live_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a backlog is read, each turn reads the other logs first."""
    monkeypatch.setattr(reader, "FIRST_BYTES", 1024)
    monkeypatch.setattr(reader, "TURN_BYTES", 4096)
    bench.clock.pace = 0.005
    huge, live = bench.logs / "huge.log", bench.logs / "live.log"
    append(huge, lines(0, 5000))
    seen = []
    for step in range(20):
        append(live, lines(step, step + 1))
        bench.look()
        seen.append(bench.rows()["live.log"].lines)
    behind = bench.rows()["huge.log"].lines
    while bench.reader.backlog:
        bench.reader.read([])

    assert list(range(1, 21)) == seen
    assert 5000 > behind > 0
    assert once(lines(0, 5000)) == bench.held()["huge.log"]
