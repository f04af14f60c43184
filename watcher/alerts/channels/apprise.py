"""Telegram, Slack, e-mail, webhooks and a hundred more, through Apprise.

The addresses are secrets: they stand in no message, and Apprise's own log is not shown.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from watcher.alerts.channels.settings import Settings
from watcher.errors import ConfigError, DeliveryError


_KINDS: Final = {"critical": "failure", "warning": "warning"}
_SCHEME: Final = re.compile(r"([a-z0-9]{1,20})://", re.IGNORECASE)
_CODE: Final = re.compile(r"\berror=(\d{3})\b")


class Service:
    """One address."""

    def __init__(self, name: str, address: str) -> None:
        # Of what is no address nothing is shown: it may be a secret in a wrong place.
        scheme = _SCHEME.match(address)
        self.name = f"{name} ({scheme[1].lower() if scheme else '?'}://***)"
        self._address = address

    def __repr__(self) -> str:
        """Without its secret."""
        return f"Service({self.name})"

    def send(self, notice: Mapping[str, Any]) -> None:
        """Sends title and text, with the picture where the service takes one."""
        service = _apprise().Apprise.instantiate(
            self._address, suppress_exceptions=True
        )
        if service is None:
            raise DeliveryError(f"{self.name}: not an address that Apprise knows")
        over = notice["kind"] == "resolved"
        grave = _KINDS.get(notice["severity"], "info")
        fields = {
            "title": notice["title"],
            "body": "\n".join(filter(None, [notice["message"], notice.get("advice")])),
            "body_format": "text",
            "notify_type": "success" if over else grave,
        }
        picture = notice.get("picture") or ""
        has_picture = picture and Path(picture).is_file()
        # Better no picture (too large, say) than no word.
        for attach in [picture, None] if has_picture else [None]:
            why = self._ask(service, fields | {"attach": attach})
            if not why:
                return
        raise DeliveryError(f"{self.name}: {why}")

    def _ask(self, service: Any, fields: Mapping[str, Any]) -> str:
        """Why the service did not take it, "" when it did."""
        target = _apprise().Apprise(service)
        service.logger = log = _Codes()
        try:
            done = target.notify(**fields)
        except Exception as error:  # noqa: BLE001
            # Its plugins raise what they like, perhaps with the address inside.
            return f"{type(error).__name__} in Apprise"
        if done:
            return ""
        if log.last:
            return f"refused with error {log.last}; is the address right?"
        return "did not take it; is the network up?"


class _Codes(logging.Logger):
    """Of what a service logs, the codes of answers: the rest may hold its address."""

    def __init__(self) -> None:
        super().__init__("service", logging.WARNING)
        self.last = ""

    def handle(self, record: logging.LogRecord) -> None:
        """Keeps the code of an answer."""
        found = _CODE.search(record.getMessage())
        self.last = found[1] if found else self.last


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
