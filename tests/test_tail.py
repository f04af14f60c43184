"""What is remembered of a log between two looks."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import Bench, append, lines

from parsers.batch import Batch, Milestone
from parsers.delta import Delta
from watcher.ingest import fileread, rewritten
from watcher.ingest.reader import FIRST_BYTES
from watcher.ingest.tail import BACKOFF_S, MAX_BACKOFF_S, Tail
from watcher.storage.checkpoint import Cursor, Stat


MIB = 1024 * 1024
NAN, INFINITE = float("nan"), float("inf")


@pytest.fixture
def tail(log: Path) -> Tail:
    """Of a log of which a MiB was read."""
    return Tail(log.parent, log, run=1, cursor=Cursor(1, 2, offset=MIB))


def read(name: str, *values: float) -> Delta:
    """What some records with one metric add."""
    numbers = np.arange(len(values))
    return Delta(batches=[Batch("line", numbers, numbers, {name: np.array(values)})])


@pytest.mark.parametrize("before", [0, 100])
@pytest.mark.parametrize(
    ("name", "value", "is_alarm"),
    [
        ("loss", NAN, True),
        ("train_loss", INFINITE, True),
        ("grad_norm", NAN, True),
        ("val_loss", -INFINITE, True),
        ("loss", 9.0, False),
        ("time_ms", NAN, False),
    ],
)
def test_a_loss_that_is_not_finite_is_judged_at_once(
    tail: Tail, before: int, name: str, value: float, *, is_alarm: bool
) -> None:
    """One among many records, too; other metrics may be anything."""
    tail.note(read(name, *[1.0] * before, value))
    tail.note(read("loss", 1.0))

    assert is_alarm is tail.nonfinite_pending


def test_an_evaluation_or_a_milestone_is_judged_at_once(tail: Tail) -> None:
    """Whatever is read after it."""
    pending = []
    end = Delta(milestones=[Milestone("finished", 3, None, "done")])
    for event in (read("loss", 1.0), read("val_loss", 1.0), end):
        tail.eval_pending = False
        tail.note(event)
        tail.note(read("loss", 1.0))
        pending.append(tail.eval_pending)

    assert [False, True, True] == pending


def test_a_file_with_metrics_is_a_log_for_good(tail: Tail) -> None:
    """Text without them that follows does not make it a data set."""
    before = tail.is_plain_text

    tail.note(read("loss", 1.0, 2.0))
    tail.note(Delta(lines=10))

    assert (True, False) == (before, tail.is_plain_text)
    assert 1 == tail.last_step


def test_little_text_is_no_data_set_yet(tail: Tail) -> None:
    """It may be the head of a log."""
    tail.cursor = Cursor(1, 2, offset=MIB - 1)
    assert not tail.is_plain_text

    tail.cursor = None
    assert not tail.is_plain_text


def test_a_log_is_recent_for_ten_minutes(tail: Tail) -> None:
    """By the time of its file; nothing is known of one that was not read."""
    tail.cursor = Cursor(1, 2, mtime_ns=10**18)
    ages = [tail.is_recent(1e9 + age) for age in (-5.0, 599.0, 600.0)]
    tail.cursor = None

    assert [True, True, False] == ages
    assert not tail.is_recent(1e9)


def test_waits_double_up_to_a_bound(tail: Tail) -> None:
    """And begin anew after a success."""
    waits = []
    for _ in range(12):
        tail.fail("not now", 100.0)
        waits.append(tail.retry_at - 100.0)

    assert [BACKOFF_S * 2**n for n in range(9)] == waits[:9]
    assert [MAX_BACKOFF_S] * 3 == waits[9:]

    tail.recover()
    assert "" == tail.error
    tail.fail("again", 100.0)
    assert BACKOFF_S == tail.retry_at - 100.0


@pytest.mark.parametrize(
    ("age", "at"),
    [
        (0.0, 50.0),  # at this look
        (7.0, 43.0),  # since the last one, which was 10 s ago
        (-5.0, 50.0),  # a time that has not come yet
        (10.5, 40.0),  # a little before the last look, which did not see it
        (11.5, 50.0),  # by another clock
    ],
)
def test_a_file_grew_when_its_mtime_says_so(tail: Tail, age: float, at: float) -> None:
    """As far as the looks at it allow that."""
    now = 1e9
    tail.cursor = Cursor(1, 2, offset=MIB, mtime_ns=int((now - age) * 1e9))
    tail.grown_at, tail.read_at = 30.0, 40.0

    tail.grew(50.0, now)

    assert (at, [at - 30.0]) == (tail.grown_at, list(tail.gaps))


def test_what_grew_before_is_no_gap(tail: Tail) -> None:
    """Late news of an earlier growth changes nothing."""
    now = 1e9
    tail.cursor = Cursor(1, 2, offset=MIB, mtime_ns=int((now - 8.0) * 1e9))
    tail.grown_at, tail.read_at = 45.0, 40.0

    tail.grew(50.0, now)

    assert (45.0, []) == (tail.grown_at, list(tail.gaps))


def test_few_bytes_say_little_of_the_pace(tail: Tail) -> None:
    """A page and a time above 0 do."""
    tail.parsed(4095, 1.0)
    assert 0.0 == tail.bytes_per_s

    tail.parsed(4096, 2.0)
    tail.parsed(9999, 0.0)
    assert 2048.0 == tail.bytes_per_s


@pytest.mark.parametrize(
    "changed",
    [
        {"size": MIB + 1},
        {"mtime_ns": 1},
        {"ctime_ns": 1},
        {"device": 1},
        {"inode": 1},
    ],
)
def test_any_change_of_a_file_is_seen(log: Path, changed: dict[str, Any]) -> None:
    """By its stat alone; what looks the same is not opened."""
    log.write_bytes(bytes(MIB))
    seen = log.stat()
    stat = Stat(MIB, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_dev, seen.st_ino)
    cursor = Cursor.start(seen).advanced(b"", stat)

    assert cursor.looks_unchanged(seen)
    assert not replace(cursor, **changed).looks_unchanged(seen)


@pytest.mark.parametrize("size", [1, 100, 999, 2048, 5000])
def test_a_checkpoint_is_the_same_however_it_was_reached(log: Path, size: int) -> None:
    """Its marks, too, by which a copy is known that is just being written."""
    text = lines(0, 300)
    log.write_bytes(text)
    stat = Stat(-1, 0, 0, 1, 2)
    cursor = Cursor(1, 2)
    for at in range(0, len(text), size):
        cursor = cursor.advanced(text[at : at + size], stat)

    assert Cursor(1, 2).advanced(text, stat) == cursor
    assert [2048, 4096, 8192] == [offset for offset, _ in cursor.marks]
    with log.open("rb") as file:
        assert all(rewritten.has_mark(file.fileno(), mark) for mark in cursor.marks)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_what_is_refused_is_closed(log: Path) -> None:
    """A pipe that has the name of a log is opened at each scan."""
    os.mkfifo(log)
    before = open_files()

    with pytest.raises(fileread.NotALogError):
        fileread.opened(log)

    assert before == open_files()


def test_zeros_that_were_written_are_stepped_over(bench: Bench, log: Path) -> None:
    """They are no hole, and more of them than are read at once."""
    append(log, lines(0, 10))
    bench.look()
    append(log, bytes(3 * FIRST_BYTES))
    bench.settle()
    errors = [tail.error for tail in bench.reader.tails.values()]
    append(log, b"\n" + lines(10, 20))
    bench.settle()

    assert [""] == errors
    assert list(range(20)) == bench.steps()
