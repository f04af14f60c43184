"""Logs that are copied, cut or renamed by date: the run that they were goes on."""

import ctypes
import os
import shutil
from pathlib import Path

import pytest
from oracle import Bench, append, lines, once

from watcher.errors import StorageUnavailableError
from watcher.ingest import fileread, rewritten
from watcher.ingest.recorder import Recorder
from watcher.storage.checkpoint import Cursor


HEADER = b"".join(b"option_%03d = %d\n" % (n, n) for n in range(100))


def infix(log: Path, stamp: str) -> Path:
    """The name that a program gives a log which it rotates by date."""
    return log.with_name(f"{log.stem}{stamp}{log.suffix}")


def rotate(log: Path, stamp: str) -> Path:
    """Renames a log by date."""
    return log.rename(infix(log, stamp))


def restart(bench: Bench) -> None:
    bench.stop()
    bench.start()
    bench.settle()


STAMPS = [
    (".2026-05-04_12-44", ".2026-05-05_12-44"),
    ("-20260504", "-20260505"),
    ("_2026-05-04T12:44:02", "_2026-05-04T12:44:03"),
    (".1777900000", ".1777900001"),
]


@pytest.mark.parametrize("stamps", STAMPS)
@pytest.mark.parametrize("down", [False, True])
def test_a_date_before_the_suffix(
    bench: Bench, log: Path, stamps: tuple[str, str], *, down: bool
) -> None:
    """A log that is rotated by a date in its name is one run, also after a restart."""
    append(log, lines(0, 10))
    bench.look()
    if down:
        bench.stop()
    for stamp, start in zip(stamps, (10, 30), strict=True):
        append(log, lines(start, start + 10))
        rotate(log, stamp)
        append(log, lines(start + 10, start + 20))
        if not down:
            bench.settle()
    if down:
        bench.start()
        bench.settle()
    restart(bench)

    assert {"train.log": once(lines(0, 50))} == bench.held()
    assert [3] == [row.parts for row in bench.rows().values()]


def test_a_number_before_the_suffix(bench: Bench, log: Path) -> None:
    """`train.1.log` is what `train.log` was, and moves up."""
    append(log, lines(0, 10))
    bench.look()
    for start in (10, 30):
        append(log, lines(start, start + 10))
        if infix(log, ".1").exists():
            infix(log, ".1").rename(infix(log, ".2"))
        rotate(log, ".1")
        append(log, lines(start + 10, start + 20))
        bench.settle()
    restart(bench)

    assert {"train.log": once(lines(0, 50))} == bench.held()


def test_late_lines_of_a_file_renamed_by_date(bench: Bench, log: Path) -> None:
    """What a writer still writes to it stands before the new file's lines."""
    append(log, lines(0, 10))
    bench.look()
    old = rotate(log, ".2026-05-04")
    append(log, lines(20, 30))
    bench.look(2)
    append(old, lines(10, 20))

    bench.settle()

    assert {"train.log": once(lines(0, 30))} == bench.held()


def test_a_second_training_in_a_log_renamed_by_date(bench: Bench, log: Path) -> None:
    """The parts of a generation before are no logs of their own."""
    append(log, lines(0, 10))
    bench.look()
    rotate(log, ".2026-05-04")
    append(log, lines(10, 20))
    bench.settle()
    log.write_bytes(lines(500, 520))
    bench.settle()
    restart(bench)

    expected = {"train.log": once(lines(0, 20)), "train.log#2": once(lines(500, 520))}
    assert expected == bench.held()


