"""The daemon's own log: the terminal, or the journal with a priority."""

import logging
from collections.abc import Mapping
from typing import Any, Final


_LOGGER: Final = logging.getLogger("gptwatch")
_LEVELS: Final = {"critical": logging.ERROR, "warning": logging.WARNING}


class Terminal:
    """One line a notification."""

    name = "log"

    def send(self, notification: Mapping[str, Any], /) -> None:
        """Logs it; what is resolved, or of severity info, at level INFO."""
        level = _LEVELS.get(notification["severity"], logging.INFO)
        if notification["kind"] == "resolved":
            level = logging.INFO
        _LOGGER.log(level, "%s", notification["text"])
