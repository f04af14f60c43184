"""Signals of the full-screen program: its end, and another size of the terminal."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def told_of_resizes() -> Iterator[int]:
    """A file that is readable after a signal: curses would wait on through SIGWINCH."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    known_fd = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    known = signal.signal(signal.SIGWINCH, lambda *_: None)
    try:
        yield reading
    finally:
        signal.signal(signal.SIGWINCH, known)
        signal.set_wakeup_fd(known_fd)
        os.close(reading)
        os.close(writing)


@contextmanager
def ended() -> Iterator[None]:
    """SIGTERM and SIGHUP end the program in order."""

    def end(number: int, _: Any) -> None:
        sys.exit(128 + number)

    before = {n: signal.signal(n, end) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
