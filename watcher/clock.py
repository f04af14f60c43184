"""Time, so that tests can bring their own."""

import time


class Clock:
    """The machine's clocks."""

    def now(self) -> float:
        """Seconds since 1970: what people call the time; it may jump."""
        return time.time()

    def uptime(self) -> float:
        """Seconds since boot, sleep included: what lasts is measured by it."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)
