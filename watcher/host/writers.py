"""Who writes a log: the processes that have it open for writing.

There are two sources.  /proc/*/fd names the processes, where we may read it; a lease
(fcntl F_SETLEASE) is refused while any process on this machine writes, where we may
request one.  What neither shows is unknown.
"""

import fcntl
import os
import signal
import stat
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from watcher.host.filesystem import Mounts, is_remote_kind


_PROC: Final = Path("/proc")
# The kernel's own number for the namespace that sees all processes of the machine.
_ALL_PROCESSES: Final = 0xEFFFFFFC
_VISIBLE: Final = frozenset(
    ("hidepid=0", "hidepid=off", "hidepid=1", "hidepid=noaccess")
)
_LONGEST: Final = 60

# Mounts are read again after this.
_MOUNTS_S: Final = 60.0

Key = tuple[int, int]
# A process, and the descriptor under which it has a file open for writing.
Place = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Writers:
    """Who had files open for writing at one time.

    Attributes:
        holders: by device and inode, the processes; our own is none.
        own: files that we ourselves write.
        complete: whether every process of the machine was seen.
        mounts: at the same time.
    """

    holders: Mapping[Key, tuple[int, ...]]
    own: frozenset[Key] = frozenset()
    complete: bool = False
    mounts: Mounts = field(default_factory=Mounts, compare=False)

    @classmethod
    def of(cls, files: Collection[Key]) -> "Writers":
        """Looks through all processes once, for many files."""
        return cls.among(files, Mounts(), {})

    @classmethod
    def among(
        cls, files: Collection[Key], mounts: Mounts, places: dict[Key, "Place"]
    ) -> "Writers":
        """As `of`; `places`: gets where each writer of another process was seen."""
        wanted = frozenset(files)
        if not wanted:
            return cls({})
        holders: dict[Key, list[int]] = {}
        complete = _sees_all(mounts)
        for pid in _pids():
            written, refused = _written(pid, wanted)
            complete &= not refused
            for key, descriptor in written.items():
                holders.setdefault(key, []).append(pid)
                if pid != os.getpid():
                    places[key] = pid, descriptor
        own = frozenset(k for k, pids in holders.items() if os.getpid() in pids)
        others = {
            key: tuple(pid for pid in pids if pid != os.getpid())
            for key, pids in holders.items()
        }
        return cls(others, own, complete, mounts)

    def state(self, key: Key, path: Path) -> str:
        """Whether somebody writes the file: "alive", "gone" or "unknown".

        `path`: where it lies, for the questions that need more than its number.
        """
        if self.pids(key):
            return "alive"
        kind = self.mounts.kind_of(key[0], path)
        if not kind or is_remote_kind(kind):
            return "unknown"  # a writer on another machine is never seen
        # A lease is refused for our own writing, too: then it proves nothing.
        answer = "unknown" if key in self.own else _lease(key, path)
        if answer == "unknown" and self.complete:
            return "gone"
        return answer

    def pids(self, key: Key) -> tuple[int, ...]:
        """The processes that were seen to write a file."""
        return self.holders.get(key, ())

    @staticmethod
    def command(pid: int) -> str:
        """The command line of a process, short; "" when it has ended."""
        try:
            raw = (_PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            return ""
        text = raw.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
        shown = "".join(c if c.isprintable() else "?" for c in text)
        return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


class WriterScan:
    """Looks for the writers of the same files again and again.

    Where a writer was seen before, one question tells whether it still has the file
    open; only for the other files all processes are looked through.
    """

    def __init__(self) -> None:
        self._places: dict[Key, Place] = {}
        self._mounts = Mounts()
        self._mounts_at = float("-inf")

    def look(self, files: Collection[Key]) -> Writers:
        """As `Writers.of`."""
        now = time.monotonic()
        if now - self._mounts_at > _MOUNTS_S:
            self._mounts, self._mounts_at = Mounts(), now
        alive = {
            key: place
            for key, place in self._places.items()
            if key in files and _has_open(key, *place)
        }
        self._places = alive
        found: dict[Key, Place] = {}
        others = [key for key in files if key not in alive]
        writers = Writers.among(others, self._mounts, found)
        self._places |= found
        known = {key: (pid,) for key, (pid, _) in alive.items()}
        return replace(writers, holders={**known, **writers.holders})


def _has_open(key: Key, pid: int, descriptor: str) -> bool:
    """Whether a process still has a file open under a descriptor."""
    try:
        seen = os.stat(f"{_PROC}/{pid}/fd/{descriptor}")  # noqa: PTH116  half the time
    except OSError:
        return False
    return (seen.st_dev, seen.st_ino) == key


def _sees_all(mounts: Mounts) -> bool:
    """Whether /proc shows every process of the machine, if not what each does."""
    try:
        namespace = (_PROC / "self/ns/pid").stat().st_ino
    except OSError:
        return False
    hides = {o for o in mounts.options(_PROC) if o.startswith("hidepid=")}
    return namespace == _ALL_PROCESSES and hides <= _VISIBLE


def _pids() -> Iterator[int]:
    names = _listed(str(_PROC)) or []
    return (int(name) for name in names if name.isdecimal())


def _written(pid: int, wanted: frozenset[Key]) -> tuple[dict[Key, str], bool]:
    """Which files a process has open for writing, and under which descriptor.

    And whether it hides some from us.
    """
    folder = f"{_PROC}/{pid}/fd"
    found: dict[Key, str] = {}
    refused = False
    names = _listed(folder)
    for name in names or ():
        try:
            seen = os.stat(f"{folder}/{name}")  # noqa: PTH116  half the time of Path's
            key = seen.st_dev, seen.st_ino
            if key in wanted and _is_writing(pid, name):
                found[key] = name
        except PermissionError:
            refused = True
        except OSError:
            continue  # closed meanwhile, or on a file system that no longer answers
    return found, refused or names is None


def _listed(folder: str) -> list[str] | None:
    """The names in a directory; None where it may not be read."""
    try:
        return os.listdir(folder)  # noqa: PTH208  thousands of names, all short
    except PermissionError:
        return None
    except OSError:
        return []  # the process has just ended


def _is_writing(pid: int, name: str) -> bool:
    text = (_PROC / str(pid) / "fdinfo" / name).read_text("ascii")
    flags = [line for line in text.splitlines() if line.startswith("flags:")]
    return bool(flags) and int(flags[0].split()[1], 8) & os.O_ACCMODE != os.O_RDONLY


def _lease(key: Key, path: Path) -> str:
    """Whether the kernel grants a read lease, as it may to the file's owner or root."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return "unknown"
    try:
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode) or (seen.st_dev, seen.st_ino) != key:
            return "unknown"  # the path has another file by now
        # Who opens it at this moment makes the kernel signal us.  The usual SIGIO
        # would end the process; this one is ignored by default.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return "alive"
    except OSError:
        return "unknown"
    finally:
        os.close(handle)
    return "gone"
