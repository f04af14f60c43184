"""Reads on in the files that a log was rotated to, and continues in its next one.

A renamed file may still get late lines: it is read until its writer has closed it, or
has been silent for long enough.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from watcher.clock import Clock
from watcher.ingest import fileread, rotation
from watcher.ingest.recorder import Recorder
from watcher.ingest.rotation import Part
from watcher.ingest.tail import Tail
from watcher.storage.checkpoint import Cursor


LOGGER: Final = logging.getLogger("gptwatch")
# A log that was renamed may still get lines until its writer reopens the path.
ROTATE_WAIT_S: Final = 5.0
# After this the new inode is read, even if the rotated file is still being written.
ROTATE_TIMEOUT_S: Final = 60.0
# The next file of a rotated log that is not there yet.
_NO_FILE: Final = (0, 0)

# Whether a process has the file of that device and inode open for writing: "alive",
# "gone" or "unknown", asked at that uptime or later.
AskWriter = Callable[[tuple[int, int], Path, float], str]


class Rotated:
    """Parts of rotated logs; `excluded`: paths of other logs."""

    def __init__(
        self,
        recorder: Recorder,
        clock: Clock,
        writer: AskWriter,
        excluded: Callable[[Path], bool],
    ) -> None:
        self._recorder = recorder
        self._clock = clock
        self._writer = writer
        self._excluded = excluded

    def parts(self, tail: Tail, *, by_inode: bool = False) -> list[Part] | None:
        """From the file that was read last to the newest; None where it is no part."""
        assert tail.cursor is not None
        return rotation.parts(
            tail.path, tail.cursor, by_inode=by_inode, excluded=self._excluded
        )

    def read(self, tail: Tail, parts: Sequence[Part], quota: int) -> int:
        """Reads on in a rotated file; at its end switches to the next, or the path."""
        assert tail.cursor is not None
        part = parts[0]
        if part.packed:
            found = rotation.unpacked(part, tail.cursor)
            if found is None:
                return _look_again(tail)
            taken = 0
            for data, cursor in found:
                taken += self._recorder.take(tail, data, cursor) if data else 0
            return taken or self._switch(tail, parts)
        fd = fileread.opened(part.path)
        try:
            # Asked before reading: what is written before it is closed counts.
            ended = self._part_has_ended(tail, part.path, fd, last=len(parts) == 1)
            new = fileread.read(fd, tail.cursor, quota)
        finally:
            os.close(fd)
        if new is None:
            return _look_again(tail)
        if new[0]:
            tail.eof_at = None
            return self._recorder.take(tail, *new)
        return self._switch(tail, parts) if ended else 0

    def has_ended(self, tail: Tail, path: Path) -> bool:
        """Whether a file that lost its name gets no more lines."""
        assert tail.cursor is not None
        if self.timed_out(tail):
            return True
        now = self._clock.uptime()
        if tail.eof_at is None:
            # Asked at the next look: then once for all logs that are rotated together.
            tail.eof_at = now
            return False
        if now - tail.eof_at >= ROTATE_WAIT_S:
            return True
        return self._writer(tail.cursor.key, path, tail.eof_at) == "gone"

    def timed_out(self, tail: Tail) -> bool:
        """Whether the path has held another file for too long to wait for this one."""
        now = self._clock.uptime()
        if tail.gone_at is not None:
            tail.replaced_at = None
        elif tail.replaced_at is None:
            tail.replaced_at = now
        return tail.replaced_at is not None and (
            now - tail.replaced_at >= ROTATE_TIMEOUT_S
        )

    def _part_has_ended(self, tail: Tail, path: Path, fd: int, *, last: bool) -> bool:
        """Whether a rotated file gets no more lines: a copy never does."""
        assert tail.cursor is not None
        stat = os.fstat(fd)
        if (stat.st_dev, stat.st_ino) != tail.cursor.key:
            return True
        now = self._clock.uptime()
        if not last and self._writer(tail.cursor.key, path, now) != "alive":
            return True
        return self.has_ended(tail, path)

    def _switch(self, tail: Tail, parts: Sequence[Part]) -> int:
        """Continues at the beginning of the next part that is not empty.

        An empty file has nothing to be identified by: it may be written, copied and
        truncated before its first byte is read.  Until then the checkpoint stays
        behind the last part.
        """
        assert tail.cursor is not None
        keys = rotation.keys(parts)
        found = next(_starts([*parts[1:], Part(tail.path)]), None)
        tail.next_key = None
        if found is None and _is_next_unlinked(tail):
            return self._switch_to_unlinked(tail)
        if found is None:
            tail.next_key = fileread.key(tail.path) or _NO_FILE
            if tail.cursor.next_key != tail.next_key:
                self._recorder.move(tail, replace(tail.cursor, next_key=tail.next_key))
            return 0
        if rotation.keys(self.parts(tail) or ()) != keys:
            return _look_again(tail)
        part, start = found
        listed = tail.path in rotation.infix_bases(parts[0].path)
        start = tail.cursor.next_part(start, listed=listed)
        LOGGER.info(
            "%s: rotated (%s); continues in %s (inode %d, offset 0)",
            *(tail.path, tail.where, part.path.name, start.inode),
        )
        self._recorder.begin_part(tail, start)
        return 0

    def _switch_to_unlinked(self, tail: Tail) -> int:
        """Continues in the file that is open: unlinked between two looks."""
        assert tail.fd is not None
        fd, start = os.dup(tail.fd), fileread.start_of(tail.fd)
        LOGGER.info(
            "%s: rotated, then unlinked (%s); continues in inode %d, offset 0",
            *(tail.path, tail.where, start.inode),
        )
        self._recorder.begin_part(tail, start)
        tail.open(fd, start.key)
        return 0


def _is_next_unlinked(tail: Tail) -> bool:
    """Whether the next file, empty at the last look, is open and has lost its path."""
    if tail.fd is None or tail.cursor is None or tail.path.exists():
        return False
    return tail.fd_key == tail.cursor.next_key and os.fstat(tail.fd).st_size > 0


def _look_again(tail: Tail) -> int:
    """The files were rotated once more since they were listed."""
    tail.more = True
    return 0


def _starts(parts: Sequence[Part]) -> Iterator[tuple[Part, Cursor]]:
    """The parts that are there and not empty, with checkpoints at their beginnings."""
    for part in parts:
        with contextlib.suppress(FileNotFoundError):  # renamed, not created yet
            if part.path.stat().st_size:
                yield part, rotation.start(part)
