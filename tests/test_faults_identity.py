"""Paths that come to hold another file or text: a run is never mixed with another."""

import os
from pathlib import Path

import pytest
from oracle import Bench, append, lines, once


# Two trainings of one configuration begin with the same kilobytes.
HEADER = b"".join(b"# setting_%02d = %064d\n" % (n, n) for n in range(40))


def generations(bench: Bench, *contents: bytes) -> None:
    """Asserts that the store holds these trainings of one path, and no others."""
    names = ["train.log", *(f"train.log#{n}" for n in range(2, len(contents) + 1))]

    expected = dict(zip(names, map(once, contents), strict=True))

    assert expected == bench.held()


def test_f10_emptied_and_written_again(bench: Bench, log: Path) -> None:
    """A truncated log begins a generation; the points of the old one stay."""
    append(log, lines(0, 30))
    bench.look()
    os.truncate(log, 0)
    bench.look()
    append(log, lines(100, 110))

    bench.settle()

    generations(bench, lines(0, 30), lines(100, 110))


def test_f10_emptied_while_nobody_looked(bench: Bench, log: Path) -> None:
    """The same across a restart."""
    append(log, lines(0, 30))
    bench.look()
    bench.stop()
    log.write_bytes(lines(100, 110))

    bench.start()
    bench.settle()

    generations(bench, lines(0, 30), lines(100, 110))


@pytest.mark.parametrize("restart", [False, True])
def test_f11_f12_rewritten_larger_before_the_next_look(
    bench: Bench, log: Path, *, restart: bool
) -> None:
    """Size says nothing: another text before the offset is another training."""
    append(log, lines(0, 30))
    bench.look()
    if restart:
        bench.stop()
    log.write_bytes(lines(100, 190))
    if restart:
        bench.start()

    bench.settle()

    generations(bench, lines(0, 30), lines(100, 190))


def test_f13_the_same_command_again(bench: Bench, log: Path) -> None:
    """A second training over the first, with the same first kilobytes: a new run."""
    first = HEADER + lines(0, 30)
    second = HEADER + lines(0, 3) + lines(500, 590)
    append(log, first)
    bench.look()
    log.write_bytes(second)

    bench.settle()

    generations(bench, first, second)
    assert [False, True] == [row.current for row in bench.rows().values()]


def test_f13_a_third_training(bench: Bench, log: Path) -> None:
    """Generations are counted; each is kept."""
    contents = [lines(start, start + 20) for start in (0, 100, 200)]
    for content in contents:
        log.write_bytes(content)
        bench.settle()

    generations(bench, *contents)


def test_f16_the_end_was_cut_off(bench: Bench, log: Path) -> None:
    """What an editor left begins a generation; nothing that was read is lost."""
    whole = HEADER + lines(0, 60)
    append(log, whole)
    bench.look()
    os.truncate(log, len(HEADER + lines(0, 40)))
    append(log, lines(900, 910))

    bench.settle()

    generations(bench, whole, HEADER + lines(0, 40) + lines(900, 910))


def test_f16_half_a_line_was_cut_off(bench: Bench, log: Path) -> None:
    """The end of a line that is cut while it waits for its newline is no line."""
    append(log, lines(0, 30) + b"iter 30: lo")
    bench.look()
    os.truncate(log, len(lines(0, 30)))
    append(log, lines(30, 40))

    bench.settle()

    assert list(range(40)) == bench.steps(list(bench.rows())[-1])


def test_f17_other_text_of_the_same_size(bench: Bench, log: Path) -> None:
    """A file that is overwritten in place is another training, whatever its size."""
    first, second = lines(100, 130), lines(500, 530)
    assert len(first) == len(second)
    append(log, first)
    bench.look()
    with log.open("r+b") as file:
        file.write(second)

    bench.settle()

    generations(bench, first, second)


