"""The worker process may die at any moment: each job gets a result all the same."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from oracle import WAIT_S, until

from watcher.clock import Clock
from watcher.daemon.jobs import Job, Options, Result
from watcher.daemon.worker import Worker


pytestmark = pytest.mark.process
JOB = Job(1, "a.log", "/logs/a.log")
# It takes a job, and dies when a part of its result has been written.
HALF = """#!/bin/sh
read -r job
printf '{"run": 1, "lines"'
kill -9 $$
"""
# It takes no job, and dies.
DEAD = """#!/bin/sh
kill -9 $$
"""
# It takes no job, and waits.
HUNG = """#!/bin/sh
exec sleep 600
"""


@pytest.fixture
def results() -> list[Result]:
    return []


@pytest.fixture
def worker(tmp_path: Path, results: list[Result]) -> Iterator[Worker]:
    found = Worker(Options(str(tmp_path)), results.append, uptime=Clock().uptime)
    yield found
    found.stop()


def program(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a program in the place of the worker's interpreter."""
    path = folder / "program"
    path.write_text(text, encoding="ascii")
    path.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(path))


def test_a_worker_that_dies_in_the_middle_of_a_result(
    worker: Worker,
    results: list[Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half a line is no result: the job fails, and the next one gets a new process."""
    program(tmp_path, HALF, monkeypatch)

    for n in (1, 2):
        worker.start(JOB)
        until(lambda: len(results) == n)  # noqa: B023 - waited for at once
        assert not worker.busy

    expected = "/logs/a.log: the worker process ended with code -9"
    assert [expected] * 2 == [result.error for result in results]


def test_a_worker_that_is_killed_while_it_works(
    worker: Worker,
    results: list[Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process that the kernel kills fails its job."""
    program(tmp_path, HUNG, monkeypatch)
    worker.start(JOB)
    assert worker._process is not None

    os.kill(worker._process.pid, signal.SIGKILL)
    until(lambda: results)

    assert "the worker process ended with code -9" in results[0].error
    assert not worker.busy


class Eager:
    """A thread that gets the CPU as soon as it starts, and keeps it until it ends."""

    def __init__(
        self, *, target: Callable[..., None], args: Sequence[object], daemon: bool
    ) -> None:
        assert daemon
        self.start = partial(target, *args)


def test_a_worker_that_is_dead_when_it_gets_its_job(
    worker: Worker,
    results: list[Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However soon its end is seen, the job fails, and not the daemon."""
    program(tmp_path, DEAD, monkeypatch)
    monkeypatch.setattr("watcher.daemon.worker.threading.Thread", Eager)

    worker.start(JOB)

    expected = "/logs/a.log: the worker process ended with code -9"
    assert [expected] == [result.error for result in results]
    assert not worker.busy


def test_a_worker_that_cannot_be_started(
    worker: Worker, results: list[Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No memory or descriptors for a process: the job fails, the daemon does not."""
    monkeypatch.setattr("sys.executable", "/no/such/program")

    worker.start(JOB)

    assert "cannot be started (No such file or directory)" in results[0].error
    assert not worker.busy


def test_a_job_that_is_dropped_with_its_worker(
    worker: Worker,
    results: list[Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopping drops the running job without a result, and leaves no thread."""
    program(tmp_path, HUNG, monkeypatch)
    before = set(threading.enumerate())
    worker.start(JOB)

    worker.stop()
    until(lambda: set(threading.enumerate()) <= before)

    assert [] == results


def test_a_real_worker_answers(worker: Worker, results: list[Result]) -> None:
    """Started by its path from any directory, it answers, here with an error."""
    worker.start(JOB)
    until(lambda: results)

    assert "no database" in results[0].error


def test_a_stop_in_a_destructor_is_not_lost() -> None:
    """Python ignores an exit that is raised there; the process ends all the same."""
    script = """
import os, signal
from watcher.daemon.analyst import exit_on_sigterm

class Mortal:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

exit_on_sigterm()
mortal = Mortal()
del mortal
while True:
    signal.pause()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, timeout=WAIT_S
    )

    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)


def test_an_error_that_a_library_made_of_the_exit_is_no_error() -> None:
    """Extension modules do so: the job that was interrupted has not failed."""
    script = """
import signal, sys
from watcher.daemon import analyst

def result(*_):
    try:
        print("working", flush=True)
        signal.pause()
    except SystemExit:
        raise TypeError("incompatible function arguments") from None

analyst.Analyst._result = result
analyst.main('{"state": "."}', sys.stdin, sys.stdout)
"""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=pipe, stdout=pipe, stderr=pipe
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(b'{"run": 1, "name": "a", "path": "a"}\n')
        worker.stdin.flush()
        assert b"working\n" == worker.stdout.readline()
        worker.terminate()
        out, error = worker.communicate(timeout=WAIT_S)

    assert (0, b"", b"") == (worker.returncode, out, error)
