"""One daemon for all `gptwatch run --watch` of a state directory.

Each registers its log, and has a process beside it that waits for the lock of the state
directory.  Whoever holds the lock watches the logs of all; when it ends, the next one
takes over.
"""

import contextlib
import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, overload

from watcher.errors import OutputError
from watcher.files import write_atomically


_FOLDER: Final = "shared"


@contextlib.contextmanager
def registered(state: Path, log: Path) -> Iterator[None]:
    """Lets the daemon of a state directory watch a log meanwhile."""
    folder = state / _FOLDER
    entry = folder / str(os.getpid())
    # Where it cannot be written the daemon cannot start either, and says why.
    with contextlib.suppress(OSError, OutputError):
        folder.mkdir(parents=True, exist_ok=True)
        _forget_dead(folder)
        write_atomically(entry, [os.fsencode(glob.escape(log.name))])
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            entry.unlink()


def _forget_dead(folder: Path) -> None:
    """Removes what a killed process left."""
    for entry in folder.iterdir():
        if entry.name.isdecimal() and not Path("/proc", entry.name).exists():
            entry.unlink(missing_ok=True)


class Registered(Sequence[str]):
    """Patterns of the logs that are registered now."""

    def __init__(self, state: Path) -> None:
        self._folder = state / _FOLDER
        self._stamp = -1
        self._patterns: tuple[str, ...] = ()

    def _known(self) -> tuple[str, ...]:
        """Read again when a log was added or removed."""
        try:
            stamp = self._folder.stat().st_mtime_ns
        except OSError:
            return ()
        if stamp != self._stamp:
            self._stamp, self._patterns = stamp, tuple(self._read())
        return self._patterns

    def _read(self) -> Iterator[str]:
        for entry in sorted(self._folder.iterdir()):
            with contextlib.suppress(OSError):  # its process just ended
                if entry.name.isdecimal():
                    yield os.fsdecode(entry.read_bytes())

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        """One of the patterns, or some."""
        return self._known()[at]

    def __len__(self) -> int:
        return len(self._known())

    def __iter__(self) -> Iterator[str]:
        return iter(self._known())
