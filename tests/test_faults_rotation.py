"""Logs that are rotated: one run in several files, whose lines count once."""

import gzip
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from oracle import Bench, append, lines, once

from parsers.engine.lines import CHUNK_BYTES
from watcher.ingest import rotation
from watcher.ingest.discovery import Scanner
from watcher.ingest.rotated import ROTATE_TIMEOUT_S, ROTATE_WAIT_S
from watcher.storage.checkpoint import Cursor


def rotate(log: Path) -> None:
    """Renames a log and its forerunners, as logrotate does."""
    for number in range(9, 0, -1):
        for end in ("", ".gz"):
            old = log.with_name(f"{log.name}.{number}{end}")
            if old.exists():
                old.rename(log.with_name(f"{log.name}.{number + 1}{end}"))
    log.rename(log.with_name(f"{log.name}.1"))


def pack(path: Path) -> Path:
    """Compresses a file."""
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    shutil.copystat(path, packed)
    path.unlink()
    return packed


def test_f07_late_lines_after_a_rename(bench: Bench, log: Path) -> None:
    """What a writer still writes to the renamed file stands before the new file's."""
    append(log, lines(0, 10))
    bench.look()
    with log.open("ab") as late:
        rotate(log)
        append(log, lines(20, 30))
        bench.look(3)
        late.write(lines(10, 20))
    bench.look(3)

    bench.settle()

    assert list(range(30)) == bench.steps()
    assert [2] == [row.parts for row in bench.rows().values()]


def test_f07_a_writer_that_never_lets_go(bench: Bench, log: Path) -> None:
    """A renamed file that grows for ever does not hide the new one for ever."""
    append(log, lines(0, 10))
    bench.look()
    rotate(log)
    append(log, lines(500, 510))
    bench.writer = "alive"

    for step in range(10, 10 + int(ROTATE_TIMEOUT_S) + 2):
        append(log.with_name("train.log.1"), lines(step, step + 1))
        bench.look()
        bench.clock.up += 1.0
    bench.look(2)

    assert list(range(500, 510)) == bench.steps()[-10:]


def test_f07_a_writer_that_is_gone_is_not_waited_for(bench: Bench, log: Path) -> None:
    """Where nobody holds the renamed file open, the new one is read at once."""
    append(log, lines(0, 10))
    bench.look()
    rotate(log)
    append(log, lines(10, 20))
    bench.writer = "gone"

    bench.look(2)

    assert list(range(20)) == bench.steps()


def test_f08_three_rotations_between_two_looks(bench: Bench, log: Path) -> None:
    """All parts are read, in order."""
    append(log, lines(0, 10))
    bench.look()
    for start in (10, 20, 30):
        append(log, lines(start, start + 5))
        rotate(log)
        append(log, lines(start + 5, start + 10))

    bench.settle()

    assert list(range(40)) == bench.steps()
    assert once(lines(0, 40)) == bench.held()["train.log"]
    assert [4] == [row.parts for row in bench.rows().values()]


@pytest.mark.parametrize("name", ["train.log-20260102", "train.log.2026-01-02_03"])
def test_f08_parts_named_by_date(bench: Bench, log: Path, name: str) -> None:
    """A log is found again under the name that `dateext` gives it."""
    append(log, lines(0, 10))
    bench.look()
    append(log, lines(10, 20))
    log.rename(log.with_name(name))
    append(log, lines(20, 30))

    bench.settle()

    assert list(range(30)) == bench.steps()


@pytest.mark.parametrize("packed", [1, 2, 3])
def test_f09_packed_while_nobody_looked(bench: Bench, log: Path, packed: int) -> None:
    """Reading goes on inside the compressed part, and it never is a run of its own."""
    append(log, lines(0, 10))
    bench.look()
    bench.stop()
    for start in (10, 20, 30):
        append(log, lines(start, start + 10))
        rotate(log)
    append(log, lines(40, 50))
    for number in range(3, 3 - packed, -1):
        pack(log.with_name(f"train.log.{number}"))

    bench.start()
    bench.settle()

    assert list(range(50)) == bench.steps()
    assert once(lines(0, 50)) == bench.held()["train.log"]
    assert ["train.log"] == list(bench.rows())


