"""Fair round-robin reader of all tailed logs.

Each error backs one log off, exponentially, and stops no other; what a failed
transaction had read is rolled back to the checkpoints and read again.
"""

import contextlib
import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from watcher.clock import Clock
from watcher.errors import InputError, StorageError, StorageUnavailableError
from watcher.ingest.discovery import Scanner
from watcher.ingest.openfiles import OpenFiles
from watcher.ingest.registry import Registry, why
from watcher.ingest.tail import Tail
from watcher.ingest.tailer import Tailer
from watcher.ingest.timeout import TimeLimit
from watcher.storage.database import Database


LOGGER: Final = logging.getLogger("gptwatch")
# Quota of a log's first turn, and of each later one where it is parsed fast enough.
FIRST_BYTES: Final = 64 * 1024
TURN_BYTES: Final = 4 * 1024 * 1024
_MIN_TURN_BYTES: Final = 16 * 1024
# One log's turn is one transaction: it is cut to about this time.
_TURN_S: Final = 0.02
# No log may stop all others for more CPU time: it is interrupted and backs off.
MAX_TURN_S: Final = 10.0
# After this, messages and events are looked at before reading goes on.
_PASS_S: Final = 0.05
# Share of the time that a file without metrics is read in.
_PLAIN_TEXT_SHARE: Final = 0.1
# A log that grew within this is looked at every sweep.
BUSY_S: Final = 60.0


