"""Which logs are tailed: found by scans, renamed, aliased, unlinked."""

import logging
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from watcher.errors import InputError
from watcher.ingest import fileread, rewritten, rotation
from watcher.ingest.discovery import Found, Scanner
from watcher.ingest.tail import OLD_S, Tail
from watcher.ingest.tailer import Tailer
from watcher.storage.checkpoint import Cursor
from watcher.storage.database import Database


LOGGER: Final = logging.getLogger("gptwatch")
# Less text may be equal by chance.
_MIN_COPY_BYTES: Final = 256
# A log is truncated so soon after it was copied by a rotation.
_COPY_S: Final = 5.0
# What is read at once of a log that is about to lose its path.
_DRAIN_BYTES: Final = 1024 * 1024


class Registry:
    """All tailed logs, one a file.

    Attributes:
        tails: by path.
        errors: of whole directories, by directory.
        linked: symlinks to directories that the last scan followed.
        displaced: tails whose path a renamed log took, until somebody takes them.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        scanner: Scanner,
        store: Database,
        tailer: Tailer,
        uptime: Callable[[], float],
    ) -> None:
        self._roots = roots
        self._scanner = scanner
        self._store = store
        self._tailer = tailer
        self._uptime = uptime
        self._aliases: dict[Path, Tail] = {}
        self._by_key: dict[tuple[int, int], Tail] = {}
        self._parts: dict[Path, tuple[int, int]] = {}
        self._copies: dict[Path, float] = {}
        self._earlier: dict[Path, frozenset[Path]] = {}
        self.tails: dict[Path, Tail] = {}
        self.errors: dict[Path, str] = {}
        self.linked: list[Path] = []
        self.displaced: list[Tail] = []
        tailer.is_tailed = lambda path: path in self.tails

    def load(self) -> None:
        """Goes back to the checkpoints in the database.

        Raises:
            StorageUnavailableError: the database cannot be read.
        """
        rows = {row.id: row for row in self._store.current_runs()}
        roots = {str(root): root for root in self._roots}
        before = list(self.tails.values())
        known = {tail.run: tail for tail in before}
        self.tails, self._aliases = {}, {}
        for row in rows.values():
            if row.root in roots:
                tail = self._tailer.restore(row, roots[row.root])
                self.tails[tail.path] = known.get(row.id) or tail
                self.tails[tail.path].rewind(tail)
        for tail in before:
            if tail.run not in rows:
                tail.rewind(Tail(tail.root, tail.path))
                self.tails.setdefault(tail.path, tail)

    def scan(self) -> list[Tail]:
        """Looks for new, renamed and unlinked logs; those that there is to read in.

        Raises:
            StorageUnavailableError: a rename cannot be stored now.
        """
        there: set[Path] = set()
        self._aliases = {}
        for tail in self.tails.values():
            tail.aliases.clear()
        self._by_key = {t.cursor.key: t for t in self.tails.values() if t.cursor}
        self._by_key |= {t.next_key: t for t in self.tails.values() if t.next_key}
        self.linked, self._earlier = [], {}
        known = {str(path): path for path in self.tails}
        for root in self._roots:
            try:
                for found in self._scanner.logs(root, known, self.linked):
                    there.add(found.path)
                    if not found.is_known:
                        self._add(root, found)
                self.errors.pop(root, None)
            except OSError as error:
                self._fail(root, error)
                there |= {path for path in self.tails if root in path.parents}
        self._forget_all_but(there)
        return self.readable(there)

    def _forget_all_but(self, there: Collection[Path]) -> None:
        """Drops what is known of parts and copies that were deleted since."""
        self._parts = {path: key for path, key in self._parts.items() if path in there}
        self._copies = {path: at for path, at in self._copies.items() if path in there}

    def readable(self, there: Iterable[Path] = ()) -> list[Tail]:
        """All tails but those of logs that were unlinked long ago.

        They are read again when a scan finds their path (`there`) or inode.
        """
        since, found = self._uptime() - OLD_S, set(there)
        return [
            t
            for t in self.tails.values()
            if t.gone_at is None or t.gone_at > since or t.fd or t.path in found
        ]

    def touched(self, paths: Iterable[str]) -> tuple[list[Tail], bool]:
        """The tails of changed paths, and whether a scan is called for."""
        found, unknown = [], False
        for name in paths:
            path = Path(name)
            tail = self.tails.get(path) or self._aliases.get(path)
            if tail is None:
                unknown = unknown or self._may_be_log(path)
            else:
                found.append(tail)
        return found, unknown

    def rekey(self, old: Path, tail: Tail) -> None:
        """Files a tail under its new path; a log that was there is displaced.

        Raises:
            StorageUnavailableError: what is left of that log cannot be stored.
        """
        other = self.tails.get(tail.path)
        if other is not None and other is not tail:
            self._displace(other)
        if self.tails.get(old) is tail:
            del self.tails[old]
        self.tails[tail.path] = tail

    def original(self, tail: Tail) -> Path | None:
        """The log that a file which was not read yet is a copy of."""
        names = rotation.originals(tail.path, tail.root)
        known = [path for path in names if path in self.tails]
        if not known:
            return None
        end = fileread.end(tail.path)
        if end.offset < _MIN_COPY_BYTES:
            return None
        return next((path for path in known if fileread.is_at(path, end)), None)

    def _displace(self, tail: Tail) -> None:
        if tail.cursor is not None:
            self._tailer.drain(tail, _DRAIN_BYTES)
        tail.evict()
        self.displaced.append(tail)

    def _add(self, root: Path, found: Found) -> None:
        """Tails a log that a scan found, under its name or as an alias of another."""
        if found.path in self.tails or self._is_part(found):
            return
        other = self._same_file(found)
        if other is None:
            self._by_key[found.key] = Tail(root, found.path)
            self.tails[found.path] = self._by_key[found.key]
        elif fileread.key(other.path) == found.key:
            other.aliases.append(found.path)
            self._aliases[found.path] = other
        else:
            old = other.path
            with self._store.transaction():
                self._tailer.move(other, root, found.path)
                self.rekey(old, other)

    def _same_file(self, found: Found) -> Tail | None:
        """The tail whose file was found under a second name."""
        other = self._by_key.get(found.key)
        if other is None or other.cursor is None or other.next_key == found.key:
            return other
        return other if fileread.is_at(found.path, other.cursor) else None

    def _is_part(self, found: Found) -> bool:
        """Whether a file is what another log was rotated to."""
        base = rotation.base(found.path)
        if base is not None and (base in self.tails or base.exists()):
            return True
        if self._parts.get(found.path) == found.key:
            return True
        bases = rotation.infix_bases(found.path)
        if any(self._is_earlier(base, found) for base in bases):
            self._parts[found.path] = found.key
            return True
        tails = map(self.tails.get, bases)
        return any(tail and self._has_part(tail, found) for tail in tails)

    def _is_earlier(self, base: Path, found: Found) -> bool:
        """Whether a file is a part of a log that was rotated before it was read."""
        tail = self.tails.get(base)
        if (tail and tail.run is not None) or not self._may_be_log(base):
            return False
        if base not in self._earlier:
            paths = frozenset(p.path for p in self._tailer.earlier_parts(base))
            self._earlier[base] = paths
        return found.path in self._earlier[base]

    def _has_part(self, tail: Tail, found: Found) -> bool:
        """Whether a file has the text of an earlier part of a log, or of its newest."""
        cursor = tail.cursor
        if rewritten.has_marks(found.path, cursor.parts if cursor else tail.parts):
            self._parts[found.path] = found.key
            return True
        if cursor is None:
            return False
        if fileread.is_at(tail.path, cursor):
            return self._may_become_part(cursor, found)
        parts = rotation.parts(tail.path, cursor, excluded=self.tails.__contains__)
        return any(part.path == found.path for part in parts or ())

    def _may_become_part(self, cursor: Cursor, found: Found) -> bool:
        """Whether a file is a copy of a log that may be truncated after it."""
        since = self._copies.setdefault(found.path, self._uptime())
        if self._uptime() - since >= _COPY_S:
            return False
        return rewritten.is_copy(found.path, cursor)

    def _may_be_log(self, path: Path) -> bool:
        """Whether an unknown path may be a log, or a directory of logs."""
        root = next((r for r in self._roots if r in path.parents or r == path), None)
        if root is None:
            return False
        return path == root or path.is_dir() or self._scanner.wants(root, path)

    def _fail(self, root: Path, error: OSError) -> None:
        text = f"{root}: {reason(error)}"
        if self.errors.get(root) != text:
            LOGGER.warning("%s; retrying every few seconds", text)
        self.errors[root] = text


def why(path: Path, error: Exception) -> str:
    """Why a log cannot be read, for people."""
    if isinstance(error, OSError):
        return f"{path}: {reason(error)}"
    if isinstance(error, InputError):
        return str(error)
    return f"{path}: cannot be parsed ({error!r})"


def reason(error: OSError) -> str:
    """What an error of the operating system means, for people."""
    if isinstance(error, PermissionError):
        return f"may not be read by {_user()}"
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    return f"cannot be read ({error.strerror or error})"


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"
