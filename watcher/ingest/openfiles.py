"""Which files of logs stay open, and which parsers stay in memory."""

import logging
import resource
from collections.abc import Iterable
from typing import Final

from watcher.ingest.tail import OLD_S, Tail
from watcher.ingest.tailer import Tailer


LOGGER: Final = logging.getLogger("gptwatch")
_MAX_OPEN_FILES: Final = 512
_IDLE_S: Final = 120.0


class OpenFiles:
    """Files of the logs that grew last, as many as the process may have open."""

    def __init__(self, tailer: Tailer) -> None:
        self._tailer = tailer
        self._open: dict[Tail, None] = {}  # the least recently grown first
        # The database, plots and events need descriptors, too.
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._max_open = min(_MAX_OPEN_FILES, allowed // 2)

    def note(self, tail: Tail, *, grew: bool) -> None:
        """A log was read: its file stays open, in place of the one idle for longest."""
        if not grew and tail in self._open:
            return
        self._open.pop(tail, None)
        if tail.fd is not None:
            self._open[tail] = None
        if len(self._open) > self._max_open:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.close()

    def evict_idle(self, tails: Iterable[Tail], now: float) -> None:
        """Closes the files of idle logs, and drops their parsers."""
        idle = [(t, now - (t.grown_at or 0.0)) for t in tails]
        self.drop_parsers([t for t, idle_s in idle if idle_s > _IDLE_S])
        for tail, idle_s in idle:
            if tail.fd is not None and self._may_evict(tail, idle_s):
                LOGGER.info(
                    "%s: idle, evicted: file closed (%s)", tail.path, tail.where
                )
                tail.close()

    def drop_parsers(self, tails: Iterable[Tail]) -> None:
        """Drops the parsers of some logs, which come back from the database."""
        dropped = [tail for tail in tails if tail.parser is not None]
        if dropped:
            self._tailer.settle(dropped)
        for tail in dropped:
            tail.parser = None

    def _may_evict(self, tail: Tail, idle_s: float) -> bool:
        if tail.gone_at is None:
            return idle_s > _IDLE_S
        # The disk space of a deleted file is freed only when it is closed here, too.
        return idle_s > OLD_S and self._tailer.is_abandoned(tail)