def test_f17_f27_other_text_with_the_old_time(bench: Bench, log: Path) -> None:
    """A time of change that was set back hides nothing."""
    first, second = lines(100, 130), lines(500, 530)
    append(log, first)
    bench.look()
    before = log.stat().st_mtime_ns
    with log.open("r+b") as file:
        file.write(second)
    os.utime(log, ns=(before, before))

    bench.settle()

    generations(bench, first, second)


def test_f17_the_first_lines_were_changed(bench: Bench, log: Path) -> None:
    """The beginning of a file is looked at, too."""
    first = lines(100, 160)
    append(log, first)
    bench.look()
    changed = lines(500, 501) + first[len(lines(500, 501)) :]
    with log.open("r+b") as file:
        file.write(changed)

    bench.settle()

    generations(bench, first, changed)


def test_f18_deleted_and_made_again(bench: Bench, log: Path) -> None:
    """The new file is another training, though the file system reuses the inode."""
    contents = [lines(start, start + 20) for start in range(100, 1100, 50)]
    for content in contents:
        log.unlink(missing_ok=True)
        log.write_bytes(content)
        bench.settle()

    generations(bench, *contents)


def test_f18_the_new_file_begins_with_the_old_one(bench: Bench, log: Path) -> None:
    """Deleted, and copied back longer: reading goes on, no line counts twice."""
    append(log, lines(0, 30))
    bench.look()
    log.unlink()
    log.write_bytes(lines(0, 50))

    bench.settle()

    generations(bench, lines(0, 50))


def test_f19_an_inode_that_comes_back_under_another_name(
    bench: Bench, log: Path
) -> None:
    """A new log with a deleted one's inode is read from its beginning."""
    other = log.with_name("other.log")
    for start in range(100, 1100, 50):
        log.write_bytes(lines(start, start + 10))
        bench.settle()
        log.unlink()
        other.write_bytes(lines(start + 10, start + 30))
        bench.settle()
        other.unlink()

    rows = bench.held()
    expected = {}
    for turn, start in enumerate(range(100, 1100, 50), 1):
        end = "" if turn == 1 else f"#{turn}"
        expected[f"train.log{end}"] = once(lines(start, start + 10))
        expected[f"other.log{end}"] = once(lines(start + 10, start + 30))
    assert expected == rows


def test_f20_runs_that_begin_alike(bench: Bench) -> None:
    """200 logs with the same first kilobytes are 200 runs."""
    contents = {f"run{n:03}.log": HEADER + lines(n, n + 9) for n in range(200)}
    for name in contents:
        append(bench.logs / name, HEADER)
    bench.settle()
    for name, content in contents.items():
        append(bench.logs / name, content[len(HEADER) :])

    bench.settle()

    assert {name: once(data) for name, data in contents.items()} == bench.held()


@pytest.mark.parametrize("tail", [b"", lines(30, 40)], ids=["as it was", "longer"])
def test_f26_saved_by_an_editor(bench: Bench, log: Path, tail: bytes) -> None:
    """A file that takes the name of a log and begins with its text goes on with it."""
    append(log, lines(0, 30))
    bench.look()
    other = log.with_name(".train.log.swp")
    other.write_bytes(lines(0, 30) + tail)
    other.replace(log)

    bench.settle()

    generations(bench, lines(0, 30) + tail)


def test_f26_saved_by_an_editor_beside_a_backup(bench: Bench, log: Path) -> None:
    """A copy with the name of a rotated file is no reason to begin again."""
    append(log, lines(0, 30))
    bench.look()
    log.with_name("train.log.1").write_bytes(lines(0, 30))
    other = log.with_name(".train.log.swp")
    other.write_bytes(lines(0, 40))
    other.replace(log)

    bench.settle()

    generations(bench, lines(0, 40))


def test_f26_the_old_file_is_read_to_its_end_first(bench: Bench, log: Path) -> None:
    """Lines that came just before another text took the name are not lost."""
    append(log, lines(0, 30))
    bench.look()
    append(log, lines(30, 40))
    other = log.with_name(".new")
    other.write_bytes(lines(500, 510))
    other.replace(log)

    bench.settle()

    generations(bench, lines(0, 40), lines(500, 510))
