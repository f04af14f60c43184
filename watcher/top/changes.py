"""Tells when files in a directory change, so that nothing is asked while none does."""

import ctypes
import os
from pathlib import Path
from typing import Final


_MODIFY: Final = 0x2
_MOVED_TO: Final = 0x80
_CREATE: Final = 0x100
_DELETE: Final = 0x200
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
_SIZE: Final = 65536


class Changes:
    """inotify on one directory.

    Attributes:
        fd: readable when something changed; None where the system cannot tell.
    """

    def __init__(self, folder: Path) -> None:
        self.fd: int | None = None
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "inotify_init1"):
            return
        fd = libc.inotify_init1(_FLAGS)
        if fd < 0:  # too many instances of this user
            return
        mask = _MODIFY | _MOVED_TO | _CREATE | _DELETE
        if libc.inotify_add_watch(fd, os.fsencode(folder), mask) < 0:
            os.close(fd)
            return
        self.fd = fd

    def seen(self) -> None:
        """Forgets what was told so far."""
        if self.fd is not None:
            try:
                while len(os.read(self.fd, _SIZE)) > _SIZE // 2:
                    pass
            except BlockingIOError:
                pass

    def close(self) -> None:
        """Closes it."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
