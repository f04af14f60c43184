"""Tails logs: new bytes of each go through its parser into the database.

A path may come to hold another file.  Where that is the next part of a rotated log, the
run continues; where the same text stands in it (an editor's atomic replace, a copy that
was renamed over it), reading continues at the offset; otherwise (truncated, rewritten,
replaced, inode reused) a new generation begins, and the old one is kept.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from parsers.format import Format
from parsers.formats import FORMATS
from parsers.parser import Parser
from watcher.clock import Clock
from watcher.ingest import fileread, rewritten, rotation
from watcher.ingest.rotation import Part
from watcher.ingest.tail import OLD_S, Tail
from watcher.storage.checkpoint import Cursor
from watcher.storage.database import Database
from watcher.storage.rows import Row


LOGGER: Final = logging.getLogger("gptwatch")
# A log that was renamed may still get lines until its writer reopens the path.
ROTATE_WAIT_S: Final = 5.0
# After this the new inode is read, even if the rotated file is still being written.
ROTATE_TIMEOUT_S: Final = 60.0

# The next file of a rotated log that is not there yet.
_NO_FILE: Final = (0, 0)


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
        writer: Callable[[tuple[int, int], Path, float], str] = lambda *_: "unknown",
        wanted: Callable[[Path], bool] = lambda _: False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._formats = formats
        self._writer = writer
        self._wanted = wanted
        self.is_tailed: Callable[[Path], bool] = lambda _: False

    def restore(self, row: Row, root: Path) -> Tail:
        """The tail of a run in the database, at its checkpoint."""
        return Tail(
            root,
            root / row.path,
            run=row.id,
            cursor=row.cursor,
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
        if cursor is not None and cursor.looks_unchanged(stat):
            tail.settle()
            return 0
        if cursor is not None and cursor.key != (stat.st_dev, stat.st_ino):
            parts = self._parts(tail, by_inode=True)
            if parts is not None:
                return self._read_part(tail, parts, quota)
        return self._read_path(tail, quota)

    def is_abandoned(self, tail: Tail) -> bool:
        """Whether no process is known to write the file that was read last."""
        assert tail.cursor is not None
        now = self._clock.uptime()
        return self._writer(tail.cursor.key, tail.path, now) != "alive"

    def move(self, tail: Tail, root: Path, path: Path) -> None:
        """Follows a file that was renamed."""
        assert tail.run is not None
        self._store.rename(tail.run, str(root), str(path.relative_to(root)))
        LOGGER.info("%s: renamed to %s (%s)", tail.path, path, tail.where)
        if tail.next_key is not None and tail.next_key == fileread.key(path):
            self._begin_part(tail, fileread.start(path))
        tail.root, tail.path, tail.gone_at, tail.more = root, path, None, True
        tail.settle()

    def drain(self, tail: Tail, quota: int) -> None:
        """Reads the rest of a file whose path another log took, then closes it."""
        assert tail.cursor is not None
        found = tail.fd and fileread.read(tail.fd, tail.cursor, quota)
        while found and found[0]:
            self._take(tail, *found)
            found = tail.fd and fileread.read(tail.fd, tail.cursor, quota)
        LOGGER.info("%s: replaced by a renamed log (%s)", tail.path, tail.where)
        tail.evict()

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
        return size

    def _read_path(self, tail: Tail, quota: int) -> int:
        """Reads on in the file that the path holds, where it still is the same."""
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
            tail.close()
            tail.fd = fd
        finally:
            if tail.fd != fd:
                os.close(fd)
        tail.settle()
        size = self._take(tail, *found)
        if tail.cursor is found[1]:
            tail.more = not tail.cursor.at_end
        return size

    def _take(self, tail: Tail, data: bytes, cursor: Cursor) -> int:
        """Puts bytes through the parser into the database."""
        if not data:
            self._store.move(self._run(tail, cursor), cursor)
        else:
            parser = self._parser(tail)
            if parser is None:
                return self._reread(tail)
            delta = parser.feed(data)
            run = self._run(tail, cursor)
            self._store.add(run, delta, cursor, parser, data)
            tail.note(delta)
        tail.cursor, tail.more = cursor, True
        return len(data)

    def _run(self, tail: Tail, cursor: Cursor) -> int:
        """The log's run, which begins when something of it is stored."""
        if tail.run is None:
            now = self._clock.now()
            adopted = now - cursor.mtime_ns / 1e9 > OLD_S
            tail.run = self._store.begin(
                str(tail.root), tail.name, reason="found", now=now, adopted=adopted
            )
            LOGGER.info(
                "%s: %s (inode %d, offset 0)",
                *(tail.path, "adopted an old log" if adopted else "found"),
                cursor.inode,
            )
        return tail.run

    def _parser(self, tail: Tail) -> Parser | None:
        """The parser at the offset; None where another version or format wrote it."""
        if tail.parser is None and tail.run is None:
            tail.parser = Parser(self._formats)
        elif tail.parser is None:
            assert tail.run is not None
            try:
                tail.parser = self._store.parser(tail.run, self._formats)
            except (LookupError, TypeError, ValueError):
                return None
        return tail.parser

    def _reread(self, tail: Tail) -> int:
        """Starts over at offset 0, since the stored parser state cannot be used."""
        assert tail.run is not None
        LOGGER.info(
            "%s: parser state of another version or other formats; read again from "
            "offset 0 (%s)",
            *(tail.path, tail.where),
        )
        self._store.rewind(tail.run)
        tail.cursor, tail.more = None, True
        return 0

    def _on_other_file(self, tail: Tail, quota: int) -> int:
        """The path lost the file: renamed, rotated, unlinked, truncated or replaced."""
        assert tail.cursor is not None
        new = self._renamed(tail)
        if new is not None:
            self.move(tail, tail.root, new)
            return 0
        parts = self._parts(tail)
        if parts is not None:
            return self._read_part(tail, parts, quota)
        if tail.fd is not None:
            # Asked before reading: what is written before the file is closed counts.
            ended = tail.path.is_symlink() or self._has_ended(tail, tail.path)
            found = fileread.read(tail.fd, tail.cursor, quota)
            if found is not None and found[0] and not self._timed_out(tail):
                tail.eof_at = None
                tail.unlinked = os.fstat(tail.fd).st_nlink == 0
                return self._take(tail, *found)
            if found is not None and not ended:
                return 0
        if tail.gone_at is None and not self._is_rewritten(tail):
            self._begin_generation(tail)
        return 0

    def _parts(self, tail: Tail, *, by_inode: bool = False) -> list[Part] | None:
        assert tail.cursor is not None
        return rotation.parts(
            tail.path, tail.cursor, by_inode=by_inode, excluded=self.is_tailed
        )

    def _is_rewritten(self, tail: Tail) -> bool:
        """Whether the path holds the text that was read: copied again, or cut."""
        assert tail.cursor is not None
        assert tail.run is not None
        fd = fileread.opened(tail.path)
        try:
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
        self._store.move(tail.run, cut)
        tail.close()
        tail.settle()
        tail.cursor, tail.more = cut, True
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

    def _read_part(self, tail: Tail, parts: Sequence[Part], quota: int) -> int:
        """Reads on in a rotated file; at its end switches to the next, or the path."""
        assert tail.cursor is not None
        part = parts[0]
        if part.packed:
            found = rotation.unpacked(part, tail.cursor)
            if found is None:
                return self._look_again(tail)
            taken = 0
            for data, cursor in found:
                taken += self._take(tail, data, cursor) if data else 0
            return taken or self._switch(tail, parts)
        fd = fileread.opened(part.path)
        try:
            # Asked before reading: what is written before it is closed counts.
            ended = self._part_has_ended(tail, part.path, fd, last=len(parts) == 1)
            new = fileread.read(fd, tail.cursor, quota)
        finally:
            os.close(fd)
        if new is None:
            return self._look_again(tail)
        if new[0]:
            tail.eof_at = None
            return self._take(tail, *new)
        return self._switch(tail, parts) if ended else 0

    def _look_again(self, tail: Tail) -> int:
        """The files were rotated once more since they were listed."""
        tail.more = True
        return 0

    def _part_has_ended(self, tail: Tail, path: Path, fd: int, *, last: bool) -> bool:
        """Whether a rotated file gets no more lines: a copy never does."""
        assert tail.cursor is not None
        stat = os.fstat(fd)
        if (stat.st_dev, stat.st_ino) != tail.cursor.key:
            return True
        now = self._clock.uptime()
        if not last and self._writer(tail.cursor.key, path, now) != "alive":
            return True
        return self._has_ended(tail, path)

    def _switch(self, tail: Tail, parts: Sequence[Part]) -> int:
        """Continues at the beginning of the next part that is not empty.

        An empty file has nothing to be identified by: it may be written, copied and
        truncated before its first byte is read.  Until then the checkpoint stays
        behind the last part.
        """
        assert tail.run is not None
        assert tail.cursor is not None
        keys = rotation.keys(parts)
        found = next(_starts([*parts[1:], Part(tail.path)]), None)
        tail.next_key = None
        if found is None:
            tail.next_key = fileread.key(tail.path) or _NO_FILE
            if tail.cursor.next_key != tail.next_key:
                tail.cursor = replace(tail.cursor, next_key=tail.next_key)
                self._store.move(tail.run, tail.cursor)
            return 0
        if rotation.keys(self._parts(tail) or ()) != keys:
            return self._look_again(tail)
        part, start = found
        listed = tail.path in rotation.infix_bases(parts[0].path)
        start = tail.cursor.next_part(start, listed=listed)
        LOGGER.info(
            "%s: rotated (%s); continues in %s (inode %d, offset 0)",
            *(tail.path, tail.where, part.path.name, start.inode),
        )
        self._begin_part(tail, start)
        return 0

    def _begin_part(self, tail: Tail, start: Cursor) -> None:
        assert tail.run is not None
        self._store.move(tail.run, start, part=True)
        tail.cursor = start
        tail.settle()
        tail.close()
        tail.more = True

    def _has_ended(self, tail: Tail, path: Path) -> bool:
        """Whether a file that lost its name gets no more lines."""
        assert tail.cursor is not None
        if self._timed_out(tail):
            return True
        now = self._clock.uptime()
        if tail.eof_at is None:
            # Asked at the next look: then once for all logs that are rotated together.
            tail.eof_at = now
            return False
        if now - tail.eof_at >= ROTATE_WAIT_S:
            return True
        return self._writer(tail.cursor.key, path, tail.eof_at) == "gone"

    def _timed_out(self, tail: Tail) -> bool:
        """Whether the path has held another file for too long to wait for this one."""
        now = self._clock.uptime()
        if tail.gone_at is not None:
            tail.replaced_at = None
        elif tail.replaced_at is None:
            tail.replaced_at = now
        return tail.replaced_at is not None and (
            now - tail.replaced_at >= ROTATE_TIMEOUT_S
        )

    def _begin_generation(self, tail: Tail) -> None:
        """Begins a new generation: the path holds another file, or another text."""
        LOGGER.info("%s: %s; new generation", tail.path, _change(tail))
        tail.evict()
        tail.run = self._store.begin(
            str(tail.root), tail.name, reason="replaced", now=self._clock.now()
        )
        tail.parts = tail.cursor.parts if tail.cursor else ()
        tail.cursor = tail.last_step = None
        tail.has_metrics = False
        tail.settle()
        tail.more = True


def _starts(parts: Sequence[Part]) -> Iterator[tuple[Part, Cursor]]:
    """The parts that are there and not empty, with checkpoints at their beginnings."""
    for part in parts:
        with contextlib.suppress(FileNotFoundError):  # renamed, not created yet
            if part.path.stat().st_size:
                yield part, rotation.start(part)


def _change(tail: Tail) -> str:
    """What happened to a log's file, for the daemon's log."""
    assert tail.cursor is not None
    try:
        stat = tail.path.stat()
    except OSError:
        return f"unlinked ({tail.where})"
    if (stat.st_dev, stat.st_ino) != tail.cursor.key:
        return f"replaced by inode {stat.st_ino} ({tail.where})"
    if stat.st_size < tail.cursor.offset:
        return f"truncated to {stat.st_size} bytes ({tail.where})"
    return f"truncated and rewritten, or its inode reused ({tail.where})"
