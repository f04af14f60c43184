"""What choosing the next job costs: what changed, not how many runs there are."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle import FakeClock, append, lines
from test_daemon_memory import daemon, turn

from watcher.daemon import polling
from watcher.daemon.daemon import Daemon
from watcher.daemon.jobs import Job
from watcher.daemon.priority import Priority
from watcher.daemon.run_state import RunState


__all__ = ["daemon"]
RUNS = 20


@pytest.fixture
def waiting(daemon: Daemon, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon whose runs grew, and may not be judged again yet."""
    paths = [tmp_path / "logs" / f"{chr(97 + i)}.log" for i in range(RUNS)]
    for start in range(0, 60, 10):
        for path in paths:
            append(path, lines(start, start + 10))
        daemon.mailbox.put("scan")
        daemon.tick()
    assert RUNS == len(daemon.scheduler._open)
    yield daemon
    daemon.close()


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Runs that were looked at, to find the next one."""
    found, ready_at = [], Priority.ready_at

    def noted(self: Priority, run: RunState) -> float:
        found.append(run.run)
        return ready_at(self, run)

    monkeypatch.setattr(Priority, "ready_at", noted)
    return found


def pass_time(daemon: Daemon, seconds: float) -> None:
    """A turn, so much later."""
    clock = daemon._clock
    assert isinstance(clock, FakeClock)
    clock.up += seconds
    daemon.tick()


def test_a_turn_without_news_looks_at_no_run(
    waiting: Daemon, looked: list[int]
) -> None:
    """There are several in a second."""
    for _ in range(5):
        pass_time(waiting, 0.01)

    assert not looked


def test_a_turn_looks_at_the_runs_that_grew(
    waiting: Daemon, looked: list[int], tmp_path: Path
) -> None:
    """At no other one, while that may not be judged yet either."""
    path = tmp_path / "logs" / "c.log"
    append(path, lines(60, 70))
    waiting.mailbox.touch(str(path))

    pass_time(waiting, 0.01)

    assert [waiting.reader.tails[path].run] == looked


def test_all_are_judged_when_their_time_comes(waiting: Daemon) -> None:
    """Whatever comes first: those that wait for CPU time, too."""
    for _ in range(100):
        pass_time(waiting, 0.5)

    assert not waiting.scheduler._open


def test_a_run_that_grows_while_it_is_judged_is_judged_again(
    waiting: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the result."""
    pass_time(waiting, 60.0)
    worker = waiting.scheduler._worker
    jobs: list[Job] = []
    monkeypatch.setattr(worker, "start", jobs.append)
    path = tmp_path / "logs" / "c.log"
    for start in (60, 70):
        append(path, lines(start, start + 10))
        waiting.mailbox.touch(str(path))
        pass_time(waiting, 60.0)
    assert [waiting.reader.tails[path].run] == [job.run for job in jobs]
    monkeypatch.undo()

    worker.start(jobs[0])
    pass_time(waiting, 0.01)
    pass_time(waiting, 60.0)

    assert not waiting.scheduler._open


@pytest.mark.parametrize(("events", "running"), [(20, True), (40, False)])
def test_events_are_not_waited_for_where_polling_is_cheaper(
    *, events: int, running: bool, daemon: Daemon, tmp_path: Path
) -> None:
    """A hundred lines a second take three times the CPU that looking for them does."""
    turn(daemon)
    assert daemon._polling.events.running
    path = tmp_path / "logs" / "a.log"
    append(path, lines(0, 10))

    for _ in range(events):
        daemon.mailbox.touch(str(path))
    daemon.mailbox.put("sweep")
    pass_time(daemon, 0.5)

    assert daemon._polling.events.running == running
    daemon.close()


def test_without_events_all_logs_are_looked_at_in_turn(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that did not grow lately, too, and not all of thousands at once."""
    monkeypatch.setattr(polling, "_MAX_OTHER_LOGS", 3)
    for name in "abcdefg":
        append(tmp_path / "logs" / f"{name}.log", lines(0, 10))
    turn(daemon)
    turn(daemon)
    daemon._polling.events.stop()

    swept = [daemon._polling.sweep() for _ in range(4)]

    assert 3 == max(map(len, swept))
    assert set(daemon.reader.tails.values()) == {t for some in swept for t in some}
    daemon.close()
