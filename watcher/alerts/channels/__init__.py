"""Channels for notifications: one module each.

A channel has a name and `send(notification)`, which returns when the notification was
accepted and raises `DeliveryError` otherwise.  It may block: each has its own thread.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from watcher.alerts.channels.settings import Settings, settings
from watcher.errors import DeliveryError


__all__ = [
    "Channel",
    "DeliveryError",
    "Settings",
    "channels",
    "former_names",
    "settings",
]


class Channel(Protocol):
    """Where notifications go.

    Attributes:
        name: its identity: the same as long as it is the same channel, wherever it
            stands in the settings, and without secrets.
    """

    name: str

    def send(self, notification: Mapping[str, Any], /) -> None:
        """Sends a notification.

        Raises:
            DeliveryError: it was not accepted; it may be retried.
        """


def channels(chosen: Settings, out: Path) -> Sequence[Channel]:
    """The channels that are configured; the log and a file always are.

    Where Alertmanager notifies, there are no others.

    Raises:
        ConfigError: Apprise is missing.
    """
    from watcher.alerts.channels.apprise import Service, addresses
    from watcher.alerts.channels.command import Command
    from watcher.alerts.channels.desktop import Desktop
    from watcher.alerts.channels.jsonl import JsonLines
    from watcher.alerts.channels.log import Terminal

    found: list[Channel] = [Terminal(), JsonLines(out / "alerts.jsonl")]
    if chosen.prometheus:
        return found
    if chosen.on_alert:
        found.append(Command(chosen.on_alert))
    if chosen.desktop:
        found.append(Desktop())
    return [*found, *map(Service, addresses(chosen))]


def former_names(channels: Iterable[Channel]) -> dict[str, str]:
    """Names by which schema version 1 knew services, their place in the list, to ours.

    Until the deliveries that an upgrade found pending have expired (3 days).
    """
    from watcher.alerts.channels.apprise import Service

    services = [channel for channel in channels if isinstance(channel, Service)]
    return {
        f"service {number} ({service.shown})": service.name
        for number, service in enumerate(services, 1)
    }