def test_a_copy_that_is_complete_between_two_checks(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is too short at one look, and whole when that is asked why."""
    append(log, lines(0, 300))
    bench.look()
    log.write_bytes(lines(0, 310))
    plain, short = fileread.read, [None] * 3
    monkeypatch.setattr(
        fileread, "read", lambda *a, **k: short.pop() if short else plain(*a, **k)
    )

    bench.look()

    assert {"train.log": once(lines(0, 310))} == bench.held()


def test_killed_just_after_a_second_training_began(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its first lines are stored, the earlier parts are known all the same."""

    def fail(*_: object) -> int:
        raise StorageUnavailableError("killed")

    append(log, lines(0, 10))
    bench.look()
    rotate(log, ".2026-05-04")
    append(log, lines(10, 20))
    bench.settle()
    log.write_bytes(lines(500, 520))
    with monkeypatch.context() as killed:
        killed.setattr(Recorder, "take", fail)
        bench.settle()
    restart(bench)

    expected = {"train.log": once(lines(0, 20)), "train.log#2": once(lines(500, 520))}
    assert expected == bench.held()


def test_a_copy_by_date_before_the_log_is_truncated(bench: Bench, log: Path) -> None:
    """`copytruncate` to such a name makes no second run, however it is looked at."""
    text = lines(0, 400)
    append(log, text)
    bench.look()
    copy = infix(log, ".2026-05-04")
    for at in range(0, len(text), 9000):
        append(copy, text[at : at + 9000])
        bench.look()
    os.truncate(log, 0)
    bench.look()
    append(log, lines(400, 410))
    bench.settle()
    restart(bench)

    assert {"train.log": once(lines(0, 410))} == bench.held()


def test_another_log_with_a_date_is_a_run(bench: Bench, log: Path) -> None:
    """A name alone makes no part: a file with another text is a log of its own."""
    append(log, lines(0, 10))
    append(infix(log, ".2026-05-04"), lines(500, 510))
    bench.look()
    append(infix(log, ".2026-05-05"), lines(700, 710))
    bench.settle()
    rotate(log, ".2026-05-03")
    append(log, lines(10, 20))
    bench.settle()
    restart(bench)

    expected = {
        "train.log": once(lines(0, 20)),
        "train.2026-05-04.log": once(lines(500, 510)),
        "train.2026-05-05.log": once(lines(700, 710)),
    }
    assert expected == bench.held()


@pytest.mark.parametrize("down", [False, True])
def test_a_symlink_whose_target_is_rotated(
    bench: Bench, tmp_path: Path, *, down: bool
) -> None:
    """The parts lie beside the target; no line is lost, and no generation begins."""
    target = tmp_path / "far" / "out.log"
    target.parent.mkdir()
    append(target, lines(0, 10))
    (bench.logs / "latest.log").symlink_to(target)
    bench.look()
    if down:
        bench.stop()
    append(target, lines(10, 22))
    old = target.rename(target.with_name("out.log.1"))
    append(target, lines(30, 80))
    if not down:
        bench.look()
    append(old, lines(22, 30))
    if down:
        bench.start()

    bench.settle()

    assert {"latest.log": once(lines(0, 80))} == bench.held()


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_a_log_that_is_copied_over_its_old_copy(
    bench: Bench, log: Path, looks: int
) -> None:
    """`scp` of a log that grows: truncated, and filled with the same text and more."""
    text = HEADER + lines(0, 400)
    append(log, text)
    bench.look()
    for size in (600, 800):
        text = HEADER + lines(0, size)
        with log.open("wb", buffering=0) as copy:
            bench.look(looks)
            for at in range(0, len(text), 10_000):
                copy.write(text[at : at + 10_000])
                bench.look(looks)
                bench.clock.up += 0.5

    bench.settle()

    assert {"train.log": once(text)} == bench.held()


def test_a_copy_that_is_never_completed(bench: Bench, log: Path) -> None:
    """It is waited for, but not for ever: then it is what there is."""
    append(log, HEADER + lines(0, 400))
    bench.look()
    log.write_bytes((HEADER + lines(0, 400))[:9000])

    bench.settle()

    assert ["train.log", "train.log#2"] == list(bench.rows())


def test_a_large_copy_that_stops_is_waited_for_no_longer(
    bench: Bench, log: Path
) -> None:
    """What counts is how much came since the first look at it."""
    text = HEADER + lines(0, 20_000)
    append(log, text)
    bench.settle()
    log.write_bytes(text[: len(text) // 2])
    bench.settle()

    assert ["train.log", "train.log#2"] == list(bench.rows())


def test_a_training_that_begins_alike_is_not_waited_for(
    bench: Bench, log: Path
) -> None:
    """The same configuration, then other lines: a new run as soon as they differ."""
    append(log, HEADER + lines(0, 400))
    bench.look()
    log.write_bytes(HEADER + lines(500, 600))
    bench.look(2)

    assert list(range(500, 600)) == bench.steps("train.log#2")


def test_a_slow_training_that_begins_alike(bench: Bench, log: Path) -> None:
    """A file that grows as a training does is no copy."""
    append(log, HEADER + lines(0, 4000))
    bench.look()
    log.write_bytes(HEADER)
    for step in range(20):
        append(log, lines(step, step + 1))
        bench.look()
        bench.clock.up += 1.0

    assert "train.log#2" in bench.rows()


def collapse(log: Path, size: int) -> None:
    """Cuts away the first bytes of a file."""
    libc = ctypes.CDLL(None, use_errno=True)
    with log.open("r+b") as file:
        zero, length = ctypes.c_long(0), ctypes.c_long(size)
        if libc.fallocate(file.fileno(), 0x08, zero, length):
            pytest.skip("this file system cannot cut away the head of a file")


def copied(log: Path, size: int) -> None:
    """The same with a copy, as `tail -c +N` and `mv` do."""
    other = log.with_name(".tail")
    other.write_bytes(log.read_bytes()[size:])
    other.replace(log)


@pytest.mark.parametrize("cut", [collapse, copied])
@pytest.mark.parametrize("size", [4096, 16384])
def test_a_head_that_is_cut_away(
    bench: Bench, log: Path, cut: object, size: int
) -> None:
    """Nothing doubles, and what follows goes on."""
    assert callable(cut)
    append(log, HEADER + lines(0, 1000))
    bench.look()
    append(log, lines(1000, 1010))
    cut(log, size)
    append(log, lines(1010, 1020))

    bench.settle()
    cut(log, size)
    append(log, lines(1020, 1030))
    restart(bench)

    assert list(range(1030)) == bench.steps()
    assert ["train.log"] == list(bench.rows())


def test_a_file_replaced_by_a_growing_copy(bench: Bench, log: Path) -> None:
    """The copy may be another inode."""
    text = HEADER + lines(0, 400)
    append(log, text)
    bench.look()
    log.unlink()
    longer = HEADER + lines(0, 500)
    with log.open("wb", buffering=0) as copy:
        for at in range(0, len(longer), 10_000):
            copy.write(longer[at : at + 10_000])
            bench.look()
            bench.clock.up += 0.5
    bench.settle()

    assert {"train.log": once(longer)} == bench.held()


def test_a_backup_named_by_date_is_no_part_while_the_log_goes_on(
    bench: Bench, log: Path
) -> None:
    """A copy is named in the warnings, and a log that is there is read on."""
    append(log, lines(0, 30))
    bench.look()
    shutil.copyfile(log, infix(log, ".2026-05-04"))
    append(log, lines(30, 40))
    bench.settle()

    assert {"train.log": once(lines(0, 40))} == bench.held()
    assert 1 == len(bench.reader.warnings())
    os.truncate(log, 0)
    append(log, lines(40, 50))
    bench.settle()
    assert 40 <= len(bench.steps())


def checkpoint(path: Path) -> Cursor:
    """The checkpoint at the end of a file that was read at once."""
    fd = os.open(path, os.O_RDONLY)
    try:
        found = fileread.read(fd, Cursor.start(os.fstat(fd)), 1 << 20)
    finally:
        os.close(fd)
    assert found is not None
    return found[1]


def moved(path: Path, cursor: Cursor) -> Cursor | None:
    fd = os.open(path, os.O_RDONLY)
    try:
        return rewritten.without_head(fd, cursor)
    finally:
        os.close(fd)


@pytest.mark.parametrize("cut", [1, 500, 1024, 5000])
def test_the_checkpoint_behind_a_cut_head(log: Path, cut: int) -> None:
    """It has the head, the marker and the offset that one reading gives."""
    append(log, HEADER + lines(0, 300))
    before = checkpoint(log)
    copied(log, cut)

    found = moved(log, before)

    assert found is not None
    expected = checkpoint(log)
    assert expected.key == found.key
    assert (expected.head, expected.marker) == (found.head, found.marker)
    assert expected.offset == found.offset
    assert {m - cut: crc for m, crc in before.marks if m > cut + 256} == dict(
        found.marks
    )


@pytest.mark.parametrize(
    "text",
    [
        b"option_000=0\n" + HEADER[15:] + lines(0, 300),  # two bytes less
        HEADER + lines(0, 300),  # the same, uncut
        HEADER + b"one line more\n" + lines(0, 300),
        lines(250, 300) + lines(250, 300),  # the marker proves nothing
        lines(300, 400),
        lines(1000, 1100) + lines(150, 300),
    ],
)
def test_what_is_no_cut_head(log: Path, text: bytes) -> None:
    """Lines that come again behind another head are another training."""
    append(log, HEADER + lines(0, 300))
    before = checkpoint(log)
    log.write_bytes(text)

    assert moved(log, before) is None


def test_what_cannot_be_opened_has_no_mark(log: Path) -> None:
    """A file that is gone is no part, and no copy."""
    assert not rewritten.has_marks(log, [(0, 0)])
    assert not rewritten.is_copy(log, Cursor(1, 2))
