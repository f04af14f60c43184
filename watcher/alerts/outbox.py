"""Alerts, silences and notices in the store: what was said, and what is to be said.

All is written inside the caller's transaction, so that neither a crash nor a restart
loses a notice or makes one twice; a notice is sent at least once to every channel.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Final

from watcher.alerts.lifecycle import Alert


HOUR_S: Final = 3600.0
_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 900.0
_GIVE_UP_S: Final = 3 * 86_400.0
_KEPT_S: Final = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice on its way through one channel.

    Attributes:
        notice: its number.
        channel: the channel's name.
        payload: what is told.
        tries: how often it was tried in vain.
    """

    notice: int
    channel: str
    payload: Mapping[str, Any]
    tries: int


def load(connection: sqlite3.Connection, run: int) -> dict[str, Alert]:
    """The alerts of a run, by key, in the order of their raising."""
    rows = connection.execute(
        "SELECT key, data FROM alerts WHERE run = ? ORDER BY rowid", (run,)
    )
    return {key: _alert(json.loads(data)) for key, data in rows}


def save(connection: sqlite3.Connection, run: int, alerts: Mapping[str, Alert]) -> None:
    """Keeps the alerts of a run."""
    connection.executemany(
        "INSERT INTO alerts (run, key, state, data) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (run, key) DO UPDATE SET state = excluded.state,"
        " data = excluded.data",
        [(run, a.key, a.state, json.dumps(asdict(a))) for a in alerts.values()],
    )


def put(
    connection: sqlite3.Connection,
    payload: Mapping[str, Any],
    channels: Sequence[str],
    *,
    now: float,
    most: int,
) -> None:
    """Puts a notice on its way; beyond `most` in an hour it waits to be told later."""
    held = told_lately(connection, now) >= most
    done = connection.execute(
        "INSERT INTO notices (at, held, payload) VALUES (?, ?, ?)",
        (now, held, json.dumps(payload)),
    )
    assert done.lastrowid is not None
    if not held:
        _dispatch(connection, done.lastrowid, channels)


def told_lately(connection: sqlite3.Connection, now: float) -> int:
    """How many notices went on their way in the last hour."""
    found = connection.execute(
        "SELECT count(*) FROM notices WHERE held = 0 AND at > ? AND at <= ?",
        (now - HOUR_S, now),
    )
    count: int = found.fetchone()[0]
    return count


def release(
    connection: sqlite3.Connection,
    channels: Sequence[str],
    *,
    now: float,
    most: int,
    summary: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]],
) -> None:
    """Tells what had to wait, as one notice, when the hour has room again."""
    held = connection.execute(
        "SELECT payload FROM notices WHERE held = 1 ORDER BY id"
    ).fetchall()
    if not held or told_lately(connection, now) >= most:
        return
    payload = summary([json.loads(text) for (text,) in held])
    connection.execute("DELETE FROM notices WHERE held = 1")
    put(connection, payload, channels, now=now, most=most)


def due(connection: sqlite3.Connection, now: float) -> list[Delivery]:
    """Deliveries whose time has come, the oldest first."""
    rows = connection.execute(
        "SELECT notice, channel, payload, tries FROM deliveries"
        " JOIN notices ON notices.id = notice"
        " WHERE state = 'due' AND next_at <= ? ORDER BY notice",
        (now,),
    )
    return [Delivery(n, c, json.loads(text), tries) for n, c, text, tries in rows]


def settle(
    connection: sqlite3.Connection, delivery: Delivery, error: str, *, now: float
) -> bool:
    """Notes how a delivery went ("": well); whether it was given up."""
    which = delivery.notice, delivery.channel
    if not error:
        connection.execute(
            "UPDATE deliveries SET state = 'done', error = ''"
            " WHERE notice = ? AND channel = ?",
            which,
        )
        return False
    born: float = connection.execute(
        "SELECT at FROM notices WHERE id = ?", (delivery.notice,)
    ).fetchone()[0]
    hopeless = now - born > _GIVE_UP_S
    wait = min(_FIRST_WAIT_S * 2.0**delivery.tries, _LONGEST_WAIT_S)
    connection.execute(
        "UPDATE deliveries SET state = ?, tries = tries + 1, next_at = ?, error = ?"
        " WHERE notice = ? AND channel = ?",
        ("failed" if hopeless else "due", now + wait, error, *which),
    )
    return hopeless


def forget_old(connection: sqlite3.Connection, now: float) -> None:
    """Drops notices that were settled long ago, and silences that are over."""
    old = "SELECT id FROM notices WHERE at < ? AND held = 0"
    connection.execute(
        f"DELETE FROM deliveries WHERE state != 'due' AND notice IN ({old})",  # noqa: S608
        (now - _KEPT_S,),
    )
    connection.execute(
        "DELETE FROM notices WHERE at < ? AND held = 0 AND id NOT IN"
        " (SELECT notice FROM deliveries)",
        (now - _KEPT_S,),
    )
    connection.execute("DELETE FROM silences WHERE until < ?", (now,))


def silence(connection: sqlite3.Connection, run: str, rule: str, until: float) -> int:
    """Silences rules for runs, both by name or pattern; its number."""
    done = connection.execute(
        "INSERT INTO silences (run, rule, until) VALUES (?, ?, ?)", (run, rule, until)
    )
    assert done.lastrowid is not None
    return done.lastrowid


def silences(
    connection: sqlite3.Connection, now: float | None = None
) -> list[tuple[int, str, str, float]]:
    """Silences that hold: number, run, rule, until when."""
    moment = time.time() if now is None else now
    rows = connection.execute(
        "SELECT id, run, rule, until FROM silences WHERE until > ? ORDER BY id",
        (moment,),
    )
    return [(n, run, rule, until) for n, run, rule, until in rows]


def is_silenced(
    held: Sequence[tuple[int, str, str, float]], run: str, rule: str
) -> bool:
    """Whether one of the silences is for this rule of this run."""
    return any(fits(run, r) and fits(rule, k) for _, r, k, _ in held)


def fits(name: str, pattern: str) -> bool:
    """Whether a name is a pattern itself (as `[1].log` is), or matches it."""
    return name == pattern or fnmatchcase(name, pattern)


def undelivered(connection: sqlite3.Connection) -> list[tuple[str, str, int, str]]:
    """What went wrong: channel, state, how many notices, the last error."""
    rows = connection.execute(
        "SELECT channel, state, count(*), error, max(notice) FROM deliveries"
        " WHERE tries > 0 AND state != 'done' GROUP BY channel, state ORDER BY 1, 2"
    )
    return [(channel, state, n, error) for channel, state, n, error, _ in rows]


def _alert(data: Mapping[str, Any]) -> Alert:
    # Another version of gptwatch may have kept more.
    return Alert(**{f.name: data[f.name] for f in fields(Alert) if f.name in data})


def _dispatch(
    connection: sqlite3.Connection, notice: int, channels: Sequence[str]
) -> None:
    connection.executemany(
        "INSERT INTO deliveries (notice, channel, state) VALUES (?, ?, 'due')",
        [(notice, channel) for channel in channels],
    )
