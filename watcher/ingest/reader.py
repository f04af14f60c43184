"""All logs that are followed: found, read in turn, and left alone while they fail."""

import logging
import os
import resource
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from watcher.clock import Clock
from watcher.errors import InputError, StorageError, StorageUnavailableError
from watcher.ingest import fileread, rotation
from watcher.ingest.discovery import Found, Scanner
from watcher.ingest.tailer import OLD_S, Follower, Log
from watcher.storage.database import Database


LOGGER: Final = logging.getLogger("gptwatch")
# Each log gets so much in its first turn, and so much in each later one.
FIRST_BYTES: Final = 256 * 1024
TURN_BYTES: Final = 4 * 1024 * 1024
# Then what happened meanwhile is looked at.
_TURNS_S: Final = 0.2
# A log that grew so lately is looked at every second.
BUSY_S: Final = 60.0
_RETRY_S: Final = 1.0
_RETRY_MOST_S: Final = 300.0
_GAPS: Final = 500
# Less text may be alike by chance.
_LEAST_COPY: Final = 256
_OPEN_FILES: Final = 512
_IDLE_S: Final = 120.0


@dataclass(slots=True, eq=False)
class Watched:
    """A log, and how reading it goes.

    Attributes:
        log: what is read.
        grown_at: when it last grew, by the uptime; None before it did under our eyes.
        gaps: seconds between the times it grew, the latest last.
        aliases: other names of the same file.
        copy_of: the log whose text holds all of this one's; it is not read then.
        trouble: why it cannot be read now, "" while it can.
        retry_at: not before this uptime.
        missed: how many scans in a row did not find it.
    """

    log: Log
    grown_at: float | None = None
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=_GAPS))
    aliases: list[Path] = field(default_factory=list)
    copy_of: Path | None = None
    trouble: str = ""
    wait_s: float = _RETRY_S
    retry_at: float = 0.0
    missed: int = 0

    def is_fresh(self, now: float) -> bool:
        """Whether its file was changed lately, by the file's own account."""
        cursor = self.log.cursor
        return cursor is not None and now - cursor.mtime_ns / 1e9 < OLD_S


