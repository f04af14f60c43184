"""Alerts, silences and notifications in the database: named queries, no policy.

Everything is written inside the caller's transaction, so that a crash neither loses a
notification nor makes one twice.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from watcher.storage.connection import Connection, among
from watcher.storage.rows import from_json


# Of attempts to deliver; each given-up delivery has a failed attempt, too.
OUTCOMES: Final = ("delivered", "failed", "given_up")
_COUNTER: Final = "deliveries_"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification on its way through one channel.

    Attributes:
        notification: its number.
        channel: the channel's identity.
        payload: what is sent.
        attempts: how many have failed so far.
    """

    notification: int
    channel: str
    payload: Mapping[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class Silence:
    """A rule that is muted for a run.

    Attributes:
        number: its identity.
        run, rule: each a name or a pattern.
        until: seconds since 1970.
    """

    number: int
    run: str
    rule: str
    until: float


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Notifications that a channel did not accept.

    Attributes:
        channel: its identity.
        state: "pending" while they are retried, "failed" when they were given up.
        count: how many.
        error: the last one.
    """

    channel: str
    state: str
    count: int
    error: str


class Outbox:
    """The tables of alerts, silences, notifications and deliveries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def alerts(self, run: int) -> dict[str, dict[str, Any]]:
        """The alerts of a run by key, in the order in which they were raised."""
        rows = self._connection.rows(
            "SELECT key, data FROM alerts WHERE run = ? ORDER BY rowid", (run,)
        )
        with self._connection.translated():
            return {key: from_json(data) for key, data in rows}

    def all_alerts(self, *runs: int) -> list[tuple[int, dict[str, Any]]]:
        """The alerts of some runs, or without any of all: run and data."""
        query = f"SELECT run, data FROM alerts WHERE run {among(runs)} ORDER BY rowid"  # noqa: S608 - our own
        rows = self._connection.rows(query, runs)
        with self._connection.translated():
            return [(run, from_json(data)) for run, data in rows]

    def save_alerts(self, run: int, alerts: Iterable[Mapping[str, Any]]) -> None:
        """Inserts or replaces alerts of a run; each has a `key` and a `state`."""
        self._connection.executemany(
            "INSERT INTO alerts (run, key, state, data) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (run, key) DO UPDATE SET state = excluded.state,"
            " data = excluded.data",
            [(run, a["key"], a["state"], json.dumps(a)) for a in alerts],
        )

    def add_notification(
        self, payload: Mapping[str, Any], *, now: float, deferred: bool
    ) -> int:
        """Keeps a notification; its number."""
        return self._connection.insert(
            "INSERT INTO notifications (created_at, deferred, payload)"
            " VALUES (?, ?, ?)",
            (now, deferred, json.dumps(payload)),
        )

    def add_deliveries(self, notification: int, channels: Sequence[str]) -> None:
        """Makes a notification due on some channels."""
        self._connection.executemany(
            "INSERT INTO deliveries (notification, channel, state)"
            " VALUES (?, ?, 'pending')",
            [(notification, channel) for channel in channels],
        )

    def count_sent(self, since: float, until: float) -> int:
        """How many notifications were sent after one moment and up to another."""
        found = self._connection.row(
            "SELECT count(*) FROM notifications"
            " WHERE deferred = 0 AND created_at > ? AND created_at <= ?",
            (since, until),
        )
        assert found is not None
        return int(found[0])

    def deferred(self) -> list[Mapping[str, Any]]:
        """Payloads of the notifications that were rate-limited, oldest first."""
        rows = self._connection.rows(
            "SELECT payload FROM notifications WHERE deferred = 1 ORDER BY id"
        )
        with self._connection.translated():
            return [from_json(payload) for (payload,) in rows]

    def delete_deferred(self) -> None:
        """Removes them: a digest was sent instead."""
        self._connection.execute("DELETE FROM notifications WHERE deferred = 1")

    def due(self, now: float) -> list[Delivery]:
        """Deliveries to attempt now, oldest first."""
        rows = self._connection.rows(
            "SELECT notification, channel, payload, attempts FROM deliveries"
            " JOIN notifications ON notifications.id = notification"
            " WHERE state = 'pending' AND next_attempt_at <= ? ORDER BY notification",
            (now,),
        )
        with self._connection.translated():
            return [
                Delivery(n, c, from_json(text), tries) for n, c, text, tries in rows
            ]

    def created_at(self, notification: int) -> float:
        """When a notification was created, seconds since 1970."""
        found = self._connection.row(
            "SELECT created_at FROM notifications WHERE id = ?", (notification,)
        )
        assert found is not None
        return float(found[0])

    def mark_delivered(self, delivery: Delivery) -> None:
        """The channel accepted it."""
        self._connection.execute(
            "UPDATE deliveries SET state = 'delivered', error = ''"
            " WHERE notification = ? AND channel = ?",
            (delivery.notification, delivery.channel),
        )
        self._count("delivered")

    def mark_failed(
        self, delivery: Delivery, error: str, *, retry_at: float | None
    ) -> None:
        """An attempt failed; without `retry_at` it was the last one."""
        self._connection.execute(
            "UPDATE deliveries SET state = ?, attempts = attempts + 1,"
            " next_attempt_at = ?, error = ? WHERE notification = ? AND channel = ?",
            (
                "failed" if retry_at is None else "pending",
                retry_at or 0.0,
                error,
                delivery.notification,
                delivery.channel,
            ),
        )
        self._count("failed")
        if retry_at is None:
            self._count("given_up")

    def attempts(self) -> dict[str, int]:
        """How many deliveries had each outcome, since the database was made."""
        rows = self._connection.rows(
            "SELECT key, value FROM notes WHERE key LIKE 'deliveries\\_%' ESCAPE '\\'"
        )
        found = {key.removeprefix(_COUNTER): int(value) for key, value in rows}
        return {outcome: found.get(outcome, 0) for outcome in OUTCOMES}

    def _count(self, outcome: str) -> None:
        """Counts for good: rows of deliveries are deleted when they are old."""
        self._connection.execute(
            "INSERT INTO notes VALUES (?, '1') ON CONFLICT (key)"
            " DO UPDATE SET value = CAST(value AS INTEGER) + 1",
            (f"{_COUNTER}{outcome}",),
        )

    def rename_channel(self, old: str, new: str) -> None:
        """Moves the deliveries of a channel to its new identity."""
        self._connection.execute(
            "UPDATE OR IGNORE deliveries SET channel = ? WHERE channel = ?", (new, old)
        )

    def delete_old(self, before: float) -> None:
        """Removes notifications that were sent before a moment, unless one is due."""
        self._connection.execute(
            "DELETE FROM deliveries WHERE state != 'pending' AND notification IN"
            " (SELECT id FROM notifications WHERE created_at < ? AND deferred = 0)",
            (before,),
        )
        self._connection.execute(
            "DELETE FROM notifications WHERE created_at < ? AND deferred = 0"
            " AND id NOT IN (SELECT notification FROM deliveries)",
            (before,),
        )

    def undelivered(self) -> list[Undelivered]:
        """What channels did not accept, by channel and state."""
        rows = self._connection.rows(
            "SELECT channel, state, count(*), error, max(notification)"
            " FROM deliveries WHERE attempts > 0 AND state != 'delivered'"
            " GROUP BY channel, state ORDER BY channel, state"
        )
        return [Undelivered(*row[:4]) for row in rows]

    def silence(self, run: str, rule: str, until: float) -> int:
        """Adds a silence; its number."""
        return self._connection.insert(
            "INSERT INTO silences (run, rule, until) VALUES (?, ?, ?)",
            (run, rule, until),
        )

    def silences(self, now: float) -> list[Silence]:
        """The silences in force."""
        rows = self._connection.rows(
            "SELECT id, run, rule, until FROM silences WHERE until > ? ORDER BY id",
            (now,),
        )
        return [Silence(*row) for row in rows]

    def delete_silence(self, number: int) -> bool:
        """Ends a silence; whether there was one."""
        done = self._connection.execute("DELETE FROM silences WHERE id = ?", (number,))
        return bool(done.rowcount)

    def delete_expired_silences(self, now: float) -> None:
        """Removes the silences that are over."""
        self._connection.execute("DELETE FROM silences WHERE until < ?", (now,))