class Reader:
    """Reads what is new in all logs.

    Attributes:
        registry: which logs are tailed.
        error: why nothing can be stored now, "" while all is well.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        scanner: Scanner,
        store: Database,
        tailer: Tailer,
        clock: Clock,
    ) -> None:
        self._store = store
        self._tailer = tailer
        self._clock = clock
        self._waiting: list[Tail] = []
        self._behind: list[Tail] = []
        self._files = OpenFiles(tailer)
        self._limit = TimeLimit(MAX_TURN_S)
        self._stale = False
        self.registry = Registry(roots, scanner, store, tailer, clock.uptime)
        self.error = ""
        self.registry.load()

    @property
    def tails(self) -> dict[Path, Tail]:
        """All tailed logs, by path."""
        return self.registry.tails

    @property
    def backlog(self) -> int:
        """How many logs wait for another turn."""
        return len(self._waiting) + len(self._behind)

    def scan(self) -> list[Tail]:
        """Looks for new, renamed and unlinked logs; those that there is to read in.

        Raises:
            StorageUnavailableError: a rename cannot be stored now.
        """
        self._reload()
        try:
            return self.registry.scan()
        except StorageUnavailableError:
            self._stale = True
            raise

    def warnings(self) -> list[str]:
        """What a person should know of directories and logs."""
        found = list(self.registry.errors.values())
        for path, tail in self.tails.items():
            if tail.error:
                found.append(tail.error)
            if tail.copy_of is not None:
                found.append(f"{path}: a copy of {tail.copy_of}; plotted once")
            if tail.is_plain_text:
                found.append(
                    f"{path}: no metrics in its first MB, so it "
                    "is read slowly; if it is no log, exclude it with --ignore"
                )
            if tail.unlinked:
                found.append(
                    f"{path}: deleted, but still written; its lines are read until its "
                    "writer closes it"
                )
        return found

    def busy(self) -> list[Tail]:
        """Logs that grew lately, are being rotated, or are read on slowly."""
        since = self._clock.uptime() - BUSY_S
        return [
            t
            for t in self.registry.readable()
            if (t.grown_at is not None and t.grown_at > since)
            or (t.more and t.is_plain_text)
            or (t.is_rotating and not t.next_empty)
        ]

    def rotating(self) -> set[tuple[int, int]]:
        """Device and inode of the files whose late lines are waited for."""
        tails = self.tails.values()
        return {t.cursor.key for t in tails if t.is_rotating and t.cursor}

    def read(self, due: Iterable[Tail]) -> list[Tail]:
        """Reads what is new; logs that grew.  Those with a backlog come last.

        Raises:
            StorageUnavailableError: the database cannot be read now.
        """
        self._reload()
        # First those that waited longest, or under load the last would never be read.
        queue = deque(dict.fromkeys([*self._waiting, *due]))
        soon = set(queue)
        behind = deque(tail for tail in self._behind if tail not in soon)
        waited = bool(behind)
        self._waiting, self._behind = [], []
        changed: dict[Tail, None] = {}
        started = self._clock.uptime()
        try:
            if queue:
                with self._transaction():
                    self._turn(queue, behind, changed)
            while behind and (waited or self._clock.uptime() - started <= _PASS_S):
                waited = False
                with self._transaction():
                    self._piece(behind.popleft(), TURN_BYTES, behind, changed)
            # Thousands that are read for the first time would fill the memory.
            self._files.drop_parsers(filter(self._is_old, changed))
        except StorageUnavailableError as error:
            self._on_store_error(error)
            return []
        except _PartialWriteError as error:
            self._rollback(error)
            return []
        if self.error:
            LOGGER.info("the database can be written again; reading continues")
        self.error = ""
        self._waiting, self._behind = [*queue], [*behind]
        return list(changed)

    def evict_idle(self) -> None:
        """Closes the files of idle logs, and drops their parsers.

        Raises:
            StorageUnavailableError: what is known of them cannot be stored now.
        """
        self._files.evict_idle(self.tails.values(), self._clock.uptime())

    def close(self) -> None:
        """Closes all files."""
        for tail in self.tails.values():
            tail.evict()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """What is read inside is stored as a whole, each log within its time."""
        with self._store.transaction(), TimeLimit(MAX_TURN_S) as self._limit:
            yield

    def _turn(
        self, queue: deque[Tail], behind: deque[Tail], changed: dict[Tail, None]
    ) -> None:
        """Reads a piece of each log in the queue, as far as the time suffices."""
        started = self._clock.uptime()
        while queue and self._clock.uptime() - started <= _PASS_S:
            self._piece(queue.popleft(), FIRST_BYTES, behind, changed)

    def _piece(
        self,
        tail: Tail,
        quota: int,
        behind: deque[Tail],
        changed: dict[Tail, None],
    ) -> None:
        started = self._clock.uptime()
        if started < tail.retry_at or self.tails.get(tail.path) is not tail:
            return  # it backs off, or was displaced in this pass
        path, run, written = tail.path, tail.run, self._store.writes
        try:
            size = self._advance(tail, min(quota, _quota(tail)))
            if tail.path != path:
                self.registry.rekey(path, tail)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - one log must not stop the others
            self._on_error(tail, path, error, partial=self._store.writes != written)
            return
        tail.recover()
        self._files.note(tail, grew=bool(size))
        if size or tail.run != run:
            self._note_growth(tail, size, started)
            changed[tail] = None
        if tail.is_at_end:
            tail.read_at = started
        elif tail.is_plain_text:
            took = self._clock.uptime() - started
            tail.retry_at = started + took / _PLAIN_TEXT_SHARE
        elif tail.more:
            behind.append(tail)

    def _note_growth(self, tail: Tail, size: int, started: float) -> None:
        tail.grew(started, self._clock.now())
        tail.parsed(size, self._clock.uptime() - started)
        if LOGGER.isEnabledFor(logging.DEBUG):
            LOGGER.debug("%s: read %d bytes (%s)", tail.path, size, tail.where)

    def _on_error(
        self, tail: Tail, path: Path, error: Exception, *, partial: bool
    ) -> None:
        text = why(path, error)
        if not isinstance(error, (OSError, InputError, MemoryError)):
            LOGGER.error("%s; the others are read on", text, exc_info=error)
        if partial:
            raise _PartialWriteError(tail, text) from error
        self._back_off(tail, text)

    def _is_old(self, tail: Tail) -> bool:
        """Whether a log ended long ago, and was read to its end."""
        return tail.is_at_end and not tail.is_recent(self._clock.now())

    def _advance(self, tail: Tail, quota: int) -> int:
        """Reads on in a log, but not in a copy of another one; bytes read."""
        if tail.run is None:
            tail.copy_of = self.registry.original(tail)
            if tail.copy_of is not None:
                return 0
        self._limit.start()
        try:
            return self._tailer.advance(tail, quota)
        finally:
            self._limit.stop()

    def _back_off(self, tail: Tail, error: str) -> None:
        if tail.error != error:
            LOGGER.warning("%s", error)
        tail.fail(error, self._clock.uptime())

    def _on_store_error(self, error: StorageUnavailableError) -> None:
        """Nothing could be stored: what was read is read again when it can."""
        if self.error != str(error):
            LOGGER.error("%s", error)
        self.error = str(error)
        self._stale = True

    def _reload(self) -> None:
        """Goes back to the checkpoints after a transaction was rolled back."""
        if self._stale:
            self.registry.load()
            self._waiting, self._behind = self.registry.readable(), []
            self._stale = False

    def _rollback(self, failed: "_PartialWriteError") -> None:
        """One log failed half way: all that was read beside it is read again."""
        self._back_off(failed.tail, failed.text)
        self._stale = True
        self._reload()


class _PartialWriteError(Exception):
    """A log failed after some of what was read of it had been written."""

    def __init__(self, tail: Tail, text: str) -> None:
        super().__init__(text)
        self.tail, self.text = tail, text


def _quota(tail: Tail) -> int:
    """Bytes of this log that are parsed in about one turn's time."""
    if not tail.bytes_per_s:
        return TURN_BYTES
    return max(_MIN_TURN_BYTES, int(tail.bytes_per_s * _TURN_S))
