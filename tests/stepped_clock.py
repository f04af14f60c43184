"""`python -m watcher`, whose wall clock a test may step: the file says by how much.

    GPTWATCH_TEST_CLOCK=offset.txt python -m stepped_clock start ...

Only the wall clock: CLOCK_BOOTTIME and CLOCK_MONOTONIC go on, as when NTP sets it.
"""

import os
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import apscheduler.schedulers.base
import apscheduler.triggers.interval

from watcher.cli import main


OFFSET = Path(os.environ["GPTWATCH_TEST_CLOCK"])
PLAIN = time.time


def offset_s() -> float:
    """Seconds by which the clock was stepped."""
    text = OFFSET.read_text("ascii") if OFFSET.exists() else ""
    return float(text or 0.0)


class Stepped(datetime):
    """The class `datetime`, as the scheduler of jobs uses it."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """The time of the clock that was stepped."""
        return super().now(tz) + timedelta(seconds=offset_s())


if __name__ == "__main__":
    time.time = lambda: PLAIN() + offset_s()
    for module in (apscheduler.schedulers.base, apscheduler.triggers.interval):
        module.datetime = Stepped
    main()
