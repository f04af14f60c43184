"""The daemon: one thread owns all state; all others only post to its mailbox.

`Daemon.tick` is synchronous and complete: what was posted is done when it returns.
Tests call it; `Daemon.run` calls it whenever there is something to do.
"""

import contextlib
import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import Any, Final

from watcher.alerts.channels import channels
from watcher.alerts.dispatcher import Dispatcher
from watcher.clock import Clock
from watcher.daemon.exports import Exports
from watcher.daemon.heartbeat import Heartbeat
from watcher.daemon.jobs import Options, Result
from watcher.daemon.mailbox import Mailbox
from watcher.daemon.polling import SWEEP_S, Polling
from watcher.daemon.pool import Pool
from watcher.daemon.scheduler import Scheduler
from watcher.daemon.settings import Settings
from watcher.daemon.timers import Timers
from watcher.daemon.worker import Worker
from watcher.daemon.writer_watch import WriterWatch
from watcher.errors import (
    StorageCorruptError,
    StorageError,
    StorageUnavailableError,
)
from watcher.host import sdnotify
from watcher.ingest.reader import Reader
from watcher.ingest.tail import Tail
from watcher.ingest.tailer import Tailer
from watcher.storage.database import Database


LOGGER: Final = logging.getLogger("gptwatch")
_SCAN_S: Final = 10
_STATE_S: Final = 5
_DRAIN_S: Final = 3.0
_SAVE_S: Final = 60
# Debounce: events are collected for this long before the files are read.
_DEBOUNCE_S: Final = 0.25


