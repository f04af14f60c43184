"""What the daemon reports of itself, to systemd and to `gptwatch status`."""

import os
from typing import Any, Final

from watcher.alerts.dispatcher import Dispatcher
from watcher.clock import Clock
from watcher.daemon.exports import Exports
from watcher.daemon.polling import Polling
from watcher.daemon.scheduler import Scheduler
from watcher.daemon.settings import Settings
from watcher.host import sdnotify
from watcher.ingest.reader import Reader
from watcher.storage.database import Database


_EVERY_S: Final = 5.0


class Heartbeat:
    """Reports; only the owner thread does, so that a hang shows.

    Attributes:
        every_s: seconds between two reports: thrice in the time after which systemd
            takes this for hanging.
    """

    def __init__(
        self,
        store: Database,
        settings: Settings,
        clock: Clock,
        *,
        reader: Reader,
        scheduler: Scheduler,
        alerting: Dispatcher,
        exports: Exports,
        polling: Polling,
    ) -> None:
        self.every_s = min(_EVERY_S, (sdnotify.watchdog_s() or _EVERY_S * 3) / 3)
        self._store = store
        self._settings = settings
        self._clock = clock
        self._reader = reader
        self._scheduler = scheduler
        self._alerting = alerting
        self._exports = exports
        self._events = polling.events
        self._polling = polling
        self._polled = ", ".join(map(str, polling.polled))

    def beat(self) -> None:
        """Reports to systemd and `status`."""
        sdnotify.notify("WATCHDOG=1", "STATUS=" + self.line())
        with self._store.transaction():
            self._store.keep_note("daemon", self._note())

    def line(self) -> str:
        """One line for `systemctl status`."""
        runs = self._scheduler.runs.values()
        going = sum(not run.is_over for run in runs)
        errors = [self._reader.error, *self._reader.registry.errors.values()]
        errors += [self._scheduler.error, self._alerting.error]
        error = next(filter(None, errors), "")
        count = f"{len(runs)} run" + ("" if len(runs) == 1 else "s")
        text = f"{count}, {going} in progress"
        return f"{text}; {error}" if error else text

    def _note(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "at": self._clock.now(),
            "roots": [str(root) for root in self._settings.roots],
            "out": str(self._settings.out),
            "events": self._events.running,
            "events_error": self._events.error,
            "polled": self._polled,
            "problems": self._reader.warnings(),
            "output_error": self._scheduler.error,
            "exports_error": self._exports.error,
            "alerts_error": self._alerting.error,
            "undrawn": self._scheduler.behind,
            "backlog": self._reader.backlog,
            "late_s": round(self._polling.late_s, 1),
        }
