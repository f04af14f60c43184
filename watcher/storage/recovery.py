"""Recovery: a damaged database is set aside, and a new one begun."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Final

from watcher.errors import StorageUnavailableError


LOGGER: Final = logging.getLogger("gptwatch")
NAME: Final = "store.db"
# A disk that damages one database after the other must not be filled by them.
KEPT: Final = 3
_SUFFIXES: Final = ("", "-wal", "-shm")


def set_aside(folder: Path, error: Exception) -> None:
    """Renames a damaged database; the logs are then read from their beginning.

    The last `KEPT` copies stay.

    Raises:
        StorageUnavailableError: it cannot be renamed.
    """
    stamp = f"{datetime.now().astimezone():%Y%m%d_%H%M%S}"
    try:
        for suffix in _SUFFIXES:
            part = folder / f"{NAME}{suffix}"
            if part.exists():
                part.rename(folder / f"{NAME}{suffix}.damaged_{stamp}")
        _delete_oldest(folder)
    except OSError as failure:
        raise StorageUnavailableError(
            "{folder}: a damaged database cannot be set aside "
            "({reason}); fix the permissions, or move {name} away",
            folder=folder,
            reason=failure.strerror,
            name=NAME,
        ) from failure
    LOGGER.error(
        "%s; it is kept as %s.damaged_%s, and all logs are read again",
        error,
        NAME,
        stamp,
    )


def _delete_oldest(folder: Path) -> None:
    for suffix in _SUFFIXES:
        # Their names sort by date.
        copies = sorted(folder.glob(f"{NAME}{suffix}.damaged_*"))
        for path in copies[:-KEPT]:
            path.unlink(missing_ok=True)
