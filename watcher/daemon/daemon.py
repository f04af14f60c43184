"""The daemon: one thread owns all state; all others only post to its mailbox.

`Daemon.tick` is synchronous and complete: what was posted is done when it returns.
Tests call it; `Daemon.run` calls it whenever there is something to do.
"""

import contextlib
import logging
import os
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from parsers.format import Format
from parsers.formats import FORMATS
from watcher.alerts.channels import Settings as NotifySettings
from watcher.alerts.channels import channels
from watcher.alerts.dispatcher import Dispatcher
from watcher.alerts.lifecycle import Settings as AlertSettings
from watcher.analysis.rules import Settings as RuleSettings
from watcher.clock import Clock
from watcher.daemon.exports import Exports
from watcher.daemon.jobs import Options, Result
from watcher.daemon.mailbox import Mailbox
from watcher.daemon.scheduler import Scheduler
from watcher.daemon.timers import Timers
from watcher.daemon.worker import Worker
from watcher.errors import (
    StorageCorruptError,
    StorageError,
    StorageUnavailableError,
)
from watcher.host import filesystem, sdnotify
from watcher.host.inotify import Events
from watcher.host.writers import Key, Writers
from watcher.ingest.discovery import Scanner
from watcher.ingest.reader import Reader
from watcher.ingest.tail import Tail
from watcher.ingest.tailer import Tailer
from watcher.storage.database import Database


