"""Recovery: a damaged database is set aside, and begun anew."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Final


LOGGER: Final = logging.getLogger("gptwatch")
NAME: Final = "store.db"


def set_aside(folder: Path, error: Exception) -> None:
    """Puts a damaged store out of the way; logs are then read from their beginning."""
    stamp = f"{datetime.now().astimezone():%Y%m%d_%H%M%S}"
    path = folder / NAME
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(NAME + suffix)
        if part.exists():
            part.rename(path.with_name(f"{NAME}{suffix}.damaged_{stamp}"))
    LOGGER.error(
        "%s; it is kept as %s.damaged_%s, and all logs are read again",
        error,
        NAME,
        stamp,
    )
