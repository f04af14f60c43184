"""Logs that had ended before: who analyses them, in which order, and who waits."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from inline import watching
from oracle import FakeClock, lines

from watcher.daemon.daemon import Daemon
from watcher.daemon.jobs import Job, Options, Result
from watcher.daemon.pool import Pool


class Slow:
    """A worker whose jobs end when a test says so.

    Attributes:
        jobs: that it was given.
    """

    made: list["Slow"]

    def __init__(self, _options: Options, done: Callable[[Result], None]) -> None:
        self._done = done
        self.jobs: list[Job] = []
        self.busy = False
        self.stopped = False
        Slow.made.append(self)

    def start(self, job: Job) -> None:
        """Takes a job."""
        assert not self.busy
        self.busy = True
        self.jobs.append(job)

    def finish(self) -> None:
        """The job is done."""
        self.busy = False
        summary = {"outcome": "finished", "last_step": 4}
        self._done(Result(self.jobs[-1].run, bytes=1, summary=summary))

    def check(self) -> None:
        """Never hangs."""

    def stop(self) -> None:
        """Is remembered."""
        self.stopped = True


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """A daemon on `logs`, on a machine with three cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    Slow.made = []
    logs, out, state = (tmp_path / name for name in ("logs", "plots", "state"))
    return watching([logs], out, state, clock=FakeClock(), worker=Slow)


def turn(daemon: Daemon) -> None:
    """A second passes."""
    clock = daemon._clock
    assert isinstance(clock, FakeClock)
    clock.up += 1.0
    daemon.post_all()
    daemon.tick()


def write_old(folder: Path, count: int) -> None:
    """Logs that ended long ago, the first of them first."""
    for number in range(count):
        path = folder / "logs" / f"old{number}.log"
        path.write_bytes(lines(0, 5))
        os.utime(path, (1e9 + number, 1e9 + number))


def test_logs_that_are_over_have_as_many_workers_as_cores(
    daemon: Daemon, tmp_path: Path
) -> None:
    """The newest come first, and no job waits for another."""
    write_old(tmp_path, 5)
    turn(daemon)

    waiting, *pool = Slow.made
    assert [] == waiting.jobs
    assert ["old4.log", "old3.log", "old2.log"] == [w.jobs[0].name for w in pool]
    pool[1].finish()
    turn(daemon)
    assert ["old3.log", "old1.log"] == [job.name for job in pool[1].jobs]
    daemon.close()


def test_a_log_that_grows_does_not_wait_for_those_that_are_over(
    daemon: Daemon, tmp_path: Path
) -> None:
    """It has a worker of its own."""
    write_old(tmp_path, 5)
    turn(daemon)

    (tmp_path / "logs" / "new.log").write_bytes(lines(0, 5))
    turn(daemon)

    assert ["new.log"] == [job.name for job in Slow.made[0].jobs]
    daemon.close()


def test_a_run_that_goes_on_does_not_wait_for_an_idle_core(
    daemon: Daemon, tmp_path: Path
) -> None:
    """It was over, and its new lines may be what somebody has to be alerted of."""
    log = tmp_path / "logs" / "new.log"
    log.write_bytes(lines(0, 5))
    worker = Slow.made[0]
    for _ in range(40):  # until it is over, and its dated plot is drawn
        turn(daemon)
        if worker.busy:
            worker.finish()
    before = len(worker.jobs)
    assert worker.jobs[-1].final

    with log.open("ab") as file:
        file.write(lines(5, 8))
    for _ in range(5):
        turn(daemon)

    assert ["new.log"] == [job.name for job in worker.jobs[before:]]
    daemon.close()


def test_workers_that_nothing_is_left_for_end(
    daemon: Daemon, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Their memory is free again; how far it came was reported."""
    caplog.set_level("INFO")
    write_old(tmp_path, 12)
    turn(daemon)
    for _ in range(12):
        next(w for w in Slow.made[1:] if w.busy).finish()
        turn(daemon)
    daemon._pool.stop()

    assert [True] * 3 == [worker.stopped for worker in Slow.made[1:4]]
    assert 12 == sum(len(worker.jobs) for worker in Slow.made[1:])
    assert "logs that are over: 12 of 12 analysed" in caplog.text
    daemon.close()


def test_a_pool_is_busy_when_all_its_workers_are() -> None:
    """It makes no worker that it does not need."""
    Slow.made = []
    pool = Pool(lambda: Slow(Options(""), lambda _: None), width=2)

    busy = []
    for job in (Job(1, "a", "a"), Job(2, "b", "b")):
        pool.start(job)
        busy.append((pool.busy, len(Slow.made)))
    Slow.made[0].finish()
    busy.append((pool.busy, len(Slow.made)))

    assert [(False, 1), (True, 2), (False, 2)] == busy
