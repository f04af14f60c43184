"""When the daemon does what it does again and again: APScheduler, and its clock."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from watcher.clock import Clock


LOGGER: Final = logging.getLogger("gptwatch")
# Steps of the wall clock below this only shift the next time by as much.
_STEP_S: Final = 2.0
# A call that is this much too late has no place in the scheduler's queue any more.
_OVERDUE_S: Final = 5.0


class Timers:
    """Calls `put(kind)` in time, in a thread of its own.

    `times`: seconds between two calls, or five fields of cron, by kind.

    APScheduler 3 keeps wall-clock times: when the clock is set back by an hour, it
    would wait for an hour.  So `check` compares the wall clock with the uptime, and
    begins all intervals anew after a step.  A step that was taken back before it was
    seen leaves calls that are overdue: those are made at once.
    """

    def __init__(
        self, times: Mapping[str, float | str], put: Callable[[str], None], clock: Clock
    ) -> None:
        self._times = times
        self._put = put
        self._clock = clock
        self._offset = self._measured()
        self._called: dict[str, float] = {}
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
            self._called[kind] = self._clock.uptime()
            self._scheduler.add_job(self._call, _trigger(time), args=(kind,), id=kind)
        self._scheduler.start()

    def stop(self) -> None:
        """Ends, without waiting."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)

    def check(self) -> None:
        """Starts intervals anew where the wall clock was stepped, or a call is late."""
        offset = self._measured()
        step, self._offset = offset - self._offset, offset
        if self._scheduler is None:
            return
        stepped = abs(step) >= _STEP_S
        if stepped:
            LOGGER.warning("the wall clock was set by %+.0f s; timers start anew", step)
        for kind, time in self._times.items():
            overdue = self._is_overdue(kind, time)
            if overdue:
                self._call(kind)
            if stepped or overdue:
                self._scheduler.reschedule_job(kind, trigger=_trigger(time))

    def _call(self, kind: str) -> None:
        self._called[kind] = self._clock.uptime()
        self._put(kind)

    def _is_overdue(self, kind: str, time: float | str) -> bool:
        """Whether an interval ended long ago; a time of cron is that of the clock."""
        if isinstance(time, str):
            return False
        return self._clock.uptime() - self._called[kind] > time + _OVERDUE_S

    def _measured(self) -> float:
        return self._clock.now() - self._clock.uptime()


def _trigger(time: float | str) -> Any:
    from apscheduler.triggers.cron import CronTrigger
    from apscheduler.triggers.interval import IntervalTrigger

    if isinstance(time, str):
        return CronTrigger.from_crontab(time)
    return IntervalTrigger(seconds=time)
