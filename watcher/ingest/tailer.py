"""Tails logs: new bytes of each go through its parser into the database.

A path may come to hold another file.  Where that is the next part of a rotated log, the
run continues; where the same text stands in it (an editor's atomic replace, a copy that
was renamed over it), reading continues at the offset; otherwise (truncated, rewritten,
replaced, inode reused) a new generation begins, and the old one is kept.
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from parsers.format import Format
from parsers.formats import FORMATS
from watcher.clock import Clock
from watcher.ingest import earlier, fileread, rewritten, rotation
from watcher.ingest.recorder import Recorder
from watcher.ingest.rotated import AskWriter, Rotated
from watcher.ingest.rotation import Part
from watcher.ingest.tail import Tail
from watcher.storage.checkpoint import Cursor
from watcher.storage.database import Database
from watcher.storage.rows import Row


LOGGER: Final = logging.getLogger("gptwatch")


class Tailer:
    """Reads on in logs; everything happens inside the caller's transaction.

    `writer(key, path, since)`: whether a process has the file of that device and inode
    open for writing: "alive", "gone" or "unknown", asked at that uptime or later.
    `wanted(path)`: whether a path is watched, so that a log may be renamed to it.

    Attributes:
        is_tailed: whether a path is that of another log.
    """

    def __init__(
        self,
        store: Database,
        clock: Clock,
        *,
        formats: Sequence[Format] = FORMATS,
        writer: AskWriter = lambda *_: "unknown",
        wanted: Callable[[Path], bool] = lambda _: False,
    ) -> None:
        self._clock = clock
        self._writer = writer
        self._wanted = wanted
        self.is_tailed: Callable[[Path], bool] = lambda _: False
        self._recorder = Recorder(store, clock, formats)
        self._formats = formats
        self._rotated = Rotated(self._recorder, clock, writer, excluded=self._is_tailed)

    def restore(self, row: Row, root: Path) -> Tail:
        """The tail of a run in the database, at its checkpoint."""
        return Tail(
            root,
            root / row.path,
            run=row.id,
            cursor=row.cursor,
            parts=() if row.cursor else self._recorder.parts_before(row),
            has_metrics=bool(row.latest),
        )

    def advance(self, tail: Tail, quota: int) -> int:
        """Reads what is new in a log, at most about `quota` bytes; how many there were.

        Raises:
            OSError: the file cannot be read.
            StorageUnavailableError: the database cannot be written.
        """
        tail.more = False
        try:
            stat = os.stat(tail.path)  # noqa: PTH116 - six times as fast
        except FileNotFoundError:
            return self._on_missing(tail, quota)
        tail.gone_at, tail.unlinked, cursor = None, False, tail.cursor
        if cursor is None:
            return self._read_path(tail, quota)
        if cursor.looks_unchanged(stat):
            tail.settle()
            return 0
        if cursor.key != (stat.st_dev, stat.st_ino):
            parts = self._rotated.parts(tail, by_inode=True)
            if parts is not None:
                return self._rotated.read(tail, parts, quota)
        elif tail.fd is not None and tail.fd_key == cursor.key:
            # The open file keeps its inode from being reused: it is still the same.
            found = fileread.read(tail.fd, cursor, quota, seen=stat)
            if found is not None:
                return self._read_on(tail, *found)
        return self._read_path(tail, quota)

    def _is_tailed(self, path: Path) -> bool:
        return self.is_tailed(path)

    def earlier_parts(self, path: Path) -> list[Part]:
        """Parts of a log that was rotated before it was read, the oldest first."""
        return earlier.parts(path, self._formats)

    def settle(self, tails: Sequence[Tail]) -> None:
        """Brings what readers of the database need first up to date."""
        self._recorder.settle(tails)

    def is_abandoned(self, tail: Tail) -> bool:
        """Whether no process is known to write the file that was read last."""
        assert tail.cursor is not None
        now = self._clock.uptime()
        return self._writer(tail.cursor.key, tail.path, now) != "alive"

    def move(self, tail: Tail, root: Path, path: Path) -> None:
        """Follows a file that was renamed."""
        self._recorder.rename(tail, str(root), str(path.relative_to(root)))
        LOGGER.info("%s: renamed to %s (%s)", tail.path, path, tail.where)
        if tail.next_key is not None and tail.next_key == fileread.key(path):
            self._recorder.begin_part(tail, fileread.start(path))
        tail.root, tail.path, tail.gone_at, tail.more = root, path, None, True
        tail.settle()

    def drain(self, tail: Tail, quota: int) -> None:
        """Reads the rest of a file whose path another log took, then closes it."""
        assert tail.cursor is not None
        found = tail.fd and fileread.read(tail.fd, tail.cursor, quota)
        while found and found[0]:
            self._recorder.take(tail, *found)
            found = tail.fd and fileread.read(tail.fd, tail.cursor, quota)
        LOGGER.info("%s: replaced by a renamed log (%s)", tail.path, tail.where)
        tail.evict()

    def _begins_earlier(self, tail: Tail) -> bool:
        """Begins a run in the first of its earlier parts, where there are any."""
        parts = self.earlier_parts(tail.path)
        if not parts:
            return False
        changed_ns = tail.path.stat().st_mtime_ns
        start = replace(rotation.start(parts[0]), mtime_ns=changed_ns)
        self._recorder.begin_in(tail, start)
        return True

    def _on_missing(self, tail: Tail, quota: int) -> int:
        """The path holds nothing: the file was renamed, rotated or unlinked."""
        if tail.cursor is None:
            tail.gone_at = tail.gone_at or self._clock.uptime()
            return 0
        first = tail.gone_at is None
        if first:
            tail.gone_at = self._clock.uptime()
        size = self._on_other_file(tail, quota)
        if first and not size and tail.gone_at is not None and tail.eof_at is None:
            LOGGER.info("%s: unlinked (%s)", tail.path, tail.where)
        if tail.has_no_file and not tail.is_recent(self._clock.now()):
            tail.gone_at = float("-inf")  # after a restart, too
        return size

    def _read_path(self, tail: Tail, quota: int) -> int:
        """Reads on in the file that the path holds, where it still is the same."""
        if tail.run is None and self._begins_earlier(tail):
            return 0
        fd = fileread.opened(tail.path)
        try:
            cursor = tail.cursor or tail.first_cursor(os.fstat(fd))
            found = fileread.read(fd, cursor, quota)
            if found is None:
                return self._on_other_file(tail, quota)
            if tail.cursor is not None and cursor.key != found[1].key:
                LOGGER.info(
                    "%s: replaced by a file with the same text (%s -> inode %d)",
                    *(tail.path, tail.where, found[1].inode),
                )
            tail.open(fd, found[1].key)
        finally:
            if tail.fd != fd:
                os.close(fd)
        return self._read_on(tail, *found)

    def _read_on(self, tail: Tail, data: bytes, cursor: Cursor) -> int:
        """Takes what was read of the file that the path holds."""
        tail.settle()
        size = self._recorder.take(tail, data, cursor)
        if tail.cursor is cursor:
            tail.more = not cursor.at_end
        return size

    def _on_other_file(self, tail: Tail, quota: int) -> int:
        """The path lost the file: renamed, rotated, unlinked, truncated or replaced."""
        assert tail.cursor is not None
        new = self._renamed(tail)
        if new is not None:
            self.move(tail, tail.root, new)
            return 0
        parts = self._rotated.parts(tail)
        if parts is not None:
            return self._rotated.read(tail, parts, quota)
        if tail.fd is not None:
            # Asked before reading: what is written before the file is closed counts.
            ended = tail.path.is_symlink() or self._rotated.has_ended(tail, tail.path)
            found = fileread.read(tail.fd, tail.cursor, quota)
            if found is not None and found[0] and not self._rotated.timed_out(tail):
                tail.eof_at = None
                tail.unlinked = os.fstat(tail.fd).st_nlink == 0
                return self._recorder.take(tail, *found)
            if found is not None and not ended:
                return 0
        if tail.gone_at is None and not self._is_rewritten(tail):
            self._recorder.begin_generation(tail)
        return 0

    def _is_rewritten(self, tail: Tail) -> bool:
        """Whether the path holds the text that was read: copied again, or cut."""
        assert tail.cursor is not None
        fd = fileread.opened(tail.path)
        try:
            if fileread.read(fd, tail.cursor, 1) is not None:
                tail.more = True  # a copy that was completed since the last check
                return True
            if rewritten.begins_alike(fd, tail.cursor):
                return self._waits_for_copy(tail, os.fstat(fd).st_size)
            cut = rewritten.without_head(fd, tail.cursor)
        finally:
            os.close(fd)
        if cut is None:
            return False
        LOGGER.info(
            "%s: its first %d bytes were cut away (%s); continues at offset %d",
            *(tail.path, tail.cursor.offset - cut.offset, tail.where, cut.offset),
        )
        self._recorder.move(tail, cut)
        tail.close()
        tail.settle()
        tail.more = True
        return True

    def _waits_for_copy(self, tail: Tail, size: int) -> bool:
        """Whether a file that begins as the one that was read may become its equal."""
        now = self._clock.uptime()
        tail.copied = tail.copied or (size, now)
        before, since = tail.copied
        return now - since < rewritten.copy_wait_s(max(0, size - before))

    def _renamed(self, tail: Tail) -> Path | None:
        """The new name of a log's file in its directory, where that is watched."""
        assert tail.cursor is not None
        try:
            with os.scandir(tail.path.parent) as entries:
                names = [e.name for e in entries if e.inode() == tail.cursor.inode]
        except OSError:
            return None
        for name in names:
            path = tail.path.with_name(name)
            if (
                path != tail.path
                and tail.path not in rotation.infix_bases(path)
                and self._wanted(path)
                and fileread.is_at(path, tail.cursor)
            ):
                return path
        return None
