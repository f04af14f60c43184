"""Recognises the text that was read in a file that was written again.

A log that is copied from another machine again and again (scp, rsync) is truncated and
filled with the same text; one whose head was cut away (fallocate --collapse-range)
begins further on in it.  Both go on as the run that they were.
"""

import os
import zlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

from watcher.ingest import fileread
from watcher.storage.checkpoint import HEAD_BYTES, MARKER_BYTES, Cursor, Mark


# A copy that is just being written is waited for: so long, and longer while it grows
# faster than a training writes.
_COPY_WAIT_S: Final = 10.0
_COPY_BYTES_PER_S: Final = 16 * 1024
# The marker is looked for in so much of the end of a file.
_SEARCH_BYTES: Final = 16 * 1024 * 1024


def copy_wait_s(grown: int) -> float:
    """For how long a copy that grew by so many bytes since then is waited for."""
    return _COPY_WAIT_S + grown / _COPY_BYTES_PER_S


def begins_alike(fd: int, cursor: Cursor) -> bool:
    """Whether a file holds only the beginning of the text that was read."""
    size = os.fstat(fd).st_size
    if size >= cursor.offset:
        return False
    known = cursor.head[:size]
    return os.pread(fd, len(known), 0) == known and all(
        has_mark(fd, mark) for mark in cursor.marks if mark[0] <= size
    )


def without_head(fd: int, cursor: Cursor) -> Cursor | None:
    """The checkpoint in a file whose text lost its beginning; None for another text."""
    if len(cursor.marker) < MARKER_BYTES:
        return None
    seen = os.fstat(fd)
    start = max(0, seen.st_size - _SEARCH_BYTES)
    data = os.pread(fd, _SEARCH_BYTES, start)
    at = data.find(cursor.marker)
    if at < 0 or data.find(cursor.marker, at + 1) >= 0:
        return None  # not there, or no proof
    offset = start + at + MARKER_BYTES
    cut = cursor.offset - offset
    if cut <= 0:
        return None
    head = os.pread(fd, min(HEAD_BYTES, offset), 0)
    marks = tuple((m - cut, crc) for m, crc in cursor.marks if m - cut >= MARKER_BYTES)
    same = head.startswith(cursor.head[cut:][: len(head)])
    if not same or not all(has_mark(fd, mark) for mark in marks):
        return None
    start_of = replace(Cursor.start(seen), head=head, marker=cursor.marker)
    return replace(start_of, offset=offset, marks=marks, parts=cursor.parts)


def has_marks(path: Path, marks: Collection[Mark]) -> bool:
    """Whether a file has the text before one of several offsets."""
    if not marks:
        return False
    try:
        fd = fileread.opened(path)
    except (OSError, fileread.NotALogError):
        return False
    try:
        return any(has_mark(fd, mark) for mark in marks)
    finally:
        os.close(fd)


def has_mark(fd: int, mark: Mark) -> bool:
    """Whether the text of a file before an offset has a checksum."""
    offset, checksum = mark
    back = min(offset, MARKER_BYTES)
    window = os.pread(fd, back, offset - back)
    return len(window) == back and zlib.crc32(window) == checksum
