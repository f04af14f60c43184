"""The daemon: one thread owns all state, all others only put messages in its inbox.

`Daemon.tick` is synchronous and complete: what lies in the inbox is done when it
returns.  Tests call it; `Daemon.run` calls it whenever there is something to do.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from parsers.format import Format
from parsers.formats import FORMATS
from watcher.alerts.channels import Settings as NotifySettings
from watcher.alerts.channels import channels
from watcher.alerts.dispatcher import Dispatcher
from watcher.alerts.lifecycle import Settings as AlertSettings
from watcher.analysis.rules import Settings as RuleSettings
from watcher.clock import Clock
from watcher.daemon.jobs import Options, Result
from watcher.daemon.mailbox import Inbox
from watcher.daemon.scheduler import Judge
from watcher.daemon.worker import Worker
from watcher.errors import (
    StorageCorruptError,
    StorageError,
    StorageUnavailableError,
)
from watcher.host import filesystem, sdnotify
from watcher.host.inotify import Events
from watcher.host.writers import Writers
from watcher.ingest.discovery import Scanner
from watcher.ingest.reader import Reader, Watched
from watcher.ingest.tailer import Follower
from watcher.storage.database import Database


LOGGER: Final = logging.getLogger("gptwatch")
_SCAN_S: Final = 10
_STATE_S: Final = 5
_BEAT_S: Final = 5.0
_FAREWELL_S: Final = 3.0
_REMEMBER_S: Final = 60
# So often changed files are looked at while events come in.
_PACE_S: Final = 0.25
# More events a second cost more than looking at the busy logs twice a second.
_FLOOD_HZ: Final = 150.0
_SWEEP_S: Final = 0.5
_CALM_LOGS: Final = 20
_CALM_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What the daemon does.

    Attributes:
        roots: folders that are watched.
        out: where artifacts go.
        state: where the store is.
        scanner: what counts as a log.
        interval_s: seconds between pictures; or `cron`, five fields.
        every: iterations between dated pictures; 0 for none.
        rules, formats: as in the configuration.
        alerts: what is told, and how often; `notify`: whom.
        look: how runs are measured and drawn.
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


class Daemon:
    """Keeps everything right while logs grow.

    `make_worker(options, done)`: what measures and draws.

    Raises:
        StorageSetupError: the store cannot be used.
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
        self.inbox = Inbox()
        self._clock = clock or Clock()
        self._stack = contextlib.ExitStack()
        self.store = Database(settings.state)
        self._stack.callback(self.store.close)
        make = make_worker or self._process
        self._worker = make(settings.look, lambda r: self.inbox.put("result", r))
        self._stack.callback(self._worker.stop)
        follower = Follower(
            self.store,
            self._clock,
            formats=settings.formats,
            is_written=self._is_written,
            wanted=self._wants,
        )
        self.reader = Reader(
            settings.roots, settings.scanner, self.store, follower, self._clock
        )
        self._stack.callback(self.reader.close)
        self.alerting = Dispatcher(
            self.store,
            settings.alerts,
            channels(settings.notify, settings.out),
            self._clock,
            lang=settings.look.lang,
            on_result=lambda *settled: self.inbox.put("settled", settled),
        )
        self._stack.callback(self.alerting.stop)
        self.judge = Judge(
            self.store,
            self._worker,
            self._clock,
            out=settings.out,
            every=settings.every,
            settings=settings.rules,
            lang=settings.look.lang,
            tell=self.alerting.update,
        )
        self.judge.take_up(self.reader.logs.values())
        polled = [str(root) for root in settings.roots if filesystem.is_remote(root)]
        self.events = Events(
            [r for r in settings.roots if str(r) not in polled], self.inbox.touch
        )
        self._polled = ", ".join(polled)
        self._flood_until = float("-inf")
        self._touches, self._swept_at = 0, self._clock.uptime()
        self._looked_at = self._clock.uptime()
        self._verdict = ""
        # Thrice in the time after which systemd would take this for hanging.
        self._beat_s = min(_BEAT_S, (sdnotify.watchdog_s() or _BEAT_S * 3) / 3)
        self._asked: set[tuple[int, int]] = set()
        self._writers = Writers.of(self._asked)
        self.writer = self._ask

    def close(self) -> None:
        """Ends everything; all that was read is kept."""
        with contextlib.suppress(StorageError):
            self.judge.remember()
        self.events.stop()
        self._stack.close()

    def tick(self) -> None:
        """Does all that there is to do."""
        self._turn()
        while self.inbox.has_messages():
            self._turn()

    def _turn(self) -> None:
        messages, paths, touches = self.inbox.take()
        if paths:
            self._looked_at = self._clock.uptime()
        due, unknown = self.reader.touched(paths)
        self._touches += touches
        kinds = {kind for kind, _ in messages}
        if unknown or "scan" in kinds:
            due += self._scan()
        if "sweep" in kinds:
            due += self._sweep()
        changed = self.reader.read(due)
        with self._unless_troubled():
            self.judge.grew(changed)
        for kind, value in messages:
            self._handle(kind, value)
        with self._unless_troubled():
            self.judge.next()

    def look(self) -> None:
        """Puts everything in the inbox that the schedule brings in time."""
        for kind in ("scan", "sweep", "state", "draw", "beat"):
            self.inbox.put(kind)

    def run(self) -> str:
        """Works until it is told to end: "stop" or "reload".

        Raises:
            StorageCorruptError: the store is damaged.
        """
        with self._schedule():
            self.look()
            self.tick()
            sdnotify.notify("READY=1", "STATUS=" + self._status_line())
            LOGGER.info("watching %s", ", ".join(map(str, self.settings.roots)))
            while not self._verdict:
                if not self.reader.backlog:
                    self._pause()
                self.tick()
            if self._verdict == "stop":
                self.say_farewell()
        return self._verdict

    def say_farewell(self) -> None:
        """What logs said last is still judged and told, within seconds."""
        self.inbox.put("scan")
        self.inbox.put("state")
        self.judge.hurries = True
        end = self._clock.uptime() + _FAREWELL_S
        self.tick()
        while self._clock.uptime() < end:
            if not self.judge.is_pressed() and not self.alerting.is_busy():
                return
            self.inbox.wait_for_message(_PACE_S)
            self.tick()

    def _pause(self) -> None:
        """Waits for something to do; under a flood of events, for the next sweep."""
        now = self._clock.uptime()
        since = now - self._looked_at
        if since < _PACE_S:
            self.inbox.wait_for_message(_PACE_S - since)
        else:
            self.inbox.wait(self._beat_s)

    def _handle(self, kind: str, value: Any) -> None:
        with self._unless_troubled():
            if kind == "result":
                if value.damaged:
                    raise StorageCorruptError(value.trouble)
                self.judge.finish(value)
            elif kind == "state":
                self._refresh()
            elif kind == "draw":
                self.judge.schedule()
            elif kind == "remember":
                self.judge.remember()
            elif kind == "settled":
                self.alerting.settled(*value)
            elif kind == "beat":
                self._beat()
                self.alerting.beat()
            elif kind in {"stop", "reload"}:
                self._verdict = self._verdict or kind
                sdnotify.notify("STOPPING=1" if kind == "stop" else "RELOADING=1")

    @contextlib.contextmanager
    def _unless_troubled(self) -> Iterator[None]:
        """What cannot be kept now is done again later; it must not end the daemon."""
        try:
            yield
        except StorageUnavailableError as error:
            if self.reader.trouble != str(error):
                LOGGER.error("%s", error)  # noqa: TRY400 - one line, no traceback
            self.reader.trouble = str(error)

    def _scan(self) -> list[Watched]:
        self.store.check_place()
        if self._clock.uptime() >= self._flood_until:
            self.events.arm()
        found = self.reader.scan()
        self.reader.rest()
        return found

    def _sweep(self) -> list[Watched]:
        """Logs to look at between two scans; here a flood of events is stemmed."""
        now = self._clock.uptime()
        rate = self._touches / max(now - self._swept_at, _SWEEP_S)
        self._touches, self._swept_at = 0, now
        if self.events.running and rate > _FLOOD_HZ:
            self.events.abandon()
            self._flood_until = now + _CALM_S
        busy = self.reader.busy()
        if self.events.running or now < self._flood_until:
            if len(busy) > _CALM_LOGS and not self.events.running:
                self._flood_until = now + _CALM_S
            return busy
        # Without events every log is looked at.
        return list(self.reader.logs.values())

    def _refresh(self) -> None:
        open_cases = [c for c in self.judge.cases.values() if not c.is_over]
        self._asked = {
            c.watched.log.cursor.key for c in open_cases if c.watched.log.cursor
        }
        self._writers = Writers.of(self._asked)
        self.judge.refresh(self._written)
        self._worker.check()

    def _written(self, watched: Watched) -> str:
        """Whether a process writes a log: "alive", "gone" or "unknown"."""
        cursor = watched.log.cursor
        if cursor is None:
            return "unknown"
        return self.writer(cursor.key, watched.log.path)

    def _is_written(self, key: tuple[int, int], path: Path) -> str:
        return self.writer(key, path)

    def _ask(self, key: tuple[int, int], path: Path) -> str:
        """What the last look through all processes said, or a look of its own."""
        writers = self._writers if key in self._asked else Writers.of([key])
        return writers.state(key, path)

    def _wants(self, path: Path) -> bool:
        roots = [root for root in self.settings.roots if root in path.parents]
        return any(self.settings.scanner.wants(root, path) for root in roots)

    def _beat(self) -> None:
        """Says that all is well: only this thread does, so a hang is noticed."""
        sdnotify.notify("WATCHDOG=1", "STATUS=" + self._status_line())
        note = {
            "pid": os.getpid(),
            "at": self._clock.now(),
            "roots": [str(root) for root in self.settings.roots],
            "out": str(self.settings.out),
            "events": self.events.running,
            "events_trouble": self.events.trouble,
            "polled": self._polled,
            "troubles": self.reader.notices(),
            "writing": self.judge.trouble,
            "behind": self.judge.behind,
            "backlog": self.reader.backlog,
        }
        with self.store.transaction():
            self.store.keep_note("daemon", note)

    def _status_line(self) -> str:
        cases = self.judge.cases.values()
        alive = sum(not case.is_over for case in cases)
        trouble = self.reader.trouble or next(iter(self.reader.troubles.values()), "")
        trouble = trouble or self.judge.trouble
        runs = f"{len(cases)} run" + ("" if len(cases) == 1 else "s")
        text = f"{runs}, {alive} going on"
        return f"{text}; {trouble}" if trouble else text

    def _process(self, options: Options, done: Callable[[Result], None]) -> Worker:
        return Worker(options, done, uptime=self._clock.uptime)

    @contextlib.contextmanager
    def _schedule(self) -> Iterator[None]:
        from apscheduler.schedulers.background import BackgroundScheduler
        from apscheduler.triggers.cron import CronTrigger
        from apscheduler.triggers.interval import IntervalTrigger

        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        settings = self.settings
        times: dict[str, Any] = {
            "scan": IntervalTrigger(seconds=_SCAN_S),
            "sweep": IntervalTrigger(seconds=_SWEEP_S),
            "state": IntervalTrigger(seconds=_STATE_S),
            "beat": IntervalTrigger(seconds=self._beat_s),
            "remember": IntervalTrigger(seconds=_REMEMBER_S),
            "draw": CronTrigger.from_crontab(settings.cron)
            if settings.cron
            else IntervalTrigger(seconds=settings.interval_s),
        }
        scheduler = BackgroundScheduler(
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": None,
            }
        )
        for kind, trigger in times.items():
            scheduler.add_job(self.inbox.put, trigger, args=(kind,))
        scheduler.start()
        try:
            yield
        finally:
            scheduler.shutdown(wait=False)
