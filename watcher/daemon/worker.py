"""The daemon's side of the worker process: starts it, passes jobs, takes results.

Reading never waits for it, and what goes wrong in a plot stays there.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from watcher.daemon.jobs import Job, Options, Result


_TIMEOUT_S: Final = 300.0
# Where others want the CPU, it may get next to nothing of it.
_IDLE_TIMEOUT_S: Final = 12 * 3600.0
# After SIGTERM it removes what it writes just now, within this.
_TERMINATE_S: Final = 2.0
Process = subprocess.Popen[str]


class Worker:
    """Runs jobs in a process of its own, one at a time.

    `done` is called with each result, in another thread; every job gets one, whatever
    happens to the process.  `idle`: it yields the CPU to everybody else.
    """

    def __init__(
        self,
        options: Options,
        done: Callable[[Result], None],
        *,
        uptime: Callable[[], float],
        idle: bool = False,
    ) -> None:
        self._idle = idle
        self._options = options
        self._done = done
        self._uptime = uptime
        self._process: Process | None = None
        self._running: tuple[Process, Job] | None = None
        self._since = 0.0
        self._lock = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return self._running is not None

    def start(self, job: Job) -> None:
        """Starts a job; none may be running."""
        assert self._running is None
        try:
            if self._process is not None and self._process.poll() is not None:
                _close(self._process)
                self._process = None
            self._process = self._process or self._launch()
        except OSError as error:  # no memory, or no descriptor left
            why = f"the worker process cannot be started ({error.strerror})"
            self._done(Result(job.run, error=f"{job.path}: {why}"))
            return
        assert self._process.stdin is not None
        with self._lock:
            self._running, self._since = (self._process, job), self._uptime()
        # Where the process has died, `_read` sees its end and fails the job; it closes
        # the pipe then, so it must not start before.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asdict(job)) + "\n")
            self._process.stdin.flush()
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def check(self) -> None:
        """Kills a process that takes too long for one job."""
        timeout_s = _IDLE_TIMEOUT_S if self._idle else _TIMEOUT_S
        if self.busy and self._uptime() - self._since > timeout_s and self._process:
            self._process.kill()

    def stop(self) -> None:
        """Ends the process; a running job is dropped."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_TERMINATE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._running is None:
            _close(process)

    def _launch(self) -> Process:
        root = str(Path(__file__).parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [
                sys.executable,
                "-m",
                "watcher.daemon.analyst",
                json.dumps(asdict(self._options)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            # Ctrl-C is for the daemon, which ends this process itself.
            start_new_session=True,
        )
        if self._idle:
            _yield_cpu(process.pid)
        return process

    def _read(self, process: Process) -> None:
        """Waits for the result of one job; the end of the process ends the job, too."""
        assert process.stdout is not None
        code, result = 0, _result(process.stdout.readline())
        if result is None:
            process.kill()  # it died, or was killed while it wrote
            code = process.wait()
            _close(process)
        with self._lock:
            assert self._running is not None
            (_, job), self._running = self._running, None
        if result is None and self._process is not process:
            return  # stopped, with its job
        why = "" if result else f"{job.path}: the worker process ended with code {code}"
        self._done(result or Result(job.run, error=why))


def _yield_cpu(pid: int) -> None:
    """Lets a process run only while nobody else wants the CPU."""
    with contextlib.suppress(OSError):  # it has ended, or a sandbox forbids it
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


def _close(process: Process) -> None:
    """Closes the pipes of a process that has ended."""
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(BrokenPipeError):  # a job that it never read
            if pipe is not None:
                pipe.close()


def _result(line: str) -> Result | None:
    """A result, None where only a part of its line was written."""
    try:
        return Result(**json.loads(line))
    except (TypeError, ValueError):
        return None
