"""Reports how far the logs that are over have been analysed."""

import logging
from typing import Final

from watcher.clock import Clock


LOGGER: Final = logging.getLogger("gptwatch")
_EVERY_S: Final = 10.0
# Fewer are done before anybody would look.
_MIN_LOGS: Final = 10


class Progress:
    """One line now and then, from the first of many logs to the last."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._done = 0
        self._reported_at = clock.uptime()

    def note(self, left: int) -> None:
        """One more is done, and so many are left."""
        self._done += 1
        total = self._done + left
        now = self._clock.uptime()
        if total >= _MIN_LOGS and (not left or now - self._reported_at >= _EVERY_S):
            LOGGER.info("logs that are over: %d of %d analysed", self._done, total)
            self._reported_at = now
        if not left:
            self._done = 0
