"""What happens to files stands in the daemon's log: one greppable line each."""

import os
import shutil
from pathlib import Path

import pytest
from oracle import Bench, append, lines


@pytest.fixture
def info(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The daemon's log, from INFO on."""
    caplog.set_level("INFO", logger="gptwatch")
    return caplog


def logged(info: pytest.LogCaptureFixture, word: str) -> str:
    """The one line that holds a word."""
    [line] = [m for m in info.messages if word in m.partition(": ")[2]]
    return line


def test_a_found_log(bench: Bench, log: Path, info: pytest.LogCaptureFixture) -> None:
    """A new log is found; nothing else is logged while it grows."""
    append(log, lines(0, 10))
    bench.look()
    append(log, lines(10, 20))
    bench.look()

    inode = log.stat().st_ino
    assert [f"{log}: found (inode {inode}, offset 0)"] == info.messages


def test_an_old_log_is_adopted(
    bench: Bench, log: Path, info: pytest.LogCaptureFixture
) -> None:
    """A log that had ended before gptwatch started is adopted."""
    append(log, lines(0, 10))
    os.utime(log, (1e9, 1e9))

    bench.look()

    assert f"{log}: adopted" in logged(info, "adopted")


def test_a_truncated_log(
    bench: Bench, log: Path, info: pytest.LogCaptureFixture
) -> None:
    """A truncation names the size, the inode and the offset; a generation begins."""
    append(log, lines(0, 10))
    bench.look()
    offset, inode = log.stat().st_size, log.stat().st_ino

    os.truncate(log, 0)
    bench.settle()  # it might be a copy that begins again

    where = f"(inode {inode}, offset {offset})"
    expected = f"{log}: truncated to 0 bytes {where}; new generation"
    assert expected == logged(info, "truncated")


def test_a_log_that_was_rewritten_larger(
    bench: Bench, log: Path, info: pytest.LogCaptureFixture
) -> None:
    """Where the size hides the truncation, the text shows it."""
    append(log, lines(0, 10))
    bench.look()

    log.write_bytes(lines(100, 190))
    bench.look(2)

    assert "truncated and rewritten" in logged(info, "new generation")


def test_a_replaced_log(
    bench: Bench, log: Path, info: pytest.LogCaptureFixture
) -> None:
    """Another file that takes the path is named by its inode."""
    append(log, lines(0, 10))
    bench.look()
    other = log.with_name(".new")
    append(other, lines(100, 110))
    inode = other.stat().st_ino
    other.replace(log)
    bench.writer = "gone"

    bench.settle()

    assert f"replaced by inode {inode}" in logged(info, "new generation")


def test_an_atomic_replace_with_the_same_text(
    bench: Bench, log: Path, info: pytest.LogCaptureFixture
) -> None:
    """An editor's atomic save continues at the offset."""
    append(log, lines(0, 10))
    bench.look()
    other = log.with_name(".new")
    shutil.copyfile(log, other)
    inode = other.stat().st_ino
    other.replace(log)

    bench.look()

    assert logged(info, "same text").endswith(f"-> inode {inode})")


def test_a_renamed_log(bench: Bench, log: Path, info: pytest.LogCaptureFixture) -> None:
    """A rename names both paths."""
    append(log, lines(0, 10))
    bench.look()

    log.rename(log.with_name("other.log"))
    bench.look()

    assert f"{log}: renamed to {log.with_name('other.log')}" in logged(
        info, "renamed to"
    )


def test_a_log_that_was_moved_to_another_directory(
    bench: Bench, log: Path, info: pytest.LogCaptureFixture
) -> None:
    """A scan finds it again by its inode and its text."""
    append(log, lines(0, 10))
    bench.look()
    new = bench.logs / "done" / "train.log"
    new.parent.mkdir()

    log.rename(new)
    bench.look()

    assert f"renamed to {new}" in logged(info, "renamed")


def test_a_rotated_log(bench: Bench, log: Path, info: pytest.LogCaptureFixture) -> None:
    """A rotation names the part that was read to its end, and the new file."""
    append(log, lines(0, 10))
    bench.look()
    part = log.stat()
    log.rename(log.with_name("train.log.1"))
    append(log, lines(10, 20))
    bench.writer = "gone"

    bench.settle()

    line = logged(info, "rotated")
    assert f"(inode {part.st_ino}, offset {part.st_size})" in line
    assert line.endswith(f"train.log (inode {log.stat().st_ino}, offset 0)")


def test_copytruncate(bench: Bench, log: Path, info: pytest.LogCaptureFixture) -> None:
    """A log that was copied and truncated is a rotated one."""
    append(log, lines(0, 10))
    bench.look()
    shutil.copyfile(log, log.with_name("train.log.1"))
    os.truncate(log, 0)
    append(log, lines(10, 20))

    bench.settle()

    assert f"{log}: rotated" in logged(info, "rotated")


def test_an_unlinked_log(
    bench: Bench, log: Path, info: pytest.LogCaptureFixture
) -> None:
    """A log that was deleted is named once."""
    append(log, lines(0, 10))
    bench.look()
    bench.stop()
    log.unlink()
    bench.start()

    bench.look(3)

    assert f"{log}: unlinked" in logged(info, "unlinked")


def test_an_evicted_log(
    bench: Bench, log: Path, info: pytest.LogCaptureFixture
) -> None:
    """An idle log's file is closed, which is logged once."""
    append(log, lines(0, 10))
    bench.look()
    bench.clock.up += 3600.0

    bench.reader.evict_idle()
    bench.reader.evict_idle()

    assert f"{log}: idle, evicted" in logged(info, "evicted")


def test_a_log_that_is_read_again(
    bench: Bench, log: Path, info: pytest.LogCaptureFixture
) -> None:
    """Where the stored parser state is of another version, offset 0 is named."""
    append(log, lines(0, 10))
    bench.look()
    bench.store.connection.execute("UPDATE runs SET parser = '{\"old\": 1}'")
    bench.stop()
    bench.start()
    append(log, lines(10, 20))

    bench.look()

    assert f"{log}: parser state of another version" in logged(info, "read again")


def test_a_database_that_can_be_written_again(
    bench: Bench, log: Path, info: pytest.LogCaptureFixture
) -> None:
    """The end of a lock or a full disk is logged, as its beginning was."""
    append(log, lines(0, 10))
    bench.look()
    bench.store.connection.execute("PRAGMA query_only = 1")
    append(log, lines(10, 20))
    bench.look(2)
    bench.store.connection.execute("PRAGMA query_only = 0")

    bench.look()

    expected = "the database can be written again; reading continues"
    assert 1 == info.messages.count(expected)
    assert list(range(20)) == bench.steps()
