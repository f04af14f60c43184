"""Follows logs: what is new in each goes through its parser into the store.

A path may come to hold another file.  Where that is the next part of a rotated log, the
run goes on; where the same text stands in it (an editor's atomic save, a copy that came
back), reading goes on too; otherwise a new generation begins, and the old one is kept.
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from parsers.delta import Delta
from parsers.format import Format
from parsers.formats import FORMATS
from parsers.metrics import VALIDATION
from parsers.parser import Parser
from watcher.clock import Clock
from watcher.ingest import fileread, rotation
from watcher.ingest.rotation import Part
from watcher.storage.checkpoint import Cursor
from watcher.storage.database import Database
from watcher.storage.rows import Row


LOGGER: Final = logging.getLogger("gptwatch")
_VALIDATION: Final = frozenset(VALIDATION)
_LOSSES: Final = frozenset({"loss", "train_loss", "grad_norm", *VALIDATION})
# A log that was renamed may still get lines until its writer notices.
ROTATE_WAIT_S: Final = 5.0
# After so long the file that has the name counts, whoever still writes the other.
PATIENCE_S: Final = 60.0
# A log that is older than this when it is found was over before anybody looked.
OLD_S: Final = 600.0


@dataclass(slots=True, eq=False)
class Log:
    """A path that is followed, and how far.

    Attributes:
        root, path: the watched folder, and the log below it.
        run: of its current generation, in the store; None before it was opened.
        cursor: where reading stands.
        parser: what goes on reading; None while the log is idle.
        fd: of the file that was read last: it may lose its name before its end.
        left_at: since when the path has held another file, by the uptime.
        settled_at: since when that other file's forerunner has been silent.
        gone: whether the path holds nothing now.
        unlinked: whether the file has no name any more, and still grew.
        more: whether there may be more to read at once.
        step: of the last record that was read.
        news: whether an evaluation or a milestone was read since somebody looked.
        alarm: whether a loss was not finite since then.
    """

    root: Path
    path: Path
    run: int | None = None
    cursor: Cursor | None = None
    parser: Parser | None = None
    fd: int | None = None
    left_at: float | None = None
    settled_at: float | None = None
    gone: bool = False
    unlinked: bool = False
    more: bool = False
    step: int | None = None
    news: bool = False
    alarm: bool = False

    @property
    def name(self) -> str:
        """The path below the watched folder."""
        return str(self.path.relative_to(self.root))

    def close(self) -> None:
        """Closes its file."""
        if self.fd is not None:
            os.close(self.fd)
        self.fd, self.unlinked = None, False

    def let_go(self) -> None:
        """Closes its file and forgets its parser."""
        self.close()
        self.parser = None


class Follower:
    """Reads on in logs; everything happens inside the caller's transaction.

    `is_written(key, path)`: whether a process has the file of that device and inode
    open for writing: "alive", "gone" or "unknown".
    `wanted(path)`: whether a path is followed, so that a log may move to it.
    """

    def __init__(
        self,
        store: Database,
        clock: Clock,
        *,
        formats: Sequence[Format] = FORMATS,
        is_written: Callable[[tuple[int, int], Path], str] = lambda *_: "unknown",
        wanted: Callable[[Path], bool] = lambda _: False,
    ) -> None:
        self._store = store
        self._clock = clock
        self._formats = formats
        self._is_written = is_written
        self._wanted = wanted

    def known(self, row: Row, root: Path) -> Log:
        """A log that the store knows."""
        return Log(root, root / row.path, run=row.id, cursor=row.cursor)

    def advance(self, log: Log, quota: int) -> int:
        """Reads what is new in a log, at most about `quota` bytes; how many there were.

        Raises:
            OSError: the file cannot be read.
            StorageUnavailableError: the store cannot be written.
        """
        log.more = False
        try:
            seen = os.stat(log.path)  # noqa: PTH116 - six times as quick
        except FileNotFoundError:
            log.gone = True
            return self._read_elsewhere(log, quota) if log.cursor else 0
        log.gone = log.unlinked = False
        if log.cursor is not None and log.cursor.looks_unchanged(seen):
            return 0
        if log.cursor is not None and log.cursor.key != (seen.st_dev, seen.st_ino):
            old = rotation.parts(log.path, log.cursor, by_inode=True)
            if old is not None:
                return self._read_part(log, old, quota)
        fd = fileread.opened(log.path)
        try:
            cursor = log.cursor or Cursor.start(os.fstat(fd))
            found = fileread.read(fd, cursor, quota)
            if found is None:
                return self._read_elsewhere(log, quota)
            self._hold(log, fd)
        finally:
            if log.fd != fd:
                os.close(fd)
        log.left_at = log.settled_at = None
        size = self._take(log, *found)
        if log.cursor is found[1]:
            log.more = not log.cursor.at_end
        return size

    def is_abandoned(self, log: Log) -> bool:
        """Whether nobody seems to write the file that a log was read from last."""
        assert log.cursor is not None
        return self._is_written(log.cursor.key, log.path) != "alive"

    def _take(self, log: Log, data: bytes, cursor: Cursor) -> int:
        """Puts bytes through the parser into the store."""
        if not data:
            self._store.move(self._run(log, cursor), cursor)
        else:
            parser = self._parser(log)
            if parser is None:
                return self._read_again(log)
            delta = parser.feed(data)
            run = self._run(log, cursor)
            self._store.add(run, delta, cursor, parser, size=len(data))
            _note(log, delta)
        log.cursor, log.more = cursor, True
        return len(data)

    def _run(self, log: Log, cursor: Cursor) -> int:
        """The log's run, which begins when something of it is kept."""
        if log.run is None:
            now = self._clock.now()
            log.run = self._store.begin(
                str(log.root),
                log.name,
                reason="found",
                now=now,
                adopted=now - cursor.mtime_ns / 1e9 > OLD_S,
            )
        return log.run

    def _parser(self, log: Log) -> Parser | None:
        """What reads on; None where another gptwatch, or other formats, read so far."""
        if log.parser is None and log.run is None:
            log.parser = Parser(self._formats)
        elif log.parser is None:
            assert log.run is not None
            try:
                log.parser = self._store.parser(log.run, self._formats)
            except (LookupError, TypeError, ValueError):
                return None
        return log.parser

    def _read_again(self, log: Log) -> int:
        """Reads a file from its beginning, since nobody can read on in it."""
        assert log.run is not None
        LOGGER.info("%s: read again from its beginning", log.name)
        self._store.rewind(log.run)
        log.cursor, log.more = None, True
        return 0

    def _read_elsewhere(self, log: Log, quota: int) -> int:
        """Goes on where the log went when the path lost it."""
        assert log.cursor is not None
        new = self._renamed(log)
        if new is not None:
            self.move(log, new)
            return 0
        old = rotation.parts(log.path, log.cursor)
        if old is not None:
            return self._read_part(log, old, quota)
        if log.fd is not None:
            found = fileread.read(log.fd, log.cursor, quota)
            if found is not None and found[0] and not self._is_late(log):
                log.settled_at = None
                log.unlinked = os.fstat(log.fd).st_nlink == 0
                return self._take(log, *found)
            if found is not None and not self._is_quiet(log, log.path):
                return 0
        if log.gone:
            return 0
        self._begin_again(log)
        return 0

    def move(self, log: Log, path: Path) -> None:
        """Goes on under another name: the file was renamed."""
        assert log.run is not None
        log.path = path
        self._store.rename(log.run, str(log.root), log.name)
        log.left_at = log.settled_at = None
        log.gone, log.more = False, True

    def _renamed(self, log: Log) -> Path | None:
        """The new name of a log's file in its folder, where it is one to follow."""
        assert log.cursor is not None
        try:
            with os.scandir(log.path.parent) as entries:
                names = [e.name for e in entries if e.inode() == log.cursor.inode]
        except OSError:
            return None
        for name in names:
            path = log.path.with_name(name)
            if (
                path != log.path
                and self._wanted(path)
                and fileread.is_at(path, log.cursor)
            ):
                return path
        return None

    def _read_part(self, log: Log, parts: Sequence[Part], quota: int) -> int:
        """Reads on in a rotated file; at its end goes to the next, or to the path."""
        assert log.cursor is not None
        assert log.run is not None
        part, *newer = parts
        if part.packed:
            taken = 0
            for data, cursor in rotation.unpacked(part, log.cursor) or ():
                taken += self._take(log, data, cursor) if data else 0
            if taken:
                return taken
        else:
            fd = fileread.opened(part.path)
            try:
                found = fileread.read(fd, log.cursor, quota)
            finally:
                os.close(fd)
            if found is not None and found[0]:
                log.settled_at = None
                return self._take(log, *found)
            moved = part.path.stat()
            renamed = (moved.st_dev, moved.st_ino) == log.cursor.key
            if renamed and not newer and not self._is_quiet(log, part.path):
                return 0
        return self._go_to(log, newer[0].path if newer else log.path)

    def _go_to(self, log: Log, path: Path) -> int:
        """Goes on at the beginning of the next part."""
        assert log.run is not None
        try:
            start = Cursor.start(path.stat())
        except FileNotFoundError:
            return 0  # renamed, and the new file is not there yet
        self._store.move(log.run, start, part=True)
        log.cursor, log.left_at, log.settled_at = start, None, None
        log.close()
        log.more = True
        return 0

    def _is_quiet(self, log: Log, path: Path) -> bool:
        """Whether a file that lost its name will get no more lines."""
        assert log.cursor is not None
        if log.path.is_symlink() or self._is_late(log):
            return True
        now = self._clock.uptime()
        if log.settled_at is None:
            log.settled_at = now
        if now - log.settled_at >= ROTATE_WAIT_S:
            return True
        return self._is_written(log.cursor.key, path) == "gone"

    def _is_late(self, log: Log) -> bool:
        """Whether the path has held another file for long, whatever goes on in this."""
        now = self._clock.uptime()
        if log.gone:
            log.left_at = None
        elif log.left_at is None:
            log.left_at = now
        return log.left_at is not None and now - log.left_at >= PATIENCE_S

    def _begin_again(self, log: Log) -> None:
        """Begins a new generation: the path holds another file, or another text."""
        log.let_go()
        log.run = self._store.begin(
            str(log.root), log.name, reason="replaced", now=self._clock.now()
        )
        log.cursor = log.left_at = log.settled_at = log.step = None
        log.more = True

    def _hold(self, log: Log, fd: int) -> None:
        if log.fd != fd:
            log.close()
        log.fd = fd


def _note(log: Log, delta: Delta) -> None:
    """Notes what makes haste: evaluations, milestones, losses that are not finite."""
    log.news = log.news or bool(delta.milestones)
    for batch in delta.batches:
        if len(batch.steps):
            log.step = int(batch.steps[-1])
        for name, values in batch.values.items():
            if name in _VALIDATION:
                log.news = True
            if name in _LOSSES and not np.isfinite(values).all():
                log.alarm = True
