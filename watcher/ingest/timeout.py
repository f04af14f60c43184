"""A limit on the CPU time that a piece of work in the main thread may take."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class TurnTimeoutError(Exception):
    """A turn took too much CPU time, and was interrupted."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupts what happens inside after so many seconds of CPU time.

    CPU time, since a process that is starved or stopped does nothing wrong.  It takes
    SIGPROF, so it limits nothing outside the main thread, which is the one that gets
    signals.  Regular expressions check for signals while they match.

    Raises:
        TurnTimeoutError: it was interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise TurnTimeoutError(f"one turn took more than {seconds:g} s of CPU time")

    before = signal.signal(signal.SIGPROF, interrupt)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)