class Daemon:
    """Keeps everything up to date while logs grow.

    `make_worker(options, done)`: what analyses and plots.

    Raises:
        StorageSetupError, ConfigError: the database, or a channel, cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        make_worker: Callable[[Options, Callable[[Result], None]], Any] | None = None,
    ) -> None:
        self.settings = settings
        self.mailbox = Mailbox()
        self._clock = clock or Clock()
        self._stack = contextlib.ExitStack()
        self.store = Database(settings.state)
        self._stack.callback(self.store.close)
        self._given_worker = make_worker
        uptime = self._clock.uptime
        self._exports = Exports(settings.state, settings.exports, uptime=uptime)
        self._stack.callback(self._exports.stop)
        self.writers = WriterWatch(self._clock)
        self.reader = self._make_reader()
        self.alerting = self._make_alerting()
        self.scheduler = self._make_scheduler()
        self._polling = Polling(self.mailbox.touch, self.reader, settings, self._clock)
        self._heartbeat = Heartbeat(
            self.store,
            settings,
            self._clock,
            reader=self.reader,
            scheduler=self.scheduler,
            alerting=self.alerting,
            exports=self._exports,
            polling=self._polling,
        )
        self._read_at = uptime()
        self._exit = ""
        self._changed: dict[Tail, None] = {}
        self._timers = Timers(self._times(), self.mailbox.put, self._clock)

    def _make_reader(self) -> Reader:
        settings = self.settings
        tailer = Tailer(
            self.store,
            self._clock,
            formats=settings.formats,
            writer=self.writers.of_rotated,
            wanted=partial(settings.scanner.wants_below, settings.roots),
        )
        reader = Reader(
            settings.roots, settings.scanner, self.store, tailer, self._clock
        )
        self.writers.rotating = reader.rotating
        self._stack.callback(reader.close)
        return reader

    def _make_alerting(self) -> Dispatcher:
        settings = self.settings
        alerting = Dispatcher(
            self.store,
            settings.alerts,
            channels(settings.notify, settings.out),
            self._clock,
            lang=settings.look.lang,
            on_result=lambda *settled: self.mailbox.put("settled", settled),
        )
        self._stack.callback(alerting.stop)
        return alerting

    def _make_scheduler(self) -> Scheduler:
        look = self.settings.look

        def done(result: Result) -> None:
            self.mailbox.put("result", result)

        start = partial(Worker, uptime=self._clock.uptime)
        self._worker = (self._given_worker or start)(look, done)
        self._stack.callback(self._worker.stop)
        make_idle = self._given_worker or partial(start, idle=True)
        self._pool = Pool(lambda: make_idle(look, done))
        self._stack.callback(self._pool.stop)
        scheduler = Scheduler(
            *(self.store, self._worker, self._pool, self._clock),
            settings=self.settings,
            alerts=self.alerting,
        )
        scheduler.restore(self.reader.tails.values())
        return scheduler

    def close(self) -> None:
        """Ends everything; all that was read is stored."""
        with contextlib.suppress(StorageError):
            self.scheduler.states.save_gaps(self.scheduler.runs.values())
        self._polling.stop()
        self._stack.close()

    def tick(self) -> None:
        """Does all that there is to do."""
        self._turn()
        while self.mailbox.has_messages() and not self._exit:
            self._turn()

    def post_all(self) -> None:
        """Posts everything that the timers bring in time."""
        for kind in ("scan", "sweep", "state", "draw", "heartbeat"):
            self.mailbox.put(kind)

    def run(self) -> str:
        """Works until it is asked to exit: "stop" or "reload".

        Raises:
            StorageCorruptError: the database is damaged.
        """
        self._timers.start()
        try:
            self.post_all()
            self.tick()
            sdnotify.notify("READY=1", "STATUS=" + self._heartbeat.line())
            LOGGER.info("watching %s", ", ".join(map(str, self.settings.roots)))
            while not self._exit:
                if not self.reader.backlog:
                    self._wait()
                self._timers.check()
                self.tick()
            if self._exit == "stop":
                self.drain(_DRAIN_S)
        finally:
            self._timers.stop()
        return self._exit

    def drain(self, timeout: float) -> None:
        """Graceful shutdown: the last lines are still analysed, alerts delivered."""
        self.mailbox.put("scan")
        self.mailbox.put("state")
        self.scheduler.drain()
        end = self._clock.uptime() + timeout
        self._turn()
        while self._clock.uptime() < end:
            if not self.mailbox.has_messages():
                if not self.scheduler.is_pressed() and not self.alerting.is_busy():
                    return
                self.mailbox.wait_for_message(_DEBOUNCE_S)
            self._turn()

    def _turn(self) -> None:
        messages, paths, events = self.mailbox.take()
        if paths:
            self._read_at = self._clock.uptime()
        self._polling.count(events)
        kinds = {kind for kind, _ in messages}
        with self._retried_later():
            self._read(kinds, paths)
        with self._retried_later():
            self._pass_on()
        for kind, value in messages:
            with self._retried_later():
                self._handle(kind, value)
        with self._retried_later():
            self.scheduler.start_next()

    def _read(self, kinds: Collection[str], paths: Iterable[str]) -> None:
        """Reads in the logs that changed, or may have."""
        due, unknown = self.reader.registry.touched(paths)
        if "state" in kinds:
            # Asked before reading: what a writer leaves when it exits is read then.
            due += self._ask_for_writers()
        if "sweep" in kinds:
            due += self._polling.sweep()
        if unknown or "scan" in kinds:
            due += self._scan()
        self._changed.update(dict.fromkeys(self.reader.read(due)))

    def _pass_on(self) -> None:
        """Passes the logs that grew to the scheduler, and those that were replaced."""
        displaced = self.reader.registry.displaced
        while displaced:
            self.scheduler.replace(displaced[-1])
            displaced.pop()
        self.scheduler.grew(self._changed)
        self._changed.clear()

    def _wait(self) -> None:
        """Waits for something to do; under a flood of events, for the next sweep."""
        since = self._clock.uptime() - self._read_at
        if since < _DEBOUNCE_S:
            self.mailbox.wait_for_message(_DEBOUNCE_S - since)
        else:
            self.mailbox.wait(self._heartbeat.every_s)

    def _handle(self, kind: str, value: Any) -> None:
        if kind == "result":
            if value.damaged:
                raise StorageCorruptError(value.error)
            self.scheduler.finish(value)
        elif kind == "state":
            runs = self.scheduler.runs.values()
            self.scheduler.states.check(runs, self.writers.written)
            self._worker.check()
            self._pool.check()
            self._exports.check()
        elif kind == "draw":
            self.scheduler.draw()
        elif kind == "save":
            self.scheduler.states.save_gaps(self.scheduler.runs.values())
        elif kind == "settled":
            self.alerting.settled(*value)
        elif kind == "heartbeat":
            self._heartbeat.beat()
            self.alerting.beat()
        elif kind in {"stop", "reload"}:
            self._exit = self._exit or kind
            sdnotify.notify("STOPPING=1" if kind == "stop" else "RELOADING=1")

    @contextlib.contextmanager
    def _retried_later(self) -> Iterator[None]:
        """What cannot be stored now is done again later; it must not end the daemon."""
        try:
            yield
        except StorageUnavailableError as error:
            if self.reader.error != str(error):
                LOGGER.error("%s", error)  # noqa: TRY400 - one line, no traceback
            self.reader.error = str(error)

    def _scan(self) -> list[Tail]:
        self.store.check_place()
        self._polling.arm()
        found = self.reader.scan()
        self._polling.arm()  # with what the scan found
        self.reader.evict_idle()
        return found

    def _ask_for_writers(self) -> list[Tail]:
        """Looks for the writers of runs that are not over; the logs to read then."""
        runs = self.scheduler.runs.values()
        self.writers.ask(run.tail for run in runs if not run.is_over)
        due = set(self.scheduler.states.to_read(runs, self.writers.written))
        return [tail for tail in self.reader.registry.readable() if tail in due]

    def _times(self) -> dict[str, float | str]:
        return {
            "scan": _SCAN_S,
            "sweep": SWEEP_S,
            "state": _STATE_S,
            "heartbeat": self._heartbeat.every_s,
            "save": _SAVE_S,
            "draw": self.settings.cron or self.settings.interval_s,
        }
