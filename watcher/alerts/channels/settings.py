"""Settings of channels, from the table `[notify]`, flags and environment."""

import os
from dataclasses import dataclass, replace
from typing import Any, Final

from watcher.settings import Where, from_table


VARIABLE: Final = "GPTWATCH_NOTIFY_URLS"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where notifications go.

    Attributes:
        on_alert: a shell command that gets each one as JSON on standard input.
        urls: addresses of services, as Apprise writes them; they are secrets.
        urls_file: a file with one address a line.
        desktop: whether they are shown on this machine's desktop.
        prometheus: whether Alertmanager notifies instead: no channel but the log and
            the file gets anything, so that nobody is notified twice.
    """

    on_alert: str = ""
    urls: tuple[str, ...] = ()
    urls_file: str = ""
    desktop: bool = False
    prometheus: bool = False

    @property
    def configured(self) -> tuple[str, ...]:
        """Names of the settings that make channels."""
        names = ("on_alert", "urls", "urls_file", "desktop")
        return tuple(name for name in names if getattr(self, name))

    def __repr__(self) -> str:
        """Without its secrets."""
        return f"Settings({len(self.urls)} addresses)"


def settings(table: Any, where: Where | None = None) -> Settings:
    """Settings from the table `notify` of a configuration file, and the environment.

    Raises:
        ConfigError: an unknown key, or an invalid value.
    """
    found = from_table(Settings, table, where or Where(keys=("notify",)))
    return replace(found, urls=(*found.urls, *os.environ.get(VARIABLE, "").split()))
