"""Whether the service has the network that its notifications need."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from watcher import config
from watcher.errors import ConfigError, OutputError
from watcher.outputs.text import catalog
from watcher.outputs.text.catalog import message
from watcher.service.checks import Check, Translate
from watcher.service.control import properties
from watcher.service.place import Place


_ENGLISH: Final[Translate] = partial(catalog.tr, "en")
GRANT: Final = "gptwatch service install --with network"
# Settings of `[notify]` whose channels need a network, or may need one.
_REMOTE: Final = ("urls", "urls_file", "on_alert")


def is_isolated(place: Place) -> bool:
    """Whether the service is installed, and systemd gives it no network."""
    try:
        seen = properties(place, "LoadState", "PrivateNetwork")
    except OutputError:
        return False  # no systemd here, so no service
    return seen == {"LoadState": "loaded", "PrivateNetwork": "yes"}


def remote(place: Place) -> Sequence[str]:
    """Settings of the service whose channels need a network, or may need one."""
    try:
        chosen = config.load(place.config).notify
    except ConfigError:
        return ()  # `gptwatch start` says what is wrong with them
    return [] if chosen.prometheus else [n for n in _REMOTE if n in chosen.configured]


def service_network(place: Place, tr: Translate = _ENGLISH) -> Check | None:
    """Whether notifications of the service leave the machine; None without one."""
    if not is_isolated(place):
        return None
    name, advice = message("network of the service"), tr("to grant it: {command}")
    needed = ", ".join(remote(place))
    if not needed:
        text = tr("none; notifications by e-mail and messengers need it")
        return Check(name, "ok", text)
    text = tr("none, so notifications by {given} fail", given=needed)
    return Check(name, "problem", text, advice.format(command=f"sudo {GRANT}"))
