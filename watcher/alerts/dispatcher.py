"""Alerts at work: from findings, through the store, to the channels."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from watcher.alerts import lifecycle, outbox
from watcher.alerts.channels import Channel
from watcher.alerts.delivery import Deliverer
from watcher.alerts.lifecycle import Alert, Moment, Notice
from watcher.alerts.outbox import Delivery
from watcher.analysis.finding import SEVERITIES
from watcher.clock import Clock
from watcher.storage.database import Database
from watcher.storage.rows import Row


LOGGER: Final = logging.getLogger("gptwatch")
_SCHEMA: Final = 1
_KINDS: Final = {
    "firing": ("", ""),
    "confirmed": ("now certain: ", "теперь точно: "),
    "reminder": ("still: ", "всё ещё: "),
    "resolved": ("over: ", "прошло: "),
    "summary": ("", ""),
    "test": ("", ""),
}


class Alerting:
    """Keeps the alerts of all runs, and sees to it that they are told.

    `later(delivery, error)`: called in another thread when a delivery is settled; it
    must bring both to `settled` in the owner's.
    """

    def __init__(
        self,
        store: Database,
        settings: lifecycle.Settings,
        channels: Sequence[Channel],
        clock: Clock,
        *,
        lang: str,
        later: Callable[[Delivery, str], None],
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._lang = lang
        self._deliverer = Deliverer(channels, later)
        self._known: dict[int, dict[str, Alert]] = {}
        self._unsettled: dict[tuple[int, str], tuple[Delivery, str]] = {}

    def tell(
        self,
        row: Row,
        findings: Sequence[Mapping[str, Any]],
        *,
        fresh: bool,
        going: bool,
    ) -> None:
        """Takes in what is found of a run now; tells what is new.

        Raises:
            StorageUnavailableError: nothing can be kept now, so nothing is told.
        """
        known = self._known.get(row.id)
        if known is None:
            known = outbox.load(self._store.connection, row.id)
            self._known[row.id] = known
        if not known and not findings:
            return
        now = self._clock.now()
        held = outbox.silences(self._store.connection, now)
        moment = Moment(
            now=now,
            fresh=fresh,
            going=going,
            silenced=lambda rule: outbox.is_silenced(held, row.name, rule),
        )
        found, notices = lifecycle.update(known, findings, moment, self._settings)
        if notices or found != known:
            with self._store.transaction():
                outbox.save(self._store.connection, row.id, found)
                for notice in notices:
                    self._put(self._payload(row, notice), now)
        self._known[row.id] = found
        if notices:
            self.deliver()

    def deliver(self) -> None:
        """Sends what is due."""
        for delivery in outbox.due(self._store.connection, self._clock.now()):
            self._deliverer.take(delivery)

    def settled(self, delivery: Delivery, error: str) -> None:
        """Notes how a delivery went.

        Raises:
            StorageUnavailableError: it cannot be noted now; the next beat tries again.
        """
        now = self._clock.now()
        key = delivery.notice, delivery.channel
        self._unsettled[key] = delivery, error
        with self._store.transaction():
            hopeless = outbox.settle(self._store.connection, delivery, error, now=now)
        del self._unsettled[key]
        # Not before: what is due in the store and not on its way is sent.
        self._deliverer.forget(delivery)
        if error and (hopeless or delivery.tries == 0):
            what = "given up" if hopeless else "trying again"
            LOGGER.warning("alert not delivered: %s; %s", error, what)

    def beat(self) -> None:
        """What time brings: deliveries to try again, notices that had to wait."""
        for delivery, error in list(self._unsettled.values()):
            self.settled(delivery, error)
        now = self._clock.now()
        with self._store.transaction():
            outbox.release(
                self._store.connection,
                self._deliverer.names,
                now=now,
                most=self._settings.max_per_hour,
                summary=self._summary,
            )
            outbox.forget_old(self._store.connection, now)
        self.deliver()

    def is_busy(self) -> bool:
        """Whether a notice is on its way."""
        return self._deliverer.is_busy()

    def forget(self) -> None:
        """Looks into the store again: what was kept may not be what was meant."""
        self._known.clear()

    def stop(self) -> None:
        """Begins nothing more."""
        self._deliverer.stop()

    def _put(self, payload: Mapping[str, Any], now: float) -> None:
        outbox.put(
            self._store.connection,
            payload,
            self._deliverer.names,
            now=now,
            most=self._settings.max_per_hour,
        )

    def _payload(self, row: Row, notice: Notice) -> dict[str, Any]:
        finding = notice.alert.finding
        before = _KINDS[notice.kind][self._lang == "ru"]
        return {
            "schema": _SCHEMA,
            "kind": notice.kind,
            "run": row.name,
            "log": str(Path(row.root) / row.path),
            "rule": notice.alert.rule,
            "severity": notice.alert.severity,
            "step": finding["step"],
            "since_step": finding.get("since_step"),
            "confirmed_step": finding.get("confirmed_step"),
            "cleared_step": finding.get("cleared_step"),
            "title": f"gptwatch: {row.name}",
            "message": f"{before}{finding['message']}",
            "advice": finding["advice"] if notice.kind == "firing" else "",
            "text": f"{row.name}: {before}{finding['message']}",
            "evidence": dict(finding["evidence"]),
            "picture": row.state.get("made", {}).get("figure", ""),
            "raised_at": _iso(notice.alert.since),
            "at": _iso(self._clock.now()),
            "fingerprint": f"{row.id}/{notice.alert.key}",
        }

    def _summary(self, held: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Many notices as one."""
        worst = max(held, key=lambda n: SEVERITIES.index(n["severity"]))
        count = len(held)
        title = (
            f"ещё предупреждений: {count}"
            if self._lang == "ru"
            else (f"{count} more alert{'' if count == 1 else 's'}")
        )
        lines = "; ".join(notice["text"] for notice in held)
        return {
            **worst,
            "kind": "summary",
            "title": f"gptwatch: {title}",
            "message": lines,
            "advice": "",
            "text": f"{title}: {lines}",
            "at": _iso(self._clock.now()),
        }


def _iso(now: float) -> str:
    return datetime.fromtimestamp(now).astimezone().isoformat(timespec="seconds")
