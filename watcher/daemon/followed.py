"""Runs that the worker follows: the last ones in memory, long ones on disk, too.

A worker that starts, or that has evicted a run, goes on from the stored state, and
reads only the records behind it.  There is one file a run, in the state directory.

A state is a pickle.  Only classes of `watcher.analysis` and `parsers`, which have no
effects, and the containers that they are made of, are unpickled.  A file begins with a
digest of the state, of the code and the configuration that made it, and of the run that
it is of.  With another digest the file is ignored, and the records are folded again.
"""

import contextlib
import io
import json
import pickle
import sys
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np

import parsers
from watcher import __version__, analysis
from watcher.analysis.follow import Follower
from watcher.analysis.rules import Settings
from watcher.errors import OutputError
from watcher.files import remove_leftovers, remove_oldest, write_atomically
from watcher.storage.rows import Row


_FOLDER: Final = "followed"
# Of all states in memory, and how many times the bytes of its pickle one takes there.
MAX_BYTES: Final = 20 << 20
_PICKLED: Final = 3
# A state is stored when so many lines, and such a part of all, are not in its file;
# when it leaves the memory, fewer are worth it.
_MIN_LINES: Final = 20_000
_SHARE: Final = 1 / 16
_MIN_LINES_EVICTED: Final = 2_000
# Files, those that were written last.
_MAX_FILES: Final = 256
_DIGEST: Final = 16
_LEVEL: Final = 1  # of compression: higher ones save little, and take long
_CONTAINERS: Final = frozenset(
    {
        "array._array_reconstructor",
        "array.array",
        "builtins.bytearray",
        "builtins.complex",
        "builtins.set",
        "collections.deque",
    }
)
# The packages whose code is part of the digest.
_OWN: Final = ("watcher.analysis.", "parsers.")
_NUMPY: Final = frozenset({"_frombuffer", "_reconstruct", "dtype", "ndarray", "scalar"})


@dataclass(slots=True, eq=False)
class Entry:
    """A run in memory.

    Attributes:
        row: of the run when its state was up to date.
        follower: its state.
        bytes: of the pickle of that, when it had so many `pickled` lines.
        stored: lines in the file's state.
    """

    row: Row
    follower: Follower
    bytes: int = 0
    pickled: int = 0
    stored: int = 0

    def is_due(self) -> bool:
        """Whether it has grown enough to be pickled again."""
        least = max(min(_MIN_LINES, self.pickled), _SHARE * self.row.lines)
        return self.row.lines - self.pickled >= least or not self.bytes

    def behind(self) -> int:
        """Lines that the file does not know."""
        return self.row.lines - self.stored


class Followed:
    """The states of runs by run.

    `state`: the state directory.  `config`: what findings depend on beside the code.
    """

    def __init__(self, state: Path, settings: Settings, config: object) -> None:
        self._folder = state / _FOLDER
        self._settings = settings
        self._version = _code() + json.dumps(config, sort_keys=True).encode()
        self._entries: OrderedDict[int, Entry] = OrderedDict()

    def __contains__(self, run: int) -> bool:
        return run in self._entries

    def __getitem__(self, run: int) -> Follower:
        return self._entries[run].follower

    def take(self, row: Row) -> Entry:
        """The state of a run, which `put` keeps once it is up to date.

        An error in between drops it.
        """
        entry = self._entries.pop(row.id, None) or self._read(row)
        return entry or Entry(row, Follower(self._settings))

    def put(self, row: Row, entry: Entry) -> list[int]:
        """Keeps the state of a run; the runs whose states it evicts."""
        entry.row = row
        if entry.is_due():
            self._write(entry, at_least=_MIN_LINES)
        self._entries[row.id] = entry
        size = _PICKLED * sum(e.bytes for e in self._entries.values())
        evicted = []
        while size > MAX_BYTES and len(self._entries) > 1:
            run, oldest = self._entries.popitem(last=False)
            self._write(oldest, at_least=_MIN_LINES_EVICTED)
            size -= _PICKLED * oldest.bytes
            evicted.append(run)
        return evicted

    def forget(self, run: int) -> None:
        """Drops the state of a run from memory."""
        self._entries.pop(run, None)

    def store(self) -> None:
        """Writes all states of which the file lacks much, the most first."""
        for entry in sorted(self._entries.values(), key=Entry.behind, reverse=True):
            if entry.behind() >= _MIN_LINES_EVICTED:
                self._write(entry, at_least=_MIN_LINES_EVICTED)

    def clear(self) -> None:
        """Drops all states from memory."""
        self._entries.clear()

    def _read(self, row: Row) -> Entry | None:
        """The state in the run's file, None where there is none that is right."""
        try:
            content = self._path(row).read_bytes()
        except OSError:
            return None
        digest, packed = content[:_DIGEST], content[_DIGEST:]
        if digest != self._digest(row, packed):
            return None
        text = zlib.decompress(packed)
        follower: Follower = _Unpickler(io.BytesIO(text)).load()
        return Entry(row, follower, len(text), follower.lines, follower.lines)

    def _write(self, entry: Entry, *, at_least: int) -> None:
        """Pickles a state; writes it where the file lacks so many lines."""
        text = pickle.dumps(entry.follower, protocol=5)
        entry.bytes, entry.pickled = len(text), entry.row.lines
        if entry.behind() < at_least:
            return
        packed = zlib.compress(text, _LEVEL)
        digest = self._digest(entry.row, packed)
        # A full disk is reported by those who write what cannot be made again.
        with contextlib.suppress(OutputError):
            write_atomically(self._path(entry.row), [digest, packed])
            remove_leftovers(self._folder)
            remove_oldest(self._folder, "*.state", keep=_MAX_FILES)
            entry.stored = entry.row.lines

    def _path(self, row: Row) -> Path:
        return self._folder / f"{row.id}.state"

    def _digest(self, row: Row, packed: bytes) -> bytes:
        # In another database the number is that of another run.
        run = repr((row.root, row.path, row.generation, row.first_seen)).encode()
        return blake2b(self._version + run + packed, digest_size=_DIGEST).digest()


class _Unpickler(pickle.Unpickler):
    """Makes objects of few classes only."""

    def find_class(self, module: str, name: str) -> Any:
        top, own = module.partition(".")[0], module.startswith(_OWN)
        known = f"{module}.{name}" in _CONTAINERS or (top == "numpy" and name in _NUMPY)
        # Nothing else is imported.
        found = super().find_class(module, name) if own or known else None
        if not known and not isinstance(found, type):
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a state")
        return found


@cache
def _code() -> bytes:
    """A digest of all code that a state depends on."""
    digest = blake2b(f"{__version__} {sys.version} {np.__version__}".encode())
    for package in (parsers, analysis):
        for path in sorted(Path(package.__file__ or "").parent.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.digest()
