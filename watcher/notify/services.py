"""Telegram, Slack, e-mail, webhooks and a hundred more, through Apprise.

The addresses are secrets: they stand in no message, and Apprise's own log is not shown.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from watcher.errors import ConfigError
from watcher.notify.errors import DeliveryError
from watcher.notify.settings import Settings


_KINDS: Final = {"critical": "failure", "warning": "warning"}


class Service:
    """One address."""

    def __init__(self, name: str, address: str) -> None:
        scheme = address.partition("://")[0] if "://" in address else "?"
        self.name = f"{name} ({scheme}://***)"
        self._address = address

    def __repr__(self) -> str:
        """Without its secret."""
        return f"Service({self.name})"

    def send(self, notice: Mapping[str, Any]) -> None:
        """Sends title and text, with the picture where the service takes one."""
        apprise = _apprise()
        target = apprise.Apprise()
        if not target.add(self._address):
            raise DeliveryError(f"{self.name}: not an address that Apprise knows")
        over = notice["kind"] == "resolved"
        kind = "success" if over else _KINDS.get(notice["severity"], "info")
        body = "\n".join(filter(None, [notice["message"], notice.get("advice")]))
        picture = notice.get("picture") or ""
        attach = picture if picture and Path(picture).is_file() else None
        try:
            done = target.notify(
                body=body, title=notice["title"], notify_type=kind, attach=attach
            )
        except Exception as error:  # noqa: BLE001
            # Its plugins raise what they like, perhaps with the address inside.
            name = type(error).__name__
            raise DeliveryError(f"{self.name}: {name} in Apprise") from None
        if not done:
            raise DeliveryError(f"{self.name}: did not take it; is the network up?")


def addresses(chosen: Settings) -> Sequence[str]:
    """All addresses that are set.

    Raises:
        ConfigError: the file cannot be read, or Apprise is missing.
    """
    found = list(chosen.urls)
    if chosen.urls_file:
        try:
            text = Path(chosen.urls_file).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not text"
            raise ConfigError(
                f"notify.urls_file {chosen.urls_file}: cannot be read ({why})"
            ) from None
        rows = (row.strip() for row in text.splitlines())
        found += [row for row in rows if row and not row.startswith("#")]
    if found:
        _apprise()
    return found


def _apprise() -> Any:
    try:
        import apprise
    except ImportError:
        raise ConfigError(
            "[notify] urls need Apprise: pip install 'gptwatch[notify]'"
        ) from None
    # It writes addresses into its own log.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return apprise
