"""The outbox: when each notification is sent, retried, batched and given up.

All is written inside the caller's transaction, so that neither a crash nor a restart
loses a notification or makes one twice; each is sent at least once to every channel.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

from watcher.alerts.lifecycle import Alert
from watcher.storage.outbox import Delivery, Outbox


HOUR_S: Final = 3600.0
_FIRST_BACKOFF_S: Final = 5.0
_MAX_BACKOFF_S: Final = 900.0
_GIVE_UP_S: Final = 3 * 86_400.0
_RETENTION_S: Final = 30 * 86_400.0
_ALERT: Final = tuple(field.name for field in fields(Alert))


def load(outbox: Outbox, run: int) -> dict[str, Alert]:
    """The alerts of a run, by key, in the order in which they were raised."""
    return {key: _alert(data) for key, data in outbox.alerts(run).items()}


def load_all(outbox: Outbox, *runs: int) -> list[tuple[int, Alert]]:
    """The alerts of some runs, or without any of all, each with its run."""
    return [(run, _alert(data)) for run, data in outbox.all_alerts(*runs)]


def save(outbox: Outbox, run: int, alerts: Mapping[str, Alert]) -> None:
    """Keeps the alerts of a run."""
    outbox.save_alerts(run, [asdict(alert) for alert in alerts.values()])


def put(
    outbox: Outbox,
    payload: Mapping[str, Any],
    channels: Sequence[str],
    *,
    now: float,
    max_per_hour: int,
) -> None:
    """Queues a notification; beyond `max_per_hour` it is deferred for a digest."""
    deferred = sent_last_hour(outbox, now) >= max_per_hour
    number = outbox.add_notification(payload, now=now, deferred=deferred)
    if not deferred:
        outbox.add_deliveries(number, channels)


def sent_last_hour(outbox: Outbox, now: float) -> int:
    """How many notifications count against the rate limit."""
    return outbox.count_sent(now - HOUR_S, now)


def release(
    outbox: Outbox,
    channels: Sequence[str],
    *,
    now: float,
    max_per_hour: int,
    digest: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]],
) -> None:
    """Queues what was deferred as one digest, once the rate limit allows it."""
    deferred = outbox.deferred()
    if not deferred or sent_last_hour(outbox, now) >= max_per_hour:
        return
    outbox.delete_deferred()
    put(outbox, digest(deferred), channels, now=now, max_per_hour=max_per_hour)


def settle(
    outbox: Outbox, delivery: Delivery, error: str, *, now: float, jitter: float
) -> bool:
    """Records the result of an attempt ("": accepted); whether it was given up.

    `jitter`: from 0 to 1, spreads the retries of many senders.
    """
    if not error:
        outbox.mark_delivered(delivery)
        return False
    given_up = now - outbox.created_at(delivery.notification) > _GIVE_UP_S
    retry_at = None if given_up else now + backoff_s(delivery.attempts, jitter)
    outbox.mark_failed(delivery, error, retry_at=retry_at)
    return given_up


def backoff_s(attempts: int, jitter: float) -> float:
    """Seconds until the next attempt: exponential, capped, at least half of it kept."""
    # A large exponent would overflow.
    full = min(_FIRST_BACKOFF_S * 2.0 ** min(attempts, 10), _MAX_BACKOFF_S)
    return full * (1 + jitter) / 2


def delete_old(outbox: Outbox, now: float) -> None:
    """Removes notifications past their retention, and expired silences."""
    outbox.delete_old(now - _RETENTION_S)
    outbox.delete_expired_silences(now)


def _alert(data: Mapping[str, Any]) -> Alert:
    # Another version of gptwatch may have kept more.
    return Alert(**{name: data[name] for name in _ALERT if name in data})
