"""A state folder belongs to one daemon at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from watcher.errors import StorageSetupError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a state folder for one daemon.

    Raises:
        StorageSetupError: another process holds it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a+")
    except OSError as error:
        raise StorageSetupError(
            f"{folder}: cannot be written ({error.strerror}); "
            "choose another folder with --state"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            raise StorageSetupError(
                f"{folder}: another gptwatch works here (process {pid}); stop it "
                f"first (kill {pid}), or choose another folder with --state"
            ) from None
        # Whoever is refused wants to know by whom; the lock holds without it, too.
        with suppress(OSError):
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), str(os.getpid()).encode())
        yield


def holder(folder: Path) -> int | None:
    """The process that holds a state folder, None where none does."""
    try:
        with (folder / "lock").open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read().strip() or 0)
    except (OSError, ValueError):
        return None
    return None