class Reader:
    """Finds logs and reads what is new in them.

    Attributes:
        logs: by path.
        troubles: of whole folders, by folder.
        trouble: why nothing can be kept now, "" while all is well.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        scanner: Scanner,
        store: Database,
        follower: Follower,
        clock: Clock,
    ) -> None:
        self._roots = roots
        self._scanner = scanner
        self._store = store
        self._follower = follower
        self._clock = clock
        self._pending: list[Watched] = []
        self._aliases: dict[Path, Watched] = {}
        self._by_key: dict[tuple[int, int], Watched] = {}
        self._held: dict[Watched, None] = {}
        # The store, pictures and events need some, too.
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = min(_OPEN_FILES, allowed // 2)
        self.logs: dict[Path, Watched] = {}
        self.troubles: dict[Path, str] = {}
        self.trouble = ""
        self.load()

    @property
    def backlog(self) -> int:
        """How many logs wait for another turn."""
        return len(self._pending)

    def notices(self) -> list[str]:
        """What a person should know of folders and logs."""
        found = list(self.troubles.values())
        for path, watched in self.logs.items():
            if watched.trouble:
                found.append(watched.trouble)
            if watched.copy_of is not None:
                found.append(f"{path}: a copy of {watched.copy_of}; drawn once")
            if watched.log.unlinked:
                found.append(
                    f"{path}: deleted, but still written; what comes ends with its "
                    "writer"
                )
        return found

    def load(self) -> None:
        """Takes up what the store knows, and forgets what it does not."""
        for watched in self.logs.values():
            watched.log.let_go()
        before = {watched.log.run: watched for watched in self.logs.values()}
        self.logs, self._pending, self._aliases = {}, [], {}
        roots = {str(root): root for root in self._roots}
        for row in self._store.current_runs():
            if row.root in roots:
                log = self._follower.known(row, roots[row.root])
                self.logs[log.path] = before.get(row.id) or Watched(log)
                self.logs[log.path].log = log

    def scan(self) -> list[Watched]:
        """Looks for logs that came or went; all that there are."""
        there: set[Path] = set()
        self._aliases = {}
        for watched in self.logs.values():
            watched.aliases.clear()
        self._by_key = {
            w.log.cursor.key: w for w in self.logs.values() if w.log.cursor is not None
        }
        for root in self._roots:
            try:
                for found in self._scanner.logs(root):
                    there.add(found.path)
                    self._note(root, found)
                self.troubles.pop(root, None)
            except OSError as error:
                self._complain(root, error)
                there |= {path for path in self.logs if root in path.parents}
        for path, watched in self.logs.items():
            watched.missed = 0 if path in there else watched.missed + 1
        return list(self.logs.values())

    def touched(self, paths: Iterable[str]) -> tuple[list[Watched], bool]:
        """Logs behind changed paths, and whether a scan is called for."""
        found, unknown = [], False
        for name in paths:
            path = Path(name)
            watched = self.logs.get(path) or self._aliases.get(path)
            if watched is None:
                unknown = unknown or self._is_news(path)
            else:
                found.append(watched)
        return found, unknown

    def busy(self) -> list[Watched]:
        """Logs that grew lately, and those whose file lost its name."""
        since = self._clock.uptime() - BUSY_S
        return [
            w
            for w in self.logs.values()
            if w.log.left_at is not None
            or w.log.settled_at is not None
            or (w.grown_at is not None and w.grown_at > since)
        ]

    def read(self, due: Iterable[Watched]) -> list[Watched]:
        """Reads what is new; logs that changed.  Those with much to read come last."""
        queue = deque(dict.fromkeys([*due, *self._pending]))
        self._pending = []
        behind: deque[Watched] = deque()
        changed: dict[Watched, None] = {}
        started = self._clock.uptime()
        try:
            while queue or behind:
                with self._store.transaction():
                    self._turn(queue, behind, changed)
                if self._clock.uptime() - started > _TURNS_S:
                    break
        except StorageUnavailableError as error:
            self._lose(error)
            return []
        except _SpoiltError as error:
            self._undo(error)
            return []
        self.trouble = ""
        self._pending = [*queue, *behind]
        return list(changed)

    def _turn(
        self,
        queue: deque[Watched],
        behind: deque[Watched],
        changed: dict[Watched, None],
    ) -> None:
        """Reads a piece of each log in the queue, or much of the first one behind."""
        if not queue:
            watched = behind.popleft()
            self._piece(watched, TURN_BYTES, behind, changed)
            return
        started = self._clock.uptime()
        while queue and self._clock.uptime() - started <= _TURNS_S:
            self._piece(queue.popleft(), FIRST_BYTES, behind, changed)

    def _piece(
        self,
        watched: Watched,
        quota: int,
        behind: deque[Watched],
        changed: dict[Watched, None],
    ) -> None:
        now = self._clock.uptime()
        if now < watched.retry_at:
            return
        path, run = watched.log.path, watched.log.run
        written = self._store.writes
        try:
            size = self._advance(watched, quota)
        except StorageError:
            raise
        except Exception as error:
            trouble = _why(path, error)
            if not isinstance(error, (OSError, InputError, MemoryError)):
                LOGGER.exception("%s; the others go on", trouble)
            if self._store.writes != written:
                raise _SpoiltError(watched, trouble) from error
            # One log that cannot be read must not stop the others.
            self._put_off(watched, trouble)
            return
        watched.trouble, watched.wait_s = "", _RETRY_S
        if watched.log.path != path:
            self.logs[watched.log.path] = self.logs.pop(path)
        if size or watched not in self._held:
            self._hold(watched)
        if size or watched.log.run != run:
            self._grew(watched, now)
            changed[watched] = None
        if watched.log.more:
            behind.append(watched)

    def _advance(self, watched: Watched, quota: int) -> int:
        """Reads on in a log, but not in a copy of another one; bytes read."""
        if watched.log.run is None:
            watched.copy_of = self._original(watched.log)
            if watched.copy_of is not None:
                return 0
        return self._follower.advance(watched.log, quota)

    def _original(self, log: Log) -> Path | None:
        """The log that a file which nobody read yet is a copy of."""
        names = rotation.originals(log.path, log.root)
        known = [path for path in names if path in self.logs]
        if not known:
            return None
        end = fileread.end(log.path)
        if end.offset < _LEAST_COPY:
            return None
        return next((path for path in known if fileread.is_at(path, end)), None)

    def _hold(self, watched: Watched) -> None:
        """Keeps the files of those logs open that grew last, as many as we may."""
        self._held.pop(watched, None)
        if watched.log.fd is not None:
            self._held[watched] = None
        if len(self._held) > self._most:
            oldest = next(iter(self._held))
            del self._held[oldest]
            oldest.log.close()

    def _grew(self, watched: Watched, now: float) -> None:
        if watched.grown_at is not None and now > watched.grown_at:
            watched.gaps.append(now - watched.grown_at)
        watched.grown_at = now

    def rest(self) -> None:
        """Lets go of what idle logs hold: files and parsers."""
        now = self._clock.uptime()
        for watched in self.logs.values():
            idle_s = now - (watched.grown_at or 0.0)
            if idle_s > _IDLE_S:
                watched.log.parser = None
            if watched.log.fd is not None and self._may_let_go(watched.log, idle_s):
                watched.log.close()

    def _may_let_go(self, log: Log, idle_s: float) -> bool:
        if not log.gone:
            return idle_s > _IDLE_S
        # Its space on the disk is free only when we close it, too.
        return idle_s > OLD_S and self._follower.is_abandoned(log)

    def close(self) -> None:
        """Lets go of all files."""
        for watched in self.logs.values():
            watched.log.let_go()

    def _note(self, root: Path, found: Found) -> None:
        """Takes up a log that a scan found, under its name or as another's."""
        known = self.logs.get(found.path)
        if known is not None:
            return
        if self._is_part(found.path):
            return
        other = self._same_file(found)
        if other is None:
            self._by_key[found.key] = Watched(Log(root, found.path))
            self.logs[found.path] = self._by_key[found.key]
        elif _holds(other.log.path, found.key):
            other.aliases.append(found.path)
            self._aliases[found.path] = other
        else:
            self._rename(other, root, found.path)

    def _rename(self, watched: Watched, root: Path, path: Path) -> None:
        with self._store.transaction():
            old = watched.log.path
            watched.log.root = root
            self._follower.move(watched.log, path)
        self.logs[path] = self.logs.pop(old)

    def _same_file(self, found: Found) -> Watched | None:
        """The log whose file was found under a second name."""
        other = self._by_key.get(found.key)
        if other is None or other.log.cursor is None:
            return other
        return other if fileread.is_at(found.path, other.log.cursor) else None

    def _is_part(self, path: Path) -> bool:
        """Whether a file is what another log was rotated to."""
        base = rotation.base(path)
        return base is not None and (base in self.logs or base.exists())

    def _is_news(self, path: Path) -> bool:
        """Whether a path that nobody knows may be a log, or a folder of logs."""
        root = next((r for r in self._roots if r in path.parents or r == path), None)
        if root is None:
            return False
        return path == root or path.is_dir() or self._scanner.wants(root, path)

    def _put_off(self, watched: Watched, trouble: str) -> None:
        if watched.trouble != trouble:
            LOGGER.warning("%s", trouble)
        watched.log.let_go()
        watched.trouble = trouble
        watched.retry_at = self._clock.uptime() + watched.wait_s
        watched.wait_s = min(2 * watched.wait_s, _RETRY_MOST_S)

    def _lose(self, error: StorageUnavailableError) -> None:
        """Nothing could be kept: what was read is read again when it can."""
        if self.trouble != str(error):
            LOGGER.error("%s", error)
        self.trouble = str(error)
        self.load()

    def _undo(self, spoilt: "_SpoiltError") -> None:
        """One log failed half way: all that was read beside it is read again."""
        path, root = spoilt.watched.log.path, spoilt.watched.log.root
        self.load()
        watched = self.logs.setdefault(path, Watched(Log(root, path)))
        self._put_off(watched, spoilt.trouble)
        self._pending = [w for w in self.logs.values() if w is not watched]

    def _complain(self, root: Path, error: OSError) -> None:
        trouble = f"{root}: {_reason(error)}"
        if self.troubles.get(root) != trouble:
            LOGGER.warning("%s; looking again every few seconds", trouble)
        self.troubles[root] = trouble


class _SpoiltError(Exception):
    """A log failed after some of what was read of it had been put in the store."""

    def __init__(self, watched: Watched, trouble: str) -> None:
        super().__init__(trouble)
        self.watched, self.trouble = watched, trouble


def _holds(path: Path, key: tuple[int, int]) -> bool:
    try:
        seen = path.stat()
    except OSError:
        return False
    return (seen.st_dev, seen.st_ino) == key


def _why(path: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{path}: {_reason(error)}"
    if isinstance(error, InputError):
        return str(error)
    return f"{path}: cannot be parsed ({error!r})"


def _reason(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"may not be read by {_user()}"
    if isinstance(error, FileNotFoundError):
        return "is not there"
    return f"cannot be read ({error.strerror or error})"


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"
