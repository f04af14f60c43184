"""When the daemon does what it does again and again: APScheduler, and its clock."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from watcher.clock import Clock


LOGGER: Final = logging.getLogger("gptwatch")
# Steps of the wall clock below this only shift the next time by as much.
_STEP_S: Final = 2.0


class Timers:
    """Calls `put(kind)` in time, in a thread of its own.

    `times`: seconds between two calls, or five fields of cron, by kind.

    APScheduler 3 keeps wall-clock times: when the clock is set back by an hour, it
    would wait for an hour.  So `check` compares the wall clock with the uptime, and
    begins all intervals anew after a step.
    """

    def __init__(
        self, times: Mapping[str, float | str], put: Callable[[str], None], clock: Clock
    ) -> None:
        self._times = times
        self._put = put
        self._clock = clock
        self._offset = self._measured()
        self._scheduler: Any = None

    def start(self) -> None:
        """Starts."""
        from apscheduler.schedulers.background import BackgroundScheduler

        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": None,
            }
        )
        for kind, time in self._times.items():
            self._scheduler.add_job(self._put, _trigger(time), args=(kind,), id=kind)
        self._scheduler.start()

    def stop(self) -> None:
        """Ends, without waiting."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)

    def check(self) -> None:
        """Starts the intervals anew where the wall clock was stepped."""
        offset = self._measured()
        step, self._offset = offset - self._offset, offset
        if self._scheduler is None or abs(step) < _STEP_S:
            return
        LOGGER.warning("the wall clock was set by %+.0f s; timers start anew", step)
        for kind, time in self._times.items():
            self._scheduler.reschedule_job(kind, trigger=_trigger(time))

    def _measured(self) -> float:
        return self._clock.now() - self._clock.uptime()


def _trigger(time: float | str) -> Any:
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    if isinstance(time, str):
        return CronTrigger.from_crontab(time)
    return IntervalTrigger(seconds=time)
