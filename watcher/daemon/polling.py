"""When logs are read: on inotify events while they are few, by polling otherwise."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from watcher.clock import Clock
from watcher.daemon.settings import Settings
from watcher.host import filesystem
from watcher.host.inotify import Events
from watcher.ingest.reader import Reader
from watcher.ingest.tail import Tail


LOGGER: Final = logging.getLogger("gptwatch")
SWEEP_S: Final = 0.5
# Rate limit of inotify: an event takes 0.2 ms of CPU, which is 1 % of a core, and the
# busy logs are polled twice a second anyway.
_MAX_EVENTS_HZ: Final = 50.0
_MAX_BUSY_LOGS: Final = 20
# Of the other logs so many are looked at in each sweep while there are no events.
_MAX_OTHER_LOGS: Final = 1000
_POLL_S: Final = 30.0
# A sweep that comes this much too late is worth a warning: the daemon gets no CPU.
_LATE_S: Final = 10.0


class Polling:
    """Which logs are looked at between two scans.

    `touch(path)`: notes that a log changed.

    Attributes:
        events: of the directories that have any.
        polled: directories that other machines may write to, unseen.
        late_s: how much too late the last sweep came.
    """

    def __init__(
        self,
        touch: Callable[[str], None],
        reader: Reader,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self.polled = [root for root in settings.roots if filesystem.is_remote(root)]
        watched = [root for root in settings.roots if root not in self.polled]
        self.events = Events(watched, touch)
        self._reader = reader
        self._clock = clock
        self._flooded_until = float("-inf")
        self._count, self._swept_at = 0, clock.uptime()
        self._next = 0
        self._linked: tuple[Path, ...] = ()
        self._local: list[Path] = []
        self.late_s = 0.0

    def stop(self) -> None:
        """Events come no more."""
        self.events.stop()

    def count(self, events: int) -> None:
        """So many events came."""
        self._count += events

    def arm(self) -> None:
        """Starts the observer where it does not run, unless there was a flood."""
        if self._clock.uptime() < self._flooded_until:
            return
        linked = tuple(self._reader.registry.linked)
        if linked != self._linked:
            self._linked = linked
            self._local = [link for link in linked if not filesystem.is_remote(link)]
        self.events.arm(self._local)

    def sweep(self) -> list[Tail]:
        """Logs to poll between two scans; rate-limits inotify.

        Above 50 events a second it stops the observer for 30 s, and polls.
        """
        now = self._clock.uptime()
        self._note_lateness(now)
        rate = self._count / max(now - self._swept_at, SWEEP_S)
        self._count, self._swept_at = 0, now
        if self.events.running and rate > _MAX_EVENTS_HZ:
            self.events.abandon()
            self._flooded_until = now + _POLL_S
        busy = self._reader.busy()
        if self.events.running:
            return busy
        if len(busy) > _MAX_BUSY_LOGS and now < self._flooded_until:
            self._flooded_until = now + _POLL_S
        return [*busy, *self._others()]

    def _others(self) -> list[Tail]:
        """The next logs in turn."""
        tails = self._reader.registry.readable()
        start = self._next if self._next < len(tails) else 0
        self._next = start + _MAX_OTHER_LOGS
        return tails[start : self._next]

    def _note_lateness(self, now: float) -> None:
        """Warns once when sweeps come far too late."""
        late_s = now - self._swept_at - SWEEP_S
        if late_s > _LATE_S >= self.late_s:
            LOGGER.warning(
                "logs are read %.0f s late: this process gets too little CPU, or the "
                "machine was suspended",
                late_s,
            )
        self.late_s = max(0.0, late_s)
