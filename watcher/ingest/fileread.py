"""Reads new bytes behind an offset, and checks that the file is still the same.

Neither the inode nor the first bytes identify a file: file systems reuse a freed inode
for the next file, and two trainings of one configuration begin with the same kilobytes.
So a file is identified by what was read of it: its head (first bytes) and its marker
(the last bytes before the offset).  A truncated or rewritten file fails that check.
"""

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Final

from watcher.errors import InputError
from watcher.storage.checkpoint import HEAD_BYTES, MARKER_BYTES, Cursor, Stat


# More zeros than this at the end of a file may be a hole that is filled later.
_ZEROS: Final = 64


class NotALogError(InputError):
    """The path is a directory, a pipe, a device: nothing to tail."""


def opened(path: Path) -> int:
    """A descriptor of a regular file.

    Raises:
        NotALogError: it is no regular file.
        OSError: it cannot be opened.
    """
    # Without O_NONBLOCK opening a FIFO waits for a writer.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise NotALogError("{path}: not a regular file; cannot be tailed", path=path)
    return fd


def key(path: Path) -> tuple[int, int] | None:
    """Device and inode of what a path holds; None where it holds nothing."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def read(
    fd: int, cursor: Cursor, limit: int, seen: os.stat_result | None = None
) -> tuple[bytes, Cursor] | None:
    """New bytes of a file, at most about `limit`, and the checkpoint behind them.

    None where the file is not the one of the checkpoint.  The marker and
    what follows it come in one call, so that no change can slip in between.
    `seen`: a stat of the file, where there is one from just before.
    """
    back = len(cursor.marker)
    seen = seen or os.fstat(fd)
    data = os.pread(fd, back + limit, cursor.offset - back)
    if data[:back] != cursor.marker:
        return None
    known = len(cursor.head)
    checked = cursor.offset == back >= known  # the marker covers all that is known
    if not checked and os.pread(fd, known, 0) != cursor.head:
        return None
    new, skipped, ended = data[back:], 0, len(data) < back + limit
    if new.endswith(bytes(_ZEROS)):
        new, skipped, ended = _without_hole(fd, cursor.offset, new, limit)
    # Until it was read to its end, a file never looks unchanged.
    size = seen.st_size if ended else -1
    stat = Stat(size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_dev, seen.st_ino)
    return new, cursor.advanced(new, stat, skipped)


def start(path: Path) -> Cursor:
    """The checkpoint at offset 0 of a file, which is known by its first bytes.

    Raises:
        NotALogError: it is no regular file.
        OSError: it cannot be read.
    """
    fd = opened(path)
    try:
        return start_of(fd)
    finally:
        os.close(fd)


def start_of(fd: int) -> Cursor:
    """As `start`, of a file that is open."""
    head = os.pread(fd, HEAD_BYTES, 0).rstrip(b"\0")  # a hole may be filled later
    return replace(Cursor.start(os.fstat(fd)), head=head)


def end(path: Path) -> Cursor:
    """The checkpoint at the end of a file, as if it had been read.

    Raises:
        NotALogError: it is no regular file.
        OSError: it cannot be read.
    """
    fd = opened(path)
    try:
        seen = os.fstat(fd)
        size = seen.st_size
        back = min(size, MARKER_BYTES)
        head, marker = os.pread(fd, HEAD_BYTES, 0), os.pread(fd, back, size - back)
    finally:
        os.close(fd)
    return replace(Cursor.start(seen), head=head, marker=marker, offset=size)


def is_at(path: Path, cursor: Cursor) -> bool:
    """Whether a file is the one that was read; not, where it cannot be opened."""
    try:
        fd = opened(path)
    except (OSError, NotALogError):
        return False
    try:
        return read(fd, cursor, 1) is not None
    finally:
        os.close(fd)


def _without_hole(
    fd: int, offset: int, new: bytes, limit: int
) -> tuple[bytes, int, bool]:
    """The bytes before a hole at their end, or behind it; its length; if all was read.

    Zeros at the end of a file stay unread: they may be blocks that have not arrived.
    """
    kept = new.rstrip(b"\0")
    if kept:
        return kept, 0, False
    behind = offset + len(new)
    while True:
        try:
            behind = os.lseek(fd, behind, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but the hole until the end
                return b"", 0, True
            if error.errno != errno.EINVAL:  # a file system without holes
                raise
        found = os.pread(fd, limit, behind)
        if not found:
            return b"", 0, True
        if kept := found.rstrip(b"\0"):
            return kept, behind - offset, False
        behind += len(found)