@pytest.mark.parametrize("share", [0.3, 0.7, 0.97, 1.0])
def test_f09_a_large_file_is_packed_while_it_is_read(
    bench: Bench, log: Path, share: float
) -> None:
    """It goes on at any offset of what comes out of it in several pieces."""
    text = lines(0, 30_000)
    assert 2 * CHUNK_BYTES < len(text)
    log.write_bytes(text[: int(share * len(text))])
    bench.settle()
    bench.stop()
    log.write_bytes(text)
    rotate(log)
    append(log, lines(30_000, 30_010))
    pack(log.with_name("train.log.1"))

    bench.start()
    bench.settle()

    assert list(range(30_010)) == bench.steps()


def test_f09_packed_while_it_is_read(bench: Bench, log: Path) -> None:
    """A part that is compressed between two looks is read on, inside."""
    append(log, lines(0, 10))
    bench.look()
    append(log, lines(10, 20))
    rotate(log)
    append(log, lines(20, 30))
    pack(log.with_name("train.log.1"))

    bench.settle()

    assert list(range(30)) == bench.steps()


def test_f09_a_broken_archive_hides_nothing(bench: Bench, log: Path) -> None:
    """Where the packed part cannot be read, the new file begins a generation."""
    append(log, lines(0, 10))
    bench.look()
    append(log, lines(10, 20))
    rotate(log)
    archive = pack(log.with_name("train.log.1"))
    archive.write_bytes(archive.read_bytes()[:-30])
    append(log, lines(20, 30))

    bench.settle()

    assert list(range(10)) == bench.steps()[:10]
    assert list(range(20, 30)) == bench.steps(list(bench.rows())[-1])[-10:]


def test_copytruncate_under_a_writer_that_appends(bench: Bench, log: Path) -> None:
    """`copytruncate` with a writer that appends: one run in two parts."""
    append(log, lines(0, 10))
    bench.look()
    append(log, lines(10, 20))
    shutil.copyfile(log, log.with_name("train.log.1"))
    os.truncate(log, 0)
    append(log, lines(20, 40))

    bench.settle()

    assert list(range(40)) == bench.steps()
    assert ["train.log"] == list(bench.rows())


def test_copytruncate_then_lines_then_unlinked(bench: Bench, log: Path) -> None:
    """What was written and unlinked between two looks is read from the open file."""
    append(log, lines(0, 10))
    bench.look()
    shutil.copyfile(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)
    bench.settle()
    append(log, lines(10, 12))
    log.unlink()

    bench.settle()

    assert list(range(12)) == bench.steps()


def test_copytruncate_under_a_writer_that_does_not_append(
    bench: Bench, log: Path
) -> None:
    """`copytruncate` of a `>` redirect leaves a hole; no line is lost for it."""
    append(log, lines(0, 10))
    bench.look()
    with log.open("r+b") as writer:
        writer.seek(0, os.SEEK_END)
        writer.write(lines(10, 200))
        writer.flush()
        shutil.copyfile(log, log.with_name("train.log.1"))
        os.truncate(log, 0)
        writer.write(lines(200, 210))
        writer.flush()
        bench.settle()
        writer.write(lines(210, 220))
    bench.settle()

    assert list(range(220)) == bench.steps()
    assert ["train.log"] == list(bench.rows())


def test_a_rotated_file_of_another_log_is_no_part(bench: Bench, log: Path) -> None:
    """A file with a part's name and another's text is left alone."""
    log.with_name("train.log.1").write_bytes(lines(700, 800))
    append(log, lines(0, 30))
    bench.look()

    log.unlink()
    append(log, lines(100, 110))
    bench.settle()

    assert list(range(30)) == bench.steps()
    assert list(range(100, 110)) == bench.steps("train.log#2")


