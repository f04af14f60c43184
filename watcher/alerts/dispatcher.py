"""Dispatches alerts: from findings, through the outbox, to the channels."""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from watcher.alerts import lifecycle, outbox
from watcher.alerts.channels import Channel, former_names
from watcher.alerts.delivery import Deliverer
from watcher.alerts.lifecycle import Alert, Moment, Notification
from watcher.alerts.silences import is_silenced
from watcher.analysis import place
from watcher.analysis.finding import SEVERITIES
from watcher.clock import Clock, iso
from watcher.storage.database import Database
from watcher.storage.outbox import Delivery
from watcher.storage.rows import Row


LOGGER: Final = logging.getLogger("gptwatch")
_SCHEMA: Final = 1
_PREFIXES: Final = {
    "firing": ("", ""),
    "confirmed": ("confirmed: ", "подтверждено: "),
    "reminder": ("still firing: ", "продолжается: "),
    "resolved": ("resolved: ", "завершилось: "),
}


class Dispatcher:
    """Keeps the alerts of all runs, and sends the notifications that they are due.

    `on_result(delivery, error)`: called in another thread after an attempt; it must
    bring both to `settled` in the owner's thread.
    `jitter()`: a number from 0 to 1, which spreads retries.
    """

    def __init__(
        self,
        store: Database,
        settings: lifecycle.Settings,
        channels: Sequence[Channel],
        clock: Clock,
        *,
        lang: str,
        on_result: Callable[[Delivery, str], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._outbox = store.outbox
        self._settings = settings
        self._clock = clock
        self._lang = lang
        self._jitter = jitter
        self._deliverer = Deliverer(channels, on_result)
        self._alerts: dict[int, dict[str, Alert]] = {}
        self._unrecorded: dict[tuple[int, str], tuple[Delivery, str]] = {}
        self._failing: dict[str, str] = {}
        if names := former_names(channels):
            with store.transaction():
                for old, new in names.items():
                    self._outbox.rename_channel(old, new)

    def update(
        self,
        row: Row,
        findings: Sequence[Mapping[str, Any]],
        *,
        fresh: bool,
        going: bool,
    ) -> None:
        """Takes in what is found of a run now; queues and sends what is new.

        Raises:
            StorageUnavailableError: nothing can be kept now, so nothing is sent.
        """
        known = self._known(row.id)
        if not known and not findings:
            return
        now = self._clock.now()
        silences = self._outbox.silences(now)
        moment = Moment(
            now=now,
            fresh=fresh,
            running=going,
            silenced=lambda rule: is_silenced(silences, row.name, rule),
        )
        alerts, notifications = lifecycle.update(
            known, findings, moment, self._settings
        )
        if alerts != known:
            with self._store.transaction():
                outbox.save(self._outbox, row.id, alerts)
                for notification in notifications:
                    self._put(self._payload(row, notification), now)
        self._alerts[row.id] = alerts
        if notifications:
            self.deliver()

    @property
    def error(self) -> str:
        """Why the last notification of a channel was not delivered, "" without such."""
        failing = next(filter(None, self._failing.values()), "")
        return f"alerts are not delivered: {failing}" if failing else ""

    def is_idle(self, run: int) -> bool:
        """Whether a run has no alerts."""
        return not self._known(run)

    def forget(self, run: int) -> None:
        """Drops what is cached of a run of which nothing more comes."""
        self._alerts.pop(run, None)

    def deliver(self) -> None:
        """Sends what is due."""
        for delivery in self._outbox.due(self._clock.now()):
            self._deliverer.send(delivery)

    def settled(self, delivery: Delivery, error: str) -> None:
        """Records the result of an attempt.

        Raises:
            StorageUnavailableError: it can't be recorded now; `beat` tries again.
        """
        key = delivery.notification, delivery.channel
        self._unrecorded[key] = delivery, error
        self._failing[delivery.channel] = error
        with self._store.transaction():
            given_up = outbox.settle(
                self._outbox,
                delivery,
                error,
                now=self._clock.now(),
                jitter=self._jitter(),
            )
        del self._unrecorded[key]
        # Not before: what is due in the outbox and not in flight is sent.
        self._deliverer.ack(delivery)
        if error and (given_up or delivery.attempts == 0):
            what = "given up" if given_up else "retrying"
            LOGGER.warning("alert not delivered: %s; %s", error, what)

    def beat(self) -> None:
        """Retries, sends the digest of what was deferred, and deletes old entries."""
        for delivery, error in list(self._unrecorded.values()):
            self.settled(delivery, error)
        now = self._clock.now()
        with self._store.transaction():
            outbox.release(
                self._outbox,
                self._deliverer.names,
                now=now,
                max_per_hour=self._settings.max_per_hour,
                digest=self._digest,
            )
            outbox.delete_old(self._outbox, now)
        self.deliver()

    def is_busy(self) -> bool:
        """Whether a notification is on its way."""
        return self._deliverer.is_busy()

    def stop(self) -> None:
        """Starts nothing more."""
        self._deliverer.stop()

    def _known(self, run: int) -> dict[str, Alert]:
        if run not in self._alerts:
            self._alerts[run] = outbox.load(self._outbox, run)
        return self._alerts[run]

    def _put(self, payload: Mapping[str, Any], now: float) -> None:
        outbox.put(
            self._outbox,
            payload,
            self._deliverer.names,
            now=now,
            max_per_hour=self._settings.max_per_hour,
        )

    def _payload(self, row: Row, notification: Notification) -> dict[str, Any]:
        finding = notification.alert.finding
        prefix = _PREFIXES[notification.kind][self._lang == "ru"]
        line = place.line(self._store, row, notification.alert.rule, finding["step"])
        name = f"{row.name}:{line}" if line else row.name
        return {
            "schema": _SCHEMA,
            "kind": notification.kind,
            "run": row.name,
            "log": str(Path(row.root) / row.path),
            "rule": notification.alert.rule,
            "severity": notification.alert.severity,
            "step": finding["step"],
            "since_step": finding.get("since_step"),
            "confirmed_step": finding.get("confirmed_step"),
            "cleared_step": finding.get("cleared_step"),
            "title": f"gptwatch: {row.name}",
            "message": f"{prefix}{finding['message']}",
            "advice": finding["advice"] if notification.kind == "firing" else "",
            "text": f"{name}: {prefix}{finding['message']}",
            "line": line,
            "place": name,
            "evidence": dict(finding["evidence"]),
            "picture": row.state.get("made", {}).get("figure", ""),
            "raised_at": iso(notification.alert.since),
            "at": iso(self._clock.now()),
            "fingerprint": f"{row.id}/{notification.alert.key}",
        }

    def _digest(self, deferred: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Many notifications as one."""
        worst = max(deferred, key=lambda n: SEVERITIES.index(n["severity"]))
        count = len(deferred)
        title = (
            f"ещё предупреждений: {count}"
            if self._lang == "ru"
            else (f"{count} more alert{'' if count == 1 else 's'}")
        )
        lines = "; ".join(payload["text"] for payload in deferred)
        return {
            **worst,
            "kind": "digest",
            "title": f"gptwatch: {title}",
            "message": lines,
            "advice": "",
            "text": f"{title}: {lines}",
            "at": iso(self._clock.now()),
        }
