"""The secret that lets in whoever is not known as a local user."""

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from watcher.errors import OutputError


NAME: Final = "web.token"
_BYTES: Final = 32


def token(folder: Path) -> str:
    """The token of a state directory, made where there is none yet.

    Raises:
        OutputError: it cannot be made, or others may read it.
    """
    path = folder / NAME
    try:
        return _made(path)
    except FileExistsError:
        return _kept(path)
    except OSError as error:
        raise OutputError(
            "{path}: cannot be written ({reason}); the page needs a token there",
            path=path,
            reason=error.strerror,
        ) from None


def _made(path: Path) -> str:
    text = secrets.token_urlsafe(_BYTES)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "w") as file:
        file.write(text)
    return text


def _kept(path: Path) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(fd) as file:
            seen = os.fstat(file.fileno())
            text = file.read(1024).strip()
    except OSError as error:
        raise OutputError(
            "{path}: cannot be read ({reason})", path=path, reason=error.strerror
        ) from None
    is_private = stat.S_ISREG(seen.st_mode) and not seen.st_mode & 0o077
    if not is_private or seen.st_uid != os.geteuid() or len(text) < _BYTES:
        raise OutputError(
            "{path}: other users may have read or written it; delete it, "
            "and a new token is made",
            path=path,
        )
    return text
