"""A daemon and its workers, forked with everything imported instead of started.

They are processes as all others, which begin in milliseconds instead of a second of
CPU: thousands of schedules of faults can be tried.  A worker must not be forked from
the daemon itself: SQLite does not allow it beside an open database.  So the daemon has
a fork server, and is the parent of what that forks, as of what it would start.
"""

import ctypes
import gc
import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final, NoReturn

import command
import stepped_clock
from daemons import Started

import watcher.commands.start
import watcher.daemon.daemon  # noqa: F401 - imported once, not in each fork
from watcher.cli import main
from watcher.daemon import analyst, worker
from watcher.outputs.report import artifacts


_PR_SET_CHILD_SUBREAPER: Final = 36
_OPTIONS_BYTES: Final = 1 << 16
# What is imported stays, and is not looked at again in each fork.
gc.freeze()


class ForkedDaemon(Started):
    """As `Started`; the file `clock.txt` says by how much its clock was stepped."""

    def _launch(
        self, _before: Sequence[str], words: Sequence[str], errors: IO[bytes]
    ) -> subprocess.Popen[Any]:
        folder = self.logs.parent

        def start() -> None:
            self._prepare()
            server = _ForkServer()
            worker.Worker._launch = _launcher(server)  # type: ignore[method-assign, assignment]
            stepped_clock.step_by(folder / "clock.txt")
            main()

        with Path(os.devnull).open("wb") as nowhere:
            pid = command.forked(words, folder, {}, (nowhere, errors), start)
        return _Forked(pid)

    def _prepare(self) -> None:
        """Changes the process before it forks its fork server."""


class UndrawnDaemon(ForkedDaemon):
    """Its pictures are all the same one, which costs nothing."""

    def _prepare(self) -> None:
        artifacts.draw = _drawn


def _drawn(*_given: object, **_options: object) -> bytes:
    return b"\x89PNG"


class _Forked(subprocess.Popen[str]):
    """A process that was forked, as a `Popen`."""

    def __init__(
        self, pid: int, stdin: IO[str] | None = None, stdout: IO[str] | None = None
    ) -> None:
        self.args, self.pid, self.returncode = [], pid, None
        self.stdin, self.stdout, self.stderr = stdin, stdout, None
        self._child_created = True
        self._waitpid_lock = threading.Lock()


class _ForkServer:
    """Forks workers, the children of this process."""

    def __init__(self) -> None:
        # Whose parent has ended becomes a child of this process.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._socket, other = socket.socketpair(type=socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            self._socket.close()
            _serve(other)
        other.close()

    def launch(self, asking: worker.Worker) -> subprocess.Popen[str]:
        """Forks a worker."""
        jobs, results = os.pipe(), os.pipe()
        options = json.dumps(asdict(asking._options)).encode()
        socket.send_fds(self._socket, [options], [jobs[0], results[1]])
        os.close(jobs[0])
        os.close(results[1])
        pid = int(self._socket.recv(32))
        if asking._idle:
            worker._yield_cpu(pid)
        return _Forked(pid, os.fdopen(jobs[1], "w"), os.fdopen(results[0]))


def _launcher(server: _ForkServer) -> Callable[[worker.Worker], worker.Process]:
    def launch(asking: worker.Worker) -> worker.Process:
        return server.launch(asking)

    return launch


def _serve(requests: socket.socket) -> NoReturn:
    """Forks a worker for each request, until nobody can ask any more."""
    try:
        while True:
            options, ends, _, _ = socket.recv_fds(requests, _OPTIONS_BYTES, 2)
            if not options:
                break
            pid = _orphan(options.decode(), ends)
            for end in ends:
                os.close(end)
            requests.send(b"%d" % pid)
    finally:
        os._exit(0)


def _orphan(options: str, ends: Sequence[int]) -> int:
    """Forks a worker whose parent has ended."""
    reading, writing = os.pipe()
    middle = os.fork()
    if middle == 0:
        pid = os.fork()
        if pid == 0:
            _work(options, ends)
        os.write(writing, b"%d" % pid)
        os._exit(0)
    os.waitpid(middle, 0)
    pid = int(os.read(reading, 32))
    os.close(reading)
    os.close(writing)
    return pid


def _work(options: str, ends: Sequence[int]) -> NoReturn:
    os.setsid()
    try:
        analyst.main(options, os.fdopen(ends[0]), os.fdopen(ends[1], "w"))
    finally:
        os._exit(0)
