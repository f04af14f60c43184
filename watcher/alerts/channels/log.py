"""The daemon's own log: the terminal, or the journal with a priority."""

import logging
from collections.abc import Mapping
from typing import Any, Final


_LOGGER: Final = logging.getLogger("gptwatch")
_LEVELS: Final = {"critical": logging.ERROR, "warning": logging.WARNING}


class Terminal:
    """One line a notice."""

    name = "log"

    def send(self, notice: Mapping[str, Any]) -> None:
        """Writes it to the log; what is over, or mild, at the level of information."""
        over = notice["kind"] == "resolved"
        level = logging.INFO if over else _LEVELS.get(notice["severity"], logging.INFO)
        _LOGGER.log(level, "%s", notice["text"])
