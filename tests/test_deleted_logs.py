"""Logs that were deleted cost nothing, also after a restart."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle import Bench, append, lines


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Old logs that were read, of which some are deleted while no daemon runs."""
    made = Bench(tmp_path)
    for name in ("a", "b", "c"):
        path = made.logs / f"{name}.log"
        append(path, lines(0, 20))
        os.utime(path, (1e9, 1e9))
    made.look()
    made.stop()
    for name in ("a", "b"):
        (made.logs / f"{name}.log").rename(tmp_path / f"{name}.kept")
    made.start()
    yield made
    made.stop()


def read(bench: Bench) -> list[str]:
    """The logs that are looked at between two scans."""
    return [tail.path.name for tail in bench.reader.registry.readable()]


def test_a_log_that_was_deleted_before_is_looked_at_once(bench: Bench) -> None:
    """Each look searches its directory for its new name."""
    assert ["a.log", "b.log", "c.log"] == read(bench)

    bench.look()

    assert ["c.log"] == read(bench)


def test_a_log_that_comes_back_goes_on(bench: Bench, tmp_path: Path) -> None:
    """A scan finds it by its path."""
    bench.look(2)
    (tmp_path / "a.kept").rename(bench.logs / "a.log")
    append(bench.logs / "a.log", lines(20, 30))

    bench.look(2)

    assert ["a.log", "c.log"] == read(bench)
    assert list(range(30)) == bench.steps("a.log")
    assert 1 == bench.rows()["a.log"].generation


def test_a_log_that_comes_back_under_another_name_goes_on(
    bench: Bench, tmp_path: Path
) -> None:
    """A scan finds it by its inode."""
    bench.look(2)
    (tmp_path / "a.kept").rename(bench.logs / "d.log")
    append(bench.logs / "d.log", lines(20, 30))

    bench.look(2)

    assert list(range(30)) == bench.steps("d.log")
    assert "a.log" not in bench.rows()


def test_a_rotation_of_a_log_that_was_silent_is_followed(bench: Bench) -> None:
    """Its path holds nothing for a while."""
    log = bench.logs / "c.log"
    bench.look()
    log.rename(bench.logs / "c.log.1")
    os.utime(bench.logs / "c.log.1", (1e9, 1e9))
    bench.look(3)
    append(bench.logs / "c.log.1", lines(20, 25))
    bench.look()
    append(log, lines(25, 30))
    bench.clock.up += 30.0

    bench.look(4)

    assert list(range(30)) == bench.steps("c.log")
    assert 1 == bench.rows()["c.log"].generation
