"""Where the page of a state directory is served: its process keeps a locked note."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final


_NAME: Final = "web.address"
_PROBLEM: Final = "web.problem"


@contextlib.contextmanager
def noted(folder: Path, address: str) -> Iterator[None]:
    """Keeps the address, for this user only, while the body runs.

    A second page of the same directory does not replace the first one's note.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        file = os.fdopen(os.open(folder / _NAME, flags, 0o600), "r+")
    except OSError:  # a directory that cannot be written: the page works without it
        yield
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate()
            file.write(address)
            file.flush()
        except OSError:
            pass
        yield


def note_problem(folder: Path, text: str) -> None:
    """Keeps why there is no page now, "" when there is one again."""
    with contextlib.suppress(OSError):
        (folder / _PROBLEM).write_text(text, encoding="utf-8")


def problem(folder: Path) -> str:
    """Why there is no page although the daemon is to serve one, "" for nothing."""
    try:
        return (folder / _PROBLEM).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def address(folder: Path) -> str:
    """The address of the page that is served now, "" without one."""
    try:
        with (folder / _NAME).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return file.read()
    except OSError:
        return ""
    return ""
