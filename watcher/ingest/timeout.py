"""A limit on the CPU time that a piece of work in the main thread may take."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Final, Self


_TICK_S: Final = 1.0


class TurnTimeoutError(Exception):
    """A turn took too much CPU time, and was interrupted."""


class TimeLimit:
    """Interrupts a piece of work after about so many seconds of CPU time.

    CPU time, since a process that is starved or stopped does nothing wrong.  It takes
    SIGPROF, so it limits nothing outside the main thread, which is the one that gets
    signals.  Regular expressions check for signals while they match.

        with TimeLimit(10.0) as limit:
            for log in logs:
                limit.start()
                ...  # may raise TurnTimeoutError
                limit.stop()
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # One timer ticks for many pieces: to set it for each costs two system calls.
        self._ticks = -1.0
        self._before: object = None
        self._is_main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Self:
        """Starts the timer; nothing is limited yet."""
        if self._is_main:
            self._before = signal.signal(signal.SIGPROF, self._on_tick)
            tick_s = min(_TICK_S, self._seconds)
            signal.setitimer(signal.ITIMER_PROF, tick_s, tick_s)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Ends the timer."""
        self.stop()
        if self._is_main:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            signal.signal(signal.SIGPROF, self._before)  # type: ignore[arg-type]

    def start(self) -> None:
        """The next piece begins."""
        self._ticks = 0.0

    def stop(self) -> None:
        """The piece is done."""
        self._ticks = -1.0

    def _on_tick(self, _number: int, _frame: FrameType | None) -> None:
        if self._ticks < 0:
            return
        self._ticks += min(_TICK_S, self._seconds)
        if self._ticks >= self._seconds:
            self._ticks = 0.0  # again, where something swallows the exception
            raise TurnTimeoutError(
                f"one turn took more than {self._seconds:g} s of CPU time"
            )