LOGGER: Final = logging.getLogger("gptwatch")
_SCAN_S: Final = 10
_STATE_S: Final = 5
_HEARTBEAT_S: Final = 5.0
_DRAIN_S: Final = 3.0
_SAVE_S: Final = 60
# Debounce: events are collected for this long before the files are read.
_DEBOUNCE_S: Final = 0.25
# Rate limit of inotify: above this many events a second, polling the busy logs twice a
# second is cheaper.
_MAX_EVENTS_HZ: Final = 150.0
_SWEEP_S: Final = 0.5
_MAX_BUSY_LOGS: Final = 20
_POLL_S: Final = 30.0
# A sweep that comes this much too late is worth a warning: the daemon gets no CPU.
_LATE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The daemon's settings.

    Attributes:
        roots: directories that are watched.
        out: the output directory.
        state: the state directory, with the database.
        scanner: which files are logs.
        interval_s: seconds between plots; or `cron`, five fields.
        every: iterations between dated plots; 0 for none.
        rules, formats: as in the configuration.
        alerts: which alerts notify, and how often; `notify`: the channels.
        look: how runs are analysed and plotted.
        exports: tables of the configuration for the exporter; none without exports.
    """

    roots: Sequence[Path]
    out: Path
    state: Path
    scanner: Scanner
    look: Options
    interval_s: float = 30.0
    cron: str | None = None
    every: int = 100
    rules: RuleSettings = field(default_factory=RuleSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    formats: Sequence[Format] = FORMATS
    exports: Mapping[str, Any] = field(default_factory=dict)


class WriterStates(Protocol):
    """Which files had writers at one time."""

    def state(self, key: Key, path: Path) -> str:
        """Whether a file was being written: "alive", "gone" or "unknown"."""


class Daemon:
    """Keeps everything up to date while logs grow.

    `make_worker(options, done)`: what analyses and plots.

    Raises:
        StorageSetupError: the database cannot be used.
        ConfigError: a channel cannot be used as it is set up.
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
        self.look_for_writers: Callable[[Collection[Key]], WriterStates] = Writers.of
        self._clock = clock or Clock()
        self._stack = contextlib.ExitStack()
        self.store = Database(settings.state)
        self._stack.callback(self.store.close)
        make = make_worker or self._process
        self._worker = make(settings.look, lambda r: self.mailbox.put("result", r))
        self._stack.callback(self._worker.stop)
        self._exports = Exports(
            settings.state, settings.exports, uptime=self._clock.uptime
        )
        self._stack.callback(self._exports.stop)
        tailer = Tailer(
            self.store,
            self._clock,
            formats=settings.formats,
            writer=self._writer,
            wanted=self._wants,
        )
        self.reader = Reader(
            settings.roots, settings.scanner, self.store, tailer, self._clock
        )
        self._stack.callback(self.reader.close)
        self.alerting = Dispatcher(
            self.store,
            settings.alerts,
            channels(settings.notify, settings.out),
            self._clock,
            lang=settings.look.lang,
            on_result=lambda *settled: self.mailbox.put("settled", settled),
        )
        self._stack.callback(self.alerting.stop)
        self.scheduler = Scheduler(
            self.store,
            self._worker,
            self._clock,
            roots=settings.roots,
            out=settings.out,
            every=settings.every,
            keep=settings.look.keep,
            settings=settings.rules,
            lang=settings.look.lang,
            alerts=self.alerting,
        )
        self.scheduler.restore(self.reader.tails.values())
        polled = [str(root) for root in settings.roots if filesystem.is_remote(root)]
        self.events = Events(
            [r for r in settings.roots if str(r) not in polled], self.mailbox.touch
        )
        self._polled = ", ".join(polled)
        self._flooded_until = float("-inf")
        self._event_count, self._swept_at = 0, self._clock.uptime()
        self._late_s = 0.0
        self._read_at = self._clock.uptime()
        self._exit = ""
        self._changed: dict[Tail, None] = {}
        # Thrice in the time after which systemd takes this for hanging.
        self._heartbeat_s = min(
            _HEARTBEAT_S, (sdnotify.watchdog_s() or _HEARTBEAT_S * 3) / 3
        )
        self._asked: dict[Tail, tuple[Key, str]] = {}
        self._asked_at = self._clock.uptime()
        # When it was last asked who writes the rotated files, which, and the answer.
        self._rotated: tuple[float, Collection[Key], WriterStates]
        self._rotated = float("-inf"), (), Writers({})
        self._timers = Timers(self._times(), self.mailbox.put, self._clock)

    def close(self) -> None:
        """Ends everything; all that was read is stored."""
        with contextlib.suppress(StorageError):
            self.scheduler.save_gaps()
        self.events.stop()
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
            sdnotify.notify("READY=1", "STATUS=" + self._status_line())
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
        self.scheduler.draining = True
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
        self._event_count += events
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
            due += self._sweep()
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
            self.mailbox.wait(self._heartbeat_s)

    def _handle(self, kind: str, value: Any) -> None:
        if kind == "result":
            if value.damaged:
                raise StorageCorruptError(value.error)
            self.scheduler.finish(value)
        elif kind == "state":
            self.scheduler.update(self._written)
            self._worker.check()
            self._exports.check()
        elif kind == "draw":
            self.scheduler.draw()
        elif kind == "save":
            self.scheduler.save_gaps()
        elif kind == "settled":
            self.alerting.settled(*value)
        elif kind == "heartbeat":
            self._heartbeat()
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
        if self._clock.uptime() >= self._flooded_until:
            self.events.arm()
        found = self.reader.scan()
        self.reader.evict_idle()
        return found

    def _sweep(self) -> list[Tail]:
        """Logs to poll between two scans; rate-limits inotify.

        Above 150 events a second it stops the observer for 30 s, and polls.
        """
        now = self._clock.uptime()
        self._note_lateness(now)
        rate = self._event_count / max(now - self._swept_at, _SWEEP_S)
        self._event_count, self._swept_at = 0, now
        if self.events.running and rate > _MAX_EVENTS_HZ:
            self.events.abandon()
            self._flooded_until = now + _POLL_S
        busy = self.reader.busy()
        if self.events.running or now < self._flooded_until:
            if len(busy) > _MAX_BUSY_LOGS and not self.events.running:
                self._flooded_until = now + _POLL_S
            return busy
        # Without events every log is polled.
        return self.reader.registry.readable()

    def _note_lateness(self, now: float) -> None:
        """Warns once when sweeps come far too late."""
        late_s = now - self._swept_at - _SWEEP_S
        if late_s > _LATE_S >= self._late_s:
            LOGGER.warning(
                "logs are read %.0f s late: this process gets too little CPU, or the "
                "machine was suspended",
                late_s,
            )
        self._late_s = max(0.0, late_s)

    def _ask_for_writers(self) -> list[Tail]:
        """Looks for the writers of all runs that are not over; their logs."""
        tails = {r.tail for r in self.scheduler.runs.values() if not r.is_over}
        keys = {t: t.cursor.key for t in tails if t.cursor is not None}
        self._asked_at = self._clock.uptime()
        writers = self.look_for_writers(set(keys.values()))
        self._asked = {t: (k, writers.state(k, t.path)) for t, k in keys.items()}
        return [t for t in self.reader.registry.readable() if t in keys]

    def _written(self, tail: Tail) -> tuple[str, float]:
        """Whether a log was being written when that was last asked, and when it was."""
        key, state = self._asked.get(tail, (None, ""))
        if key is None or tail.cursor is None or tail.cursor.key != key:
            return "unknown", float("inf")  # not asked yet
        return state, self._asked_at

    def _writer(self, key: Key, path: Path, since: float) -> str:
        """Whether a file of a rotation is being written; one look answers for all."""
        now = self._clock.uptime()
        asked_at, keys, writers = self._rotated
        if key not in keys or asked_at < max(since, now - _SWEEP_S / 2):
            tails = self.reader.tails.values()
            rotating = {t.cursor.key for t in tails if t.is_rotating and t.cursor}
            keys = rotating | {key}
            writers = self.look_for_writers(keys)
            self._rotated = now, keys, writers
        return writers.state(key, path)

    def _wants(self, path: Path) -> bool:
        roots = [root for root in self.settings.roots if root in path.parents]
        return any(self.settings.scanner.wants(root, path) for root in roots)

    def _heartbeat(self) -> None:
        """Reports to systemd and `status`: only this thread does, so a hang shows."""
        sdnotify.notify("WATCHDOG=1", "STATUS=" + self._status_line())
        note = {
            "pid": os.getpid(),
            "at": self._clock.now(),
            "roots": [str(root) for root in self.settings.roots],
            "out": str(self.settings.out),
            "events": self.events.running,
            "events_error": self.events.error,
            "polled": self._polled,
            "problems": self.reader.warnings(),
            "output_error": self.scheduler.error,
            "exports_error": self._exports.error,
            "alerts_error": self.alerting.error,
            "undrawn": self.scheduler.behind,
            "backlog": self.reader.backlog,
            "late_s": round(self._late_s, 1),
        }
        with self.store.transaction():
            self.store.keep_note("daemon", note)

    def _status_line(self) -> str:
        runs = self.scheduler.runs.values()
        going = sum(not run.is_over for run in runs)
        errors = [self.reader.error, *self.reader.registry.errors.values()]
        errors += [self.scheduler.error, self.alerting.error]
        error = next(filter(None, errors), "")
        count = f"{len(runs)} run" + ("" if len(runs) == 1 else "s")
        text = f"{count}, {going} in progress"
        return f"{text}; {error}" if error else text

    def _process(self, options: Options, done: Callable[[Result], None]) -> Worker:
        return Worker(options, done, uptime=self._clock.uptime)

    def _times(self) -> dict[str, float | str]:
        return {
            "scan": _SCAN_S,
            "sweep": _SWEEP_S,
            "state": _STATE_S,
            "heartbeat": self._heartbeat_s,
            "save": _SAVE_S,
            "draw": self.settings.cron or self.settings.interval_s,
        }
