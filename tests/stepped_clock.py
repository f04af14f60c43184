"""The wall clock of this process, which a test may step: a file says by how much.

Only the wall clock: CLOCK_BOOTTIME and CLOCK_MONOTONIC go on, as when NTP sets it.
"""

import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import apscheduler.schedulers.base
import apscheduler.triggers.interval


PLAIN = time.time


def step_by(file: Path) -> None:
    """Steps the clock from now on by as many seconds as a file says."""

    def offset_s() -> float:
        text = file.read_text("ascii") if file.exists() else ""
        return float(text or 0.0)

    class Stepped(datetime):
        """The class `datetime`, as the scheduler of jobs uses it."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            """The time of the clock that was stepped."""
            return super().now(tz) + timedelta(seconds=offset_s())

    time.time = lambda: PLAIN() + offset_s()
    for module in (apscheduler.schedulers.base, apscheduler.triggers.interval):
        module.datetime = Stepped
