"""Silences: what they mute, and how they are added."""

import contextlib
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from watcher.storage.database import Database
from watcher.storage.outbox import Outbox, Silence


def is_silenced(silences: Iterable[Silence], run: str, rule: str) -> bool:
    """Whether one of the silences matches this rule of this run."""
    return any(matches(run, s.run) and matches(rule, s.rule) for s in silences)


def matches(name: str, pattern: str) -> bool:
    """Whether a name equals a pattern (as `[1].log` does), or matches it."""
    return name == pattern or fnmatchcase(name, pattern)


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[Outbox]:
    """The outbox, for one short transaction beside the daemon's.

    Raises:
        StorageError: there is no database, or it cannot be written now.
    """
    # It must exist, and have a readable schema.
    Database(folder, read_only=True).close()
    store = Database(folder, owner=False)
    with contextlib.closing(store), store.transaction():
        yield store.outbox
