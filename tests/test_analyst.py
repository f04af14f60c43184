"""What the worker holds while it draws, and of runs that are over."""

import contextlib
import gc
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle import Bench, append, lines

from watcher.daemon import followed
from watcher.daemon.analyst import Analyst
from watcher.daemon.jobs import Job, Options
from watcher.outputs.report import artifacts
from watcher.storage.recovery import NAME


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A log that was read."""
    made = Bench(tmp_path)
    append(made.logs / "train.log", lines(0, 300))
    made.look()
    yield made
    made.stop()


@pytest.fixture
def analyst(bench: Bench) -> Iterator[Analyst]:
    with contextlib.closing(Analyst(Options(str(bench.state)))) as made:
        yield made


def job(bench: Bench, tmp_path: Path, *, ended: bool) -> Job:
    """An analysis of the log, with all its files."""
    path = str(bench.logs / "train.log")
    folder = str(tmp_path / "plots")
    return Job(1, "train.log", path, ended=ended, folder=folder, final=ended, stamp="x")


@pytest.mark.parametrize("ended", [False, True])
def test_the_wal_is_cut_while_a_worker_draws(
    *,
    ended: bool,
    bench: Bench,
    analyst: Analyst,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may get little CPU: what the daemon writes in these minutes is not kept."""
    draw, sizes = artifacts.draw, []

    def slowly(*args: object, **options: object) -> bytes:
        for i in range(40):
            bench.store.keep_note(f"large {i}", "x" * 50_000)
        bench.store.cut_wal()
        sizes.append((bench.state / f"{NAME}-wal").stat().st_size)
        return draw(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(artifacts, "draw", slowly)

    result = analyst.run(job(bench, tmp_path, ended=ended))

    assert not result.error
    assert all(size <= 1 << 20 for size in sizes)
    assert len(sizes) == 1


def test_a_run_that_is_over_leaves_nothing_in_memory(
    bench: Bench, analyst: Analyst, tmp_path: Path
) -> None:
    """What is kept is for runs that go on."""
    analyst.run(job(bench, tmp_path, ended=False))
    series = analyst._series
    assert series is not None
    assert 1 in analyst._states
    assert {1} == {run for run, _ in series._columns}

    result = analyst.run(job(bench, tmp_path, ended=True))

    assert not result.error
    assert 1 not in analyst._states
    assert not series._columns
    assert not series._held
    assert not analyst._worded


def test_a_run_that_goes_on_after_its_end_is_judged_as_before(
    bench: Bench, analyst: Analyst, tmp_path: Path
) -> None:
    """Its records are folded again."""
    analyst.run(job(bench, tmp_path, ended=True))
    append(bench.logs / "train.log", lines(300, 400))
    bench.look()

    again = analyst.run(job(bench, tmp_path, ended=False))

    other = Analyst(Options(str(bench.state)))
    expected = other.run(job(bench, tmp_path, ended=False))
    other.close()
    assert 399 == again.summary["last_step"]
    assert (expected.summary, expected.findings) == (again.summary, again.findings)


def test_states_take_no_more_memory_than_they_may(
    bench: Bench, analyst: Analyst, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take several times what their pickles do."""
    for i in range(20):
        append(bench.logs / f"{i}.log", lines(0, 2000))
    bench.look()
    jobs = [Job(row.id, row.name, row.path) for row in bench.store.runs()]
    most = 1 << 20
    monkeypatch.setattr(followed, "MAX_BYTES", most)
    analyst.run(jobs[0])
    gc.collect()
    tracemalloc.start()

    results = [analyst.run(job) for job in jobs[1:]]

    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not any(result.error for result in results)
    assert most / 4 < held < 1.25 * most
