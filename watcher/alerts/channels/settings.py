"""Settings of channels, from the table `[notify]`, flags and environment."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from watcher.errors import ConfigError


VARIABLE: Final = "GPTWATCH_NOTIFY_URLS"


@dataclass(frozen=True, slots=True)
class Settings:
    """Whom to tell.

    Attributes:
        on_alert: a shell command that gets each notice as JSON on standard input.
        urls: addresses of services, as Apprise writes them; they are secrets.
        urls_file: a file with one on each line.
        desktop: whether this machine's desktop shows them.
    """

    on_alert: str = ""
    urls: tuple[str, ...] = ()
    urls_file: str = ""
    desktop: bool = False

    def __repr__(self) -> str:
        """Without its secrets."""
        return f"Settings({len(self.urls)} addresses)"


def settings(table: Any) -> Settings:
    """Settings from the table `notify` of a configuration file, and the environment.

    Raises:
        ConfigError: an unknown key, or a value of the wrong kind.
    """
    if not isinstance(table, Mapping):
        raise ConfigError("notify must be a table: write [notify]")
    keys = [f.name for f in fields(Settings)]
    for key in table:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(keys)}"
            raise ConfigError(f"notify: unknown key {key!r}; {hint}")
    values = dict(table)
    urls = values.pop("urls", [])
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise ConfigError("notify.urls must be a list of addresses")
    for key, value in values.items():
        kind = bool if key == "desktop" else str
        if not isinstance(value, kind):
            raise ConfigError(f"notify.{key} must be of type {kind.__name__}")
    more = os.environ.get(VARIABLE, "").split()
    return Settings(urls=(*urls, *more), **values)
