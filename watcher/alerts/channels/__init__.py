"""Ways to tell people: one module a channel.

A channel has a name and `send(notice)`, which returns when the notice was accepted and
raises `DeliveryError` when it was not.  It may take long; each has a thread of its own.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from watcher.alerts.channels.settings import Settings, settings
from watcher.errors import DeliveryError


__all__ = ["Channel", "DeliveryError", "Settings", "channels", "settings"]


class Channel(Protocol):
    """A way to tell people."""

    name: str

    def send(self, notice: Mapping[str, Any]) -> None:
        """Tells it.

        Raises:
            DeliveryError: it could not be told; it may be tried again.
        """


def channels(chosen: Settings, out: Path) -> Sequence[Channel]:
    """The channels that are set up; alerts are always in the log and in a file.

    Raises:
        ConfigError: a file with addresses cannot be read, or Apprise is missing.
    """
    from watcher.alerts.channels.apprise import Service, addresses
    from watcher.alerts.channels.command import Command
    from watcher.alerts.channels.desktop import Desktop
    from watcher.alerts.channels.jsonl import JsonLines
    from watcher.alerts.channels.log import Terminal

    found: list[Channel] = [Terminal(), JsonLines(out / "alerts.jsonl")]
    if chosen.on_alert:
        found.append(Command(chosen.on_alert))
    if chosen.desktop:
        found.append(Desktop())
    found += [
        Service(f"service {number}", address)
        for number, address in enumerate(addresses(chosen), 1)
    ]
    return found
