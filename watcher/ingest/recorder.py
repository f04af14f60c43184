"""Puts the bytes of logs through their parsers into the database."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from parsers.format import Format
from parsers.parser import Parser
from watcher.clock import Clock
from watcher.errors import Text
from watcher.ingest import rotation
from watcher.ingest.tail import OLD_S, Tail
from watcher.storage.checkpoint import Cursor, Mark
from watcher.storage.database import Database
from watcher.storage.rows import Row


LOGGER: Final = logging.getLogger("gptwatch")


class Recorder:
    """Runs of logs: begun, continued, read again; inside the caller's transaction."""

    def __init__(
        self, store: Database, clock: Clock, formats: Sequence[Format]
    ) -> None:
        self._store = store
        self._clock = clock
        self._formats = formats

    def take(self, tail: Tail, data: bytes, cursor: Cursor) -> int:
        """Stores what was read and the checkpoint behind it; how many bytes."""
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

    def move(self, tail: Tail, cursor: Cursor, *, part: bool = False) -> None:
        """Stores another checkpoint; `part`: in the next file of a rotated log."""
        assert tail.run is not None
        self._store.move(tail.run, cursor, part=part)
        tail.cursor = cursor

    def parts_before(self, row: Row) -> tuple[Mark, ...]:
        """The parts of a run that ended before another began, of which none is read."""
        before = self._store.table.read_before(row)
        return before.cursor.parts if before and before.cursor else ()

    def begin_part(self, tail: Tail, start: Cursor) -> None:
        """Continues a run in the next file of a rotated log."""
        self.move(tail, start, part=True)
        tail.settle()
        tail.close()
        tail.more = True

    def begin_in(self, tail: Tail, start: Cursor) -> None:
        """Begins a run in the first file of a log that was rotated before."""
        self._run(tail, start)
        self.move(tail, start)
        tail.more = True

    def begin_generation(self, tail: Tail) -> None:
        """Begins a new generation: the path holds another file, or another text."""
        LOGGER.info("%s: %s; new generation", tail.path, _change(tail))
        tail.evict()
        if tail.run is not None:
            self._store.growth.forget(tail.run)
        tail.run = self._store.begin(
            str(tail.root), tail.name, reason="replaced", now=self._clock.now()
        )
        tail.begin()

    def rename(self, tail: Tail, root: str, path: str) -> None:
        """The file of a run has another path."""
        assert tail.run is not None
        self._store.rename(tail.run, root, path)

    def settle(self, tails: Sequence[Tail]) -> None:
        """Brings the rows of runs up to date where their parsers are at hand."""
        with self._store.transaction():
            for tail in tails:
                if tail.run is not None and tail.cursor and tail.parser is not None:
                    self._store.settle(tail.run, tail.cursor, tail.parser)

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
        """Starts over, since the stored parser state cannot be used.

        Where a file of the run is not there any more, what was read of it stays, and
        the files that are there begin a new generation.
        """
        assert tail.run is not None
        places = self._store.places.of(tail.run)
        heads = [place.head for place in places if place.head]
        missing, start = rotation.beginning(tail.path, heads)
        LOGGER.info(
            "%s: parser state of another version or other formats; read again from "
            "offset 0 (%s)",
            *(tail.path, tail.where),
        )
        if missing:
            tail.run = self._store.begin(
                str(tail.root), tail.name, reason="read again", now=self._clock.now()
            )
        else:
            self._store.rewind(tail.run)
        tail.evict()
        if start is not None:
            parts = tail.cursor.parts if tail.cursor else ()
            self.move(tail, replace(start, parts=parts))
        else:
            tail.cursor = None
        tail.more = True
        return 0


def _change(tail: Tail) -> Text:
    """What happened to a log's file, for the daemon's log."""
    assert tail.cursor is not None
    try:
        stat = tail.path.stat()
    except OSError:
        return Text("unlinked ({where})", {"where": tail.where})
    if (stat.st_dev, stat.st_ino) != tail.cursor.key:
        known = {"inode": stat.st_ino, "where": tail.where}
        return Text("replaced by inode {inode} ({where})", known)
    if stat.st_size < tail.cursor.offset:
        known = {"size": stat.st_size, "where": tail.where}
        return Text("truncated to {size} bytes ({where})", known)
    text = "truncated and rewritten, or its inode reused ({where})"
    return Text(text, {"where": tail.where})
