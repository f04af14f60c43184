"""What the page is started with, known without its server."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final


DEFAULT: Final = "127.0.0.1:8477"


@dataclass(frozen=True, slots=True)
class Settings:
    """What is served, and to whom.

    Attributes:
        state: directory of the database.
        listen: HOST:PORT or unix:PATH.
        hosts: further names by which the page is reached.
        allow_users: local users who need no token, beside our own and root.
        lines: whether lines of logs are shown.
        metrics: the table `[metrics]` of the configuration.
    """

    state: str
    listen: str = DEFAULT
    hosts: tuple[str, ...] = ()
    allow_users: tuple[str, ...] = ()
    lines: bool = True
    metrics: Mapping[str, Any] = field(default_factory=dict)


def arguments(settings: Settings) -> list[str]:
    """The command that serves in a process of its own."""
    return [
        *(sys.executable, "-m", "watcher.web.server"),
        json.dumps(asdict(settings)),
    ]
