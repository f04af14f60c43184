"""Logs whose bytes come in odd pieces, or are odd: every line counts, once."""

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from oracle import Bench, append, lines, once


WRITER = """
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
for piece in sys.stdin.buffer:
    os.write(fd, piece)
    print("written", flush=True)
"""


def test_f01_append_by_a_writer_that_keeps_the_file_open(
    bench: Bench, log: Path
) -> None:
    """Every line is there after the next look, while its writer has the file open."""
    command = [sys.executable, "-c", WRITER, str(log)]
    seen = []
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for step in range(20):
            writer.stdin.write(lines(step, step + 1))
            writer.stdin.flush()
            assert b"written\n" == writer.stdout.readline()
            bench.look()
            seen.append(bench.rows()["train.log"].lines)
        writer.stdin.close()

    assert list(range(1, 21)) == seen
    assert list(range(20)) == bench.steps()


@pytest.mark.parametrize("block", [1, 7, 255, 4096])
def test_f02_lines_cut_anywhere(bench: Bench, log: Path, block: int) -> None:
    """Where a buffer ends does not matter, not even inside a letter."""
    data = "эпоха 1 · début\n".encode() + lines(0, 60) + "конец\n".encode()
    data = data[: 12 * block] if block == 1 else data

    for at in range(0, len(data), block):
        append(log, data[at : at + block])
        bench.look()

    assert once(data) == bench.held()["train.log"]


def test_f03_a_last_line_without_its_end(bench: Bench, log: Path) -> None:
    """Half a number is no value; when it grows, the whole one counts, once."""
    append(log, lines(0, 9) + b"iter 9: loss 1.2")
    bench.look()
    before = bench.rows()["train.log"].latest["step"]

    append(log, b"345, time 25.00ms, mfu 12.00%\n")
    bench.look()

    latest = bench.rows()["train.log"].latest
    assert 8 == before
    assert (9, 1.2345) == (latest["step"], latest["loss"])
    assert list(range(10)) == bench.steps()


def test_f03_a_last_line_whose_writer_is_gone(bench: Bench, log: Path) -> None:
    """A log that ends without a newline ends as one reading would have it."""
    data = lines(0, 9) + lines(9, 10).rstrip(b"\n")
    append(log, data)

    bench.settle()

    assert list(range(10)) == bench.steps()
    assert once(data) == bench.held()["train.log"]


def test_f04_a_line_of_100_megabytes(bench: Bench, log: Path) -> None:
    """A line without end costs no memory, and the lines around it count."""
    append(log, lines(0, 10))
    bench.look()
    with log.open("ab") as file:
        for _ in range(100):
            file.write(b"x" * (1 << 20))
    append(log, b"\n" + lines(10, 20))

    tracemalloc.start()
    while bench.reader.read(bench.reader.scan()):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert list(range(20)) == bench.steps()
    assert 32 << 20 > peak


def test_f05_progress_bars_between_the_lines(bench: Bench, log: Path) -> None:
    """A bar that is drawn over itself in pieces hides no line."""
    bar = b"".join(b"\r%3d%%|###   | %d/99 [00:01<00:02]" % (n, n) for n in range(99))
    data = b"".join(
        b"\x1b[32m" + bar + b"\x1b[0m\r\n" + lines(n, n + 1) for n in range(10)
    )

    for at in range(0, len(data), 1000):
        append(log, data[at : at + 1000])
        bench.look()

    assert list(range(10)) == bench.steps()
    assert once(data) == bench.held()["train.log"]


def test_f06_zeros_that_are_filled_later(bench: Bench, log: Path) -> None:
    """Blocks that have not arrived yet are read when they do."""
    whole = lines(0, 400)
    assert 16_384 < len(whole)
    log.write_bytes(whole[:4096])
    os.truncate(log, 8192)
    bench.look()
    with log.open("r+b") as file:
        file.seek(4096)
        file.write(whole[4096:])

    bench.settle()

    assert once(whole) == bench.held()["train.log"]
    assert ["train.log"] == list(bench.rows())


def test_f06_a_hole_that_stays(bench: Bench, log: Path) -> None:
    """What stands behind a hole is read, however large the hole is."""
    log.write_bytes(lines(0, 10))
    bench.look()
    with log.open("r+b") as file:
        file.seek(1 << 40)
        file.write(b"\n" + lines(10, 20))

    bench.settle()

    assert list(range(20)) == bench.steps()


def test_f06_a_few_bytes_behind_a_hole(bench: Bench, log: Path) -> None:
    """They and the zeros before them are what the file is known by."""
    log.write_bytes(lines(0, 10))
    bench.look()
    with log.open("r+b") as file:
        file.seek(1 << 20)
        file.write(b"\n" + lines(10, 11))
    bench.look()
    bench.stop()
    bench.start()
    append(log, lines(11, 12))

    bench.settle()

    assert list(range(12)) == bench.steps()


def test_f14_a_second_training_behind_the_first(bench: Bench, log: Path) -> None:
    """`tee -a`: one run, in which the steps begin again; all points are kept."""
    header = b"number of parameters: 10.65M\nstep 0: train loss 4.2, val loss 4.3\n"
    append(log, header + lines(0, 30))
    bench.look()

    append(log, header + lines(0, 20))
    bench.look()

    assert [*range(30), *range(20)] == bench.steps()
    assert ["train.log"] == list(bench.rows())


def test_f15_a_resumed_training_goes_back(bench: Bench, log: Path) -> None:
    """Steps that come twice are all kept, in the order of the log."""
    append(log, lines(0, 30))
    bench.look()

    append(log, lines(20, 40))
    bench.look()

    assert [*range(30), *range(20, 40)] == bench.steps()


def test_f46_odd_values_pass_through_the_store(bench: Bench, log: Path) -> None:
    """A loss that is not a number is stored, alerted, and known after a restart."""
    append(log, lines(0, 5) + b"iter 5: loss nan, time 25.00ms, mfu -100.00%\n")
    bench.look()
    alarm = [watched.nonfinite_pending for watched in bench.reader.tails.values()]

    bench.stop()
    bench.start()

    assert [True] == alarm
    assert "nan" == bench.rows()["train.log"].latest["loss"]
    assert once(log.read_bytes()) == bench.held()["train.log"]


def test_f47_lines_of_several_processes(bench: Bench, log: Path) -> None:
    """What rank prefixes mean does not depend on how the log was read."""
    data = b"".join(
        b"[rank%d]: " % rank + lines(step, step + 1)
        for step in range(30)
        for rank in range(4)
    )

    for at in range(0, len(data), 333):
        append(log, data[at : at + 333])
        bench.look()

    assert once(data) == bench.held()["train.log"]


def test_f48_a_format_that_shows_late(bench: Bench, log: Path) -> None:
    """Lines that nobody understands are counted, and what follows is understood."""
    banner = b"".join(b"= banner %d =\n" % n for n in range(500))
    data = banner + lines(0, 100)

    for at in range(0, len(data), 1000):
        append(log, data[at : at + 1000])
        bench.look()

    assert list(range(100)) == bench.steps()
    assert once(data) == bench.held()["train.log"]
