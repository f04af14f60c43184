"""Locks a state directory for one daemon at a time (flock, with the pid inside)."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from watcher.errors import StorageSetupError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Locks a state directory.

    Raises:
        StorageSetupError: another process has the lock, or there is no directory.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a+")
    except OSError as error:
        raise StorageSetupError(
            "{folder}: cannot be written ({reason}); choose another "
            "directory with --state",
            folder=folder,
            reason=error.strerror,
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            raise StorageSetupError(
                "{folder}: another gptwatch is running here (pid {pid}); "
                "stop it first (kill {pid}), or choose another directory "
                "with --state",
                folder=folder,
                pid=pid,
            ) from None
        # The pid is for the message above; the lock works without it, too.
        with suppress(OSError):
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), str(os.getpid()).encode())
        yield


def holder(folder: Path) -> int | None:
    """The pid of the daemon that has a state directory locked; None without one."""
    try:
        with (folder / "lock").open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read().strip() or 0)
    except (OSError, ValueError):
        return None
    return None
