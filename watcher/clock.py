"""The clocks, as a dependency: tests pass their own."""

import time
from datetime import datetime


class Clock:
    """The machine's clocks."""

    def now(self) -> float:
        """Wall-clock time, seconds since 1970; it may jump: for display only."""
        return time.time()

    def uptime(self) -> float:
        """Monotonic seconds incl. suspend (CLOCK_BOOTTIME): use for durations."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def iso(at: float) -> str:
    """A time as JSON has it: ISO 8601 with the offset from UTC."""
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")
