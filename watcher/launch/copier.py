"""Copies the output of a command to its log, and shows it, as it comes."""

import contextlib
import errno
import os
import select
import signal
import termios
import threading
import time
from typing import Final

from watcher.launch.log import Log, Say


_CHUNK: Final = 64 * 1024
# What a command's own processes write after its end is kept while they do not pause.
_QUIET_MS: Final = 500
_DRAIN_S: Final = 5.0


def channel() -> tuple[int, int]:
    """Where we read and where the command writes: a terminal where ours is one."""
    if not os.isatty(1):
        return os.pipe()
    source, sink = os.openpty()
    mode = termios.tcgetattr(sink)
    mode[1] &= ~termios.OPOST  # newlines as they are; our own terminal turns them
    termios.tcsetattr(sink, termios.TCSANOW, mode)
    resize(source)
    return source, sink


def resize(terminal: int) -> None:
    """Gives a terminal the size of ours."""
    with contextlib.suppress(termios.error, OSError):  # ours may be gone by now
        termios.tcsetwinsize(terminal, termios.tcgetwinsize(1))


class Copier(threading.Thread):
    """Copies output to the log, and shows it, until it ends.

    `ended`: a pipe that is closed when the command has ended.
    """

    def __init__(self, source: int, ended: int, log: Log, say: Say) -> None:
        super().__init__(daemon=True)
        self.source = source
        self.done = threading.Event()
        self._ended = ended
        self._log = log
        self._say = say
        self._is_seen = True

    def run(self) -> None:
        """Copies; then wakes the main thread up."""
        try:
            self._copy()
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
                self._show(data)
            if self._ended in ready:
                poller.unregister(self._ended)
                until = time.monotonic() + _DRAIN_S
            elif until is not None and (not ready or time.monotonic() > until):
                self._say(
                    "the command has ended, but a process that it started still has "
                    "its output open; what that writes from now on is not kept"
                )
                return

    def _show(self, data: bytes) -> None:
        """Writes to our output, as long as somebody is there."""
        while data and self._is_seen:
            try:
                data = data[os.write(1, data) :]
            except BlockingIOError:
                select.select([], [1], [])  # another program made it so
            except OSError:
                self._is_seen = False


def _read(source: int) -> bytes:
    try:
        return os.read(source, _CHUNK)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""  # so ends a terminal that nobody has open any more
