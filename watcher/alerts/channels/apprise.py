"""Telegram, Slack, e-mail, webhooks and a hundred more, through Apprise.

The addresses are secrets: no message holds one, and Apprise's own log is not shown.
"""

import contextlib
import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from watcher.alerts.channels.network import has_network
from watcher.alerts.channels.settings import Settings
from watcher.errors import ConfigError, DeliveryError


LOGGER: Final = logging.getLogger("gptwatch")
_KINDS: Final = {"critical": "failure", "warning": "warning"}
_SCHEME: Final = re.compile(r"([a-z0-9]{1,20})://", re.IGNORECASE)
_NO_NETWORK: Final = (
    "this process has no network (gptwatch service install --with network grants it)"
)
_CODE: Final = re.compile(r"\berror=(\d{3})\b")


class Service:
    """One address.

    Attributes:
        shown: the address without its secrets.
        name: the same with a short hash, which tells two addresses apart.
    """

    def __init__(self, address: str) -> None:
        # Of what is no address nothing is shown: it may be a secret in a wrong place.
        scheme = _SCHEME.match(address)
        self.shown = f"{scheme[1].lower() if scheme else '?'}://***"
        # 32 bits: too few to test guesses of a password against.
        digest = hashlib.blake2b(address.encode(), digest_size=4)
        self.name = f"{self.shown}#{digest.hexdigest()}"
        self._address = address

    def __repr__(self) -> str:
        """Without its secret."""
        return f"Service({self.name})"

    def send(self, notification: Mapping[str, Any], /) -> None:
        """Sends title and text, with the picture where the service accepts it."""
        service = _apprise().Apprise.instantiate(
            self._address, suppress_exceptions=True
        )
        if service is None:
            raise DeliveryError(
                "{name}: not an address that Apprise supports", name=self.name
            )
        picture = notification.get("picture") or ""
        has_picture = picture and Path(picture).is_file()
        fields = _fields(notification)
        # Rather without the picture (too large, say) than not at all.
        for attach in [picture, None] if has_picture else [None]:
            error = self._attempt(service, fields | {"attach": attach})
            if not error:
                return
        raise DeliveryError("{name}: {error}", name=self.name, error=error)

    def _attempt(self, service: Any, fields: Mapping[str, Any]) -> str:
        """Why the service refused it, "" when it accepted."""
        target = _apprise().Apprise(service)
        service.logger = log = _Codes()
        try:
            done = target.notify(**fields)
        except Exception as error:  # noqa: BLE001
            # Its plugins raise anything, perhaps with the address inside.
            return f"{type(error).__name__} in Apprise"
        if done:
            return ""
        if log.last:
            return f"refused with error {log.last}; is the address right?"
        if not has_network():
            return _NO_NETWORK
        return "not accepted; is the network up?"


def _fields(notification: Mapping[str, Any]) -> dict[str, Any]:
    severity = _KINDS.get(notification["severity"], "info")
    place = notification.get("place") if notification.get("line") else None
    text = [notification["message"], notification.get("advice"), place]
    return {
        "title": notification["title"],
        "body": "\n".join(filter(None, text)),
        "body_format": "text",
        "notify_type": "success" if notification["kind"] == "resolved" else severity,
    }


class _Codes(logging.Logger):
    """Keeps only the response codes that a service logs: the rest may hold secrets."""

    def __init__(self) -> None:
        super().__init__("service", logging.WARNING)
        self.last = ""

    def handle(self, record: logging.LogRecord) -> None:
        """Keeps the code of a response."""
        found = _CODE.search(record.getMessage())
        self.last = found[1] if found else self.last


def addresses(chosen: Settings) -> Sequence[str]:
    """All addresses that are set, each once; a file that can't be read is a warning.

    Raises:
        ConfigError: Apprise is missing.
    """
    found = [*chosen.urls, *(_listed(chosen.urls_file) if chosen.urls_file else ())]
    if found:
        _apprise()
        if not has_network():
            LOGGER.warning("%s: no notifications go to addresses", _NO_NETWORK)
    return list(dict.fromkeys(found))


def require(chosen: Settings) -> None:
    """Checks that Apprise is there, where addresses are set.

    Raises:
        ConfigError: it is missing.
    """
    found = list(chosen.urls)
    with contextlib.suppress(OSError, UnicodeDecodeError):
        found += _rows(chosen.urls_file) if chosen.urls_file else ()
    if found:
        _apprise()


def _listed(urls_file: str) -> Sequence[str]:
    try:
        return _rows(urls_file)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not text"
        LOGGER.warning(
            "notify.urls_file %s: cannot be read (%s); no alerts go to its addresses "
            "until it can and the configuration is reloaded",
            urls_file,
            why,
        )
        return []


def _rows(urls_file: str) -> Sequence[str]:
    text = Path(urls_file).expanduser().read_text(encoding="utf-8")
    rows = (row.strip() for row in text.splitlines())
    return [row for row in rows if row and not row.startswith("#")]


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
