"""Who writes the logs: asked once for all of them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Final, Protocol

from watcher.clock import Clock
from watcher.host.writers import Key, Writers, WriterScan
from watcher.ingest.tail import Tail


# Files of a rotation are asked for again after this.
_ROTATED_S: Final = 0.25


class WriterStates(Protocol):
    """Which files had writers at one time."""

    def state(self, key: Key, path: Path) -> str:
        """Whether a file was being written: "alive", "gone" or "unknown"."""


class WriterWatch:
    """The answers of the last look for writers.

    Attributes:
        look: looks for the writers of files.
        rotating: the files that are being rotated, which are asked for together.
    """

    def __init__(self, clock: Clock) -> None:
        self.look: Callable[[Collection[Key]], WriterStates] = WriterScan().look
        self.rotating: Callable[[], Collection[Key]] = tuple
        self._clock = clock
        self._asked: Mapping[Tail, tuple[Key, str]] = {}
        self._asked_at = clock.uptime()
        # When it was last asked who writes the rotated files, which, and the answer.
        self._rotated: tuple[float, Collection[Key], WriterStates]
        self._rotated = float("-inf"), (), Writers({})

    def ask(self, tails: Iterable[Tail]) -> None:
        """Looks for the writers of logs."""
        keys = {t: t.cursor.key for t in tails if t.cursor is not None}
        self._asked_at = self._clock.uptime()
        writers = self.look(set(keys.values()))
        self._asked = {t: (k, writers.state(k, t.path)) for t, k in keys.items()}

    def written(self, tail: Tail) -> tuple[str, float]:
        """Whether a log was being written when that was last asked, and when it was."""
        key, state = self._asked.get(tail, (None, ""))
        if key is None or tail.cursor is None or tail.cursor.key != key:
            return "unknown", float("inf")  # not asked yet
        return state, self._asked_at

    def of_rotated(self, key: Key, path: Path, since: float) -> str:
        """Whether a file of a rotation is being written; one look answers for all."""
        now = self._clock.uptime()
        asked_at, keys, writers = self._rotated
        if key not in keys or asked_at < max(since, now - _ROTATED_S):
            keys = {*self.rotating(), key}
            writers = self.look(keys)
            self._rotated = now, keys, writers
        return writers.state(key, path)
