"""A daemon that runs for months keeps no more than its logs need."""

import gc
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from inline import watching
from oracle import FakeClock, lines

from watcher.daemon.daemon import Daemon
from watcher.daemon.jobs import Job, Options, Result


FINDING = {
    "rule": "plateau",
    "severity": "warning",
    "step": 3,
    "since_step": 1,
    "evidence": {},
    "confirmed_step": None,
    "cleared_step": None,
    "message": "Flat.",
    "advice": "",
}


class Instant:
    """A worker that finds the same in every run, and draws nothing."""

    busy = False

    def __init__(self, _options: Options, done: Callable[[Result], None]) -> None:
        self._done = done

    def start(self, job: Job) -> None:
        """Is done at once."""
        found = Result(job.run, bytes=1, findings=[FINDING], summary={"last_step": 3})
        self._done(found)

    def check(self) -> None:
        """Never hangs."""

    def stop(self) -> None:
        """Nothing to stop."""


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A daemon on the folder `logs`."""
    logs, out, state = (tmp_path / name for name in ("logs", "plots", "state"))
    return watching([logs], out, state, clock=FakeClock(), worker=Instant)


def turn(daemon: Daemon) -> None:
    """A minute passes."""
    clock = daemon._clock
    assert isinstance(clock, FakeClock)
    clock.up += 60.0
    daemon.post_all()
    daemon.mailbox.put("save")
    daemon.tick()


def test_runs_that_were_replaced_leave_nothing_in_memory(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each generation of a log takes its path, its alerts and its state with it."""
    monkeypatch.setattr(logging.getLogger("gptwatch"), "disabled", True)
    log, counts = tmp_path / "logs" / "train.log", []
    for generation in range(1, 61):
        log.write_bytes(lines(1000 * generation, 1000 * generation + 5))
        turn(daemon)
        turn(daemon)
        gc.collect()
        counts.append(Counter(map(type, gc.get_objects())))
    generations = len(daemon.store.runs())
    daemon.close()

    assert 60 == generations
    grown = counts[59] - counts[29]
    assert not [kind for kind in grown if kind.__module__.startswith("watcher.")]


def test_saving_reads_nothing_of_earlier_generations(
    daemon: Daemon, tmp_path: Path
) -> None:
    """Their analyses are large, and more with every restart of a training."""
    log = tmp_path / "logs" / "train.log"
    for generation in (1, 2):
        log.write_bytes(lines(1000 * generation, 1000 * generation + 5))
        turn(daemon)
    damaged = "UPDATE analyses SET diagnosis = '{' WHERE run = 1"
    daemon.store.connection.execute(damaged)
    log.write_bytes(log.read_bytes() + lines(2005, 2009))

    turn(daemon)

    row = daemon.store.run(2)  # the first cannot be read: nothing did
    daemon.close()
    assert log.stat().st_size == row.bytes
