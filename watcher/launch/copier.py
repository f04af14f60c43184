"""Copies the output of a command to its log and to our own output."""

import contextlib
import errno
import os
import select
import signal
import termios
import threading
import time
from typing import Final

from watcher.launch.log import Echo, Log
from watcher.launch.marks import WithoutMarks


_CHUNK: Final = 64 * 1024
# Child processes of the command may write on after its end: drain until they pause.
_QUIET_MS: Final = 500
_DRAIN_S: Final = 5.0


def channel() -> tuple[int, int]:
    """The ends that we read and the command writes: a pty where our output is one."""
    if not os.isatty(1):
        return os.pipe()
    source, sink = os.openpty()
    mode = termios.tcgetattr(sink)
    mode[1] &= ~termios.OPOST  # our own terminal translates newlines
    termios.tcsetattr(sink, termios.TCSANOW, mode)
    resize(source)
    return source, sink


def resize(terminal: int) -> None:
    """Sets the window size of a terminal to that of ours."""
    with contextlib.suppress(termios.error, OSError):  # ours may be gone by now
        termios.tcsetwinsize(terminal, termios.tcgetwinsize(1))


class Copier(threading.Thread):
    """Copies output to the log and to our own output, until it ends.

    `ended`: a pipe that is closed when the command has ended.
    """

    def __init__(self, source: int, ended: int, log: Log, echo: Echo) -> None:
        super().__init__(daemon=True)
        self.source = source
        self.done = threading.Event()
        self._ended = ended
        self._log = log
        self._echo = echo
        self._is_open = True
        self._for_people = WithoutMarks()

    def run(self) -> None:
        """Copies, then wakes the main thread."""
        try:
            self._copy()
            self._show(self._for_people.flush())
        finally:
            self.done.set()
            os.kill(os.getpid(), signal.SIGCHLD)

    def _copy(self) -> None:
        poller = select.poll()
        poller.register(self.source, select.POLLIN)
        poller.register(self._ended, select.POLLIN)
        until: float | None = None
        while True:
            ready = dict(poller.poll(None if until is None else _QUIET_MS))
            if self.source in ready:
                data = _read(self.source)
                if not data:
                    return
                self._log.write(data)
                self._show(self._for_people.feed(data))
            if self._ended in ready:
                poller.unregister(self._ended)
                until = time.monotonic() + _DRAIN_S
            elif until is not None and (not ready or time.monotonic() > until):
                self._echo(
                    "the command has ended, but a process that it started still has "
                    "its output open; what that writes from now on is not logged"
                )
                return

    def _show(self, data: bytes) -> None:
        """Writes to our output until that is closed."""
        while data and self._is_open:
            try:
                data = data[os.write(1, data) :]
            except BlockingIOError:
                select.select([], [1], [])  # set to non-blocking by another process
            except OSError:
                self._is_open = False


def _read(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""  # a pty whose other end is closed
