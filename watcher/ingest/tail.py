"""One tailed log: which file it is read from, how far, and how reading it goes."""

import os
from collections import deque
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Final

import numpy as np

from parsers.batch import Floats
from parsers.delta import Delta
from parsers.metrics import VALIDATION
from parsers.parser import Parser
from watcher.storage.checkpoint import Cursor, Mark


# A log that is older than this when it is found had ended before gptwatch started.
OLD_S: Final = 600.0
# The first retry comes after this; each later one after twice the time of the last.
BACKOFF_S: Final = 1.0
MAX_BACKOFF_S: Final = 300.0
_MAX_GAPS: Final = 500
# A log whose metrics come later than this is read on slowly until they do.
_PLAIN_TEXT_BYTES: Final = 1024 * 1024
_MIN_TIMED_BYTES: Final = 4096
# An mtime this much before the last look, which did not see it, is still believed.
_SKEW_S: Final = 1.0
_FEW: Final = 64
_VALIDATION: Final = frozenset(VALIDATION)
_LOSSES: Final = frozenset({"loss", "train_loss", "grad_norm", *VALIDATION})


@dataclass(slots=True, eq=False)
class Tail:
    """A log that is tailed.  Times are uptimes.

    Attributes:
        root, path: the watched directory, and the log below it.
        run: its current generation in the database; None before it was first read.
        cursor: the checkpoint: identity of the file, and offset.
        parts: of the generation before, as in `Cursor`.
        parser: it reads on at the offset; None while evicted.
        fd: descriptor of the file that was read last, which may be renamed or unlinked
            before its end was read; `fd_key`: its device and inode.
        replaced_at: since when the path has held another inode.
        eof_at: since when the file that was rotated away has had no new bytes.
        copied: the first size of a copy that is written over it, and since when.
        next_key: device and inode of the next one, where that is empty or missing.
        gone_at: since when the path has held nothing.
        unlinked: whether the file has no name any more, and still grew.
        more: whether there may be more to read at once.
        has_metrics: whether any record was read.
        last_step: of the last record that was read.
        eval_pending: whether an evaluation or a milestone was read and not analysed.
        nonfinite_pending: whether a loss that is not finite was.
        grown_at: when the file last grew while it was tailed.
        read_at: when a look began that then reached the end of the file.
        gaps: seconds between the times it grew, the latest last.
        bytes_per_s: how fast it was parsed last.
        aliases: other names of the same file.
        copy_of: the log whose text holds all of this one's; it is not read then.
        error: why it cannot be read now, "" while it can.
        backoff_s, retry_at: the next wait after an error, and when it ends.
    """

    root: Path
    path: Path
    run: int | None = None
    cursor: Cursor | None = None
    parts: tuple[Mark, ...] = ()
    parser: Parser | None = None
    fd: int | None = None
    fd_key: tuple[int, int] | None = None
    replaced_at: float | None = None
    eof_at: float | None = None
    copied: tuple[int, float] | None = None
    next_key: tuple[int, int] | None = None
    gone_at: float | None = None
    unlinked: bool = False
    more: bool = False
    has_metrics: bool = False
    last_step: int | None = None
    eval_pending: bool = False
    nonfinite_pending: bool = False
    grown_at: float | None = None
    read_at: float | None = None
    gaps: deque[float] = field(default_factory=lambda: deque(maxlen=_MAX_GAPS))
    bytes_per_s: float = 0.0
    aliases: list[Path] = field(default_factory=list)
    copy_of: Path | None = None
    error: str = ""
    backoff_s: float = BACKOFF_S
    retry_at: float = 0.0

    @property
    def name(self) -> str:
        """The path below the watched directory."""
        return str(self.path.relative_to(self.root))

    @property
    def is_rotating(self) -> bool:
        """Whether late lines, or the rest of a copy, are waited for."""
        return (
            self.replaced_at is not None
            or self.eof_at is not None
            or self.copied is not None
        )

    @property
    def next_empty(self) -> bool:
        """Whether the rotated file ended, and the next one is empty or missing."""
        return self.next_key is not None

    @property
    def is_at_end(self) -> bool:
        """Whether the last look left nothing unread."""
        waits = self.is_rotating and self.gone_at is None and not self.next_empty
        return not self.more and not waits

    @property
    def is_plain_text(self) -> bool:
        """Whether much of it was read without a metric: a data set, not a log."""
        read = self.cursor.offset if self.cursor is not None else 0
        return not self.has_metrics and read >= _PLAIN_TEXT_BYTES

    @property
    def is_closed(self) -> bool:
        """Whether there is nothing to read from: no path, and no open file."""
        return self.gone_at is not None and self.fd is None

    @property
    def has_no_file(self) -> bool:
        """Whether it was unlinked, and no rotation has left anything of it."""
        return self.is_closed and not self.is_rotating and not self.next_empty

    @property
    def where(self) -> str:
        """Inode and offset, for the daemon's log."""
        if self.cursor is None:
            return "not read yet"
        return f"inode {self.cursor.inode}, offset {self.cursor.offset}"

    def is_recent(self, now: float) -> bool:
        """Whether its file was modified lately, by its mtime."""
        return self.cursor is not None and now - self.cursor.mtime_ns / 1e9 < OLD_S

    def first_cursor(self, seen: os.stat_result) -> Cursor:
        """The checkpoint at the beginning of the first file of a generation."""
        return replace(Cursor.start(seen), parts=self.parts)

    def open(self, fd: int, key: tuple[int, int]) -> None:
        """Keeps the file open that is read now."""
        self.close()
        self.fd, self.fd_key = fd, key

    def close(self) -> None:
        """Closes its file."""
        if self.fd is not None:
            os.close(self.fd)
        self.fd, self.fd_key, self.unlinked = None, None, False

    def evict(self) -> None:
        """Closes its file and drops its parser; both come back from the checkpoint."""
        self.close()
        self.parser = None

    def rewind(self, kept: "Tail") -> None:
        """Goes back to what the database holds, after a rollback."""
        self.evict()
        self.settle()
        self.root, self.path = kept.root, kept.path
        self.run, self.cursor = kept.run, kept.cursor
        self.next_key = kept.cursor.next_key if kept.cursor else None

    def begin(self) -> None:
        """Nothing of the new generation was read yet."""
        self.parts = self.cursor.parts if self.cursor else ()
        self.cursor = self.last_step = None
        self.has_metrics = False
        self.settle()
        self.more = True

    def settle(self) -> None:
        """No rotation is under way any more."""
        self.replaced_at = self.eof_at = self.copied = None
        self.next_key = None

    def fail(self, error: str, now: float) -> None:
        """Backs off after an error."""
        self.evict()
        self.error, self.retry_at = error, now + self.backoff_s
        self.backoff_s = min(2 * self.backoff_s, MAX_BACKOFF_S)

    def recover(self) -> None:
        """Resets the backoff."""
        self.error, self.backoff_s = "", BACKOFF_S

    def grew(self, uptime: float, now: float) -> None:
        """Notes when the file grew: at its mtime, if that lies since the last look.

        A daemon that gets little CPU reads late; the file itself knows better.
        """
        at = uptime
        if self.read_at is not None and self.cursor is not None:
            age = max(0.0, now - self.cursor.mtime_ns / 1e9)
            unseen = uptime - self.read_at
            if age <= unseen + _SKEW_S:  # else the two clocks differ
                at = uptime - min(age, unseen)
        if self.grown_at is not None and at > self.grown_at:
            self.gaps.append(at - self.grown_at)
        self.grown_at = max(at, self.grown_at or at)

    def parsed(self, size: int, seconds: float) -> None:
        """Notes how fast it is parsed; a few lines say little of it."""
        if size >= _MIN_TIMED_BYTES and seconds > 0.0:
            self.bytes_per_s = size / seconds

    def note(self, delta: Delta) -> None:
        """Flags what bypasses the debounce: evaluations, milestones, bad losses."""
        self.eval_pending = self.eval_pending or bool(delta.milestones)
        self.has_metrics = self.has_metrics or bool(delta.batches)
        for batch in delta.batches:
            if len(batch.steps):
                self.last_step = int(batch.steps[-1])
            for name, values in batch.values.items():
                if name in _VALIDATION:
                    self.eval_pending = True
                if name in _LOSSES and not _is_finite(values):
                    self.nonfinite_pending = True


def _is_finite(values: Floats) -> bool:
    if len(values) <= _FEW:  # a look at a log: arrays would take five times the time
        return all(map(isfinite, values.tolist()))
    return bool(np.isfinite(values).all())
