"""A limit on the time that a piece of work in the main thread may take."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class TurnTimeoutError(Exception):
    """A turn took too long, and was interrupted."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupts what happens inside after so many seconds.

    It takes SIGALRM, so it limits nothing outside the main thread, which is the one
    that gets signals.  Regular expressions check for signals while they match.

    Raises:
        TurnTimeoutError: it was interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise TurnTimeoutError(f"one turn took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
