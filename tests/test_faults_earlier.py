"""Logs that were rotated before gptwatch first saw them: one run, all its parts."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from oracle import Bench, append, lines, once


STAMPS = [
    ("train.2026-05-04_12-44.log", "train.2026-05-05_12-44.log"),
    ("train-20260504.log", "train-20260505.log"),
    ("train.2.log", "train.1.log"),
    ("train.log.2", "train.log.1"),
    ("train.log-20260504", "train.log-20260505"),
]

TEXT = b"no metrics here\n"


def steps(first: int, end: int) -> bytes:
    """Lines whose step has no word before it."""
    return b"".join(b"[%d/20000] loss: 1.5\n" % n for n in range(first, end))


def start(bench: Bench) -> None:
    """Finds what is there, and once more after a restart."""
    bench.settle()
    bench.stop()
    bench.start()
    bench.settle()


@pytest.mark.parametrize("names", STAMPS)
def test_parts_that_were_there_first(
    bench: Bench, log: Path, names: tuple[str, str]
) -> None:
    """They are parts of the run, as those of a rotation that is seen."""
    for name, step in zip((*names, log.name), (0, 300, 600), strict=True):
        append(bench.logs / name, lines(step, step + 300))

    start(bench)

    assert {"train.log": once(lines(0, 900))} == bench.held()
    assert [3] == [row.parts for row in bench.rows().values()]
    append(log, lines(900, 910))
    bench.settle()
    assert {"train.log": once(lines(0, 910))} == bench.held()


@pytest.mark.parametrize(
    ("suffix", "packed"),
    [
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", zstandard.compress),
    ],
)
def test_packed_parts_that_were_there_first(
    bench: Bench, log: Path, suffix: str, packed: Callable[[bytes], bytes]
) -> None:
    """Whatever packed them."""
    older = log.with_name(f"train.log.2{suffix}")
    older.write_bytes(packed(lines(0, 300)))
    append(log.with_name("train.log.1"), lines(300, 600))
    append(log, lines(600, 900))

    start(bench)

    assert {"train.log": once(lines(0, 900))} == bench.held()


def test_a_log_that_is_empty_when_it_is_found(bench: Bench, log: Path) -> None:
    """Rotated just now, or after its training had ended: its parts are the run."""
    append(log.with_name("train.log.3"), lines(500, 600))
    log.with_name("train.log.2.gz").write_bytes(gzip.compress(lines(0, 300)))
    append(log.with_name("train.log.1"), lines(300, 600))
    append(log, b"")

    start(bench)

    assert {"train.log": once(lines(0, 600))} == bench.held()
    append(log, lines(600, 610))
    bench.settle()
    assert {"train.log": once(lines(0, 610))} == bench.held()


def test_an_empty_log_beside_one_with_a_date(bench: Bench, log: Path) -> None:
    """That is a run of its own: no steps say that it is part of the other."""
    append(bench.logs / "train.2026-05-04.log", lines(0, 100))
    append(log, b"")

    start(bench)

    assert bench.held()["train.2026-05-04.log"] == once(lines(0, 100))


def test_only_as_far_back_as_the_steps_go_on(bench: Bench, log: Path) -> None:
    """Parts of the training before are none of this one."""
    append(log.with_name("train.log.3"), lines(500, 600))
    append(log.with_name("train.log.2"), lines(0, 100))
    append(log.with_name("train.log.1"), lines(100, 200))
    append(log, lines(200, 300))

    start(bench)

    assert {"train.log": once(lines(0, 300))} == bench.held()


def test_a_part_of_another_training_ends_the_search(bench: Bench, log: Path) -> None:
    """What is older than that is older than the run."""
    append(log.with_name("train.log.2"), lines(100, 200))
    append(log.with_name("train.log.1"), lines(500, 600))
    append(log, lines(200, 300))

    start(bench)

    assert {"train.log": once(lines(200, 300))} == bench.held()


def test_a_log_named_by_date_is_a_run_of_its_own(bench: Bench, log: Path) -> None:
    """Where its steps lead nowhere near the first ones of the other log."""
    append(bench.logs / "train.2026-05-04.log", lines(0, 100))
    append(log, lines(0, 50))

    start(bench)

    expected = {"train.2026-05-04.log": once(lines(0, 100))}
    assert expected | {"train.log": once(lines(0, 50))} == bench.held()


@pytest.mark.parametrize(("begin", "logs"), [(102, 1), (103, 2)])
def test_steps_may_lack_between_two_parts(
    bench: Bench, log: Path, begin: int, logs: int
) -> None:
    """As many as three times their interval leaves out, no more."""
    append(bench.logs / "train.1.log", lines(0, 100))
    append(log, lines(begin, 200))

    start(bench)

    assert logs == len(bench.held())


def test_one_step_does_not_say_how_steps_go_on(bench: Bench, log: Path) -> None:
    """The next one may be of another training."""
    append(bench.logs / "train.1.log", lines(5, 6))
    append(log, lines(6, 7))

    start(bench)

    assert ["train.1.log", "train.log"] == sorted(bench.held())


def test_a_part_of_one_line(bench: Bench, log: Path) -> None:
    """Its first step is its last one; the log says how steps go on."""
    append(log.with_name("train.log.1"), lines(9, 10))
    append(log, lines(10, 50))

    start(bench)

    assert {"train.log": once(lines(9, 50))} == bench.held()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("size", "joined"), [(16384, True), (16385, False)])
def test_the_last_16_kib_of_a_part(
    bench: Bench, log: Path, *, packed: bool, size: int, joined: bool
) -> None:
    """The last step is looked for in them, in whole lines only."""
    data = lines(9, 10) + TEXT * (size // len(TEXT))
    data = data[: size - 1] + b"\n"
    part = log.with_name("train.log.1.gz" if packed else "train.log.1")
    part.write_bytes(gzip.compress(data) if packed else data)
    append(log, lines(10, 50))

    start(bench)

    expected = data + lines(10, 50) if joined else lines(10, 50)
    assert {"train.log": once(expected)} == bench.held()


@pytest.mark.parametrize("packed", [False, True])
def test_a_step_is_not_read_from_half_a_line(
    bench: Bench, log: Path, *, packed: bool
) -> None:
    """Its last 16 KiB begin with `88/20000]`, which would be step 88."""
    data = steps(9000, 9900) + b"no metrics\n"
    assert data[-16384:].startswith(b"88/20000]")
    part = log.with_name("train.log.1.gz" if packed else "train.log.1")
    part.write_bytes(gzip.compress(data) if packed else data)
    append(log, steps(12000, 12100))

    start(bench)

    assert {"train.log": once(steps(12000, 12100))} == bench.held()


@pytest.mark.parametrize(
    "text",
    [TEXT, lines(0, 50) + TEXT * 2000, TEXT * 2000 + lines(0, 50)],
    ids=["without", "behind", "before"],
)
def test_a_part_without_steps_or_that_is_broken(
    bench: Bench, log: Path, text: bytes
) -> None:
    """What cannot be read for its steps is no part, and hides nothing."""
    log.with_name("train.log.2.gz").write_bytes(b"no archive")
    append(log.with_name("train.log.1"), text)
    append(log, lines(0, 50))

    start(bench)

    assert {"train.log": once(lines(0, 50))} == bench.held()