def test_an_empty_log_that_is_deleted_had_no_parts(bench: Bench, log: Path) -> None:
    """A file that was rotated before has nothing that it could be known by."""
    append(log.with_name("train.log.1"), b"no steps that go on\n" * 10)
    log.touch()
    bench.look()
    log.unlink()

    bench.settle()

    assert [0] == [row.lines for row in bench.rows().values()]


def test_a_part_is_no_run_where_its_name_is_wanted(tmp_path: Path) -> None:
    """A pattern that takes in rotated files makes no second run of them."""
    bench = Bench(tmp_path, Scanner(patterns=["*.log*"]))
    log = bench.logs / "train.log"
    append(log, lines(0, 10))
    rotate(log)
    append(log, lines(10, 20))

    bench.settle()
    bench.stop()

    assert ["train.log"] == [w.name for w in bench.reader.tails.values()]


def test_a_rename_is_waited_for_no_longer_than_promised(
    bench: Bench, log: Path
) -> None:
    """The new file of a rotated log is read when the old one has been quiet."""
    append(log, lines(0, 10))
    bench.look()
    rotate(log)
    append(log, lines(10, 20))
    bench.look()
    before = bench.steps()

    bench.clock.up += ROTATE_WAIT_S
    bench.look(2)

    assert list(range(10)) == before
    assert list(range(20)) == bench.steps()


def test_rotated_again_while_a_part_is_opened(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that moves up between the listing and the opening is found again."""
    append(log, lines(0, 10))
    bench.look()
    append(log, lines(10, 20))
    rotate(log)
    append(log, lines(20, 30))
    plain, due = rotation.parts, [log]

    def racing(*arguments: Any, **options: Any) -> Any:
        found = plain(*arguments, **options)
        if found and due:
            due.clear()
            rotate(log)
            append(log, lines(30, 40))
        return found

    monkeypatch.setattr(rotation, "parts", racing)
    bench.writer = "gone"
    bench.settle()

    assert [] == due
    assert {"train.log": once(lines(0, 40))} == bench.held()


def test_rotated_again_while_the_next_file_is_opened(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that was next when the part ended is read, not the one after it."""
    append(log, lines(0, 10))
    bench.look()
    rotate(log)
    append(log, lines(10, 20))
    plain, due = rotation.start, [log]

    def racing(part: rotation.Part) -> Cursor:
        if due:
            due.clear()
            rotate(log)
            append(log, lines(20, 30))
        return plain(part)

    monkeypatch.setattr(rotation, "start", racing)
    bench.settle()

    assert [] == due
    assert {"train.log": once(lines(0, 30))} == bench.held()


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("down", [False, True])
def test_an_empty_log_that_is_renamed_just_after_its_rotation(
    bench: Bench, log: Path, *, copied: bool, written: bool, down: bool
) -> None:
    """The run goes on under the new name, though the file had nothing to know it by."""
    append(log, lines(0, 10))
    bench.look()
    if copied:
        shutil.copyfile(log, log.with_name("train.log.1"))
        os.truncate(log, 0)
    else:
        rotate(log)
        log.touch()
    bench.settle()
    if down:
        bench.stop()
    other = log.rename(log.with_name("other.log"))
    if written:
        append(other, lines(10, 20))
    if down:
        bench.start()
    bench.settle()
    append(other, lines(20, 30))
    bench.settle()

    text = lines(0, 10) + lines(10, 20) * written + lines(20, 30)
    assert {"other.log": once(text)} == bench.held()


def test_a_name_that_was_given_to_a_copy_before(bench: Bench, log: Path) -> None:
    """A copy that was removed says nothing of the next one under its name."""
    copy = log.with_name("train.1.log")
    append(log, lines(0, 30))
    bench.settle()
    shutil.copy2(log, copy)
    bench.look()
    copy.unlink()
    bench.clock.up += 60.0
    bench.look()
    append(log, lines(30, 40))
    bench.look()
    shutil.copy2(log, copy)
    bench.look()
    os.truncate(log, 0)
    append(log, lines(40, 50))

    bench.settle()

    assert {"train.log": once(lines(0, 50))} == bench.held()
