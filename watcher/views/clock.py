"""Time axes of a run: when its lines were written, and how long it had trained then.

Known at some lines, and interpolated between them: from time stamps that the log
prints, else from when the daemon saw them.  A log that was read at once has neither.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from parsers.batch import Floats
from watcher.errors import InputError
from watcher.ingest import fileread
from watcher.storage.places import Place
from watcher.storage.rows import Row


# Lines that are looked at for a time stamp, each within so many bytes.
_LOOKED_AT: Final = 256
_BYTES: Final = 4096
_STAMP: Final = re.compile(
    rb"\b(20\d\d)[-/](\d\d)[-/](\d\d)[ T_](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6}))?"
)
# What takes longer than so many typical times holds a pause.
PAUSE: Final = 3.0
_PAUSE_S: Final = 120.0


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """Seconds at some lines; both rise, shape (n,) with n > 1.

    Attributes:
        source: "log" or "seen", for who wants to know how exact it is.
    """

    lines: Floats
    seconds: Floats
    source: str

    def at(self, lines: Floats) -> Floats:
        """Seconds at lines."""
        return np.interp(lines, self.lines, self.seconds)

    def line(self, seconds: Floats) -> Floats:
        """Lines, with fractions, at seconds."""
        return np.interp(seconds, self.seconds, self.lines)


def wall(row: Row, places: Sequence[Place]) -> Clock | None:
    """Seconds since 1970; None where no two times are known."""
    stamps = _stamps(row, places)
    if len(stamps) > 1:
        return _clock(stamps, "log")
    return _clock(_seen(places, row), "seen")


def without_pauses(clock: Clock) -> Clock:
    """Seconds by a clock, of which long silences do not count."""
    passed, done = np.diff(clock.seconds), np.diff(clock.lines)
    usual = np.median(passed / np.maximum(done, 1)) * done
    passed = np.minimum(passed, np.maximum(PAUSE * usual, _PAUSE_S))
    return Clock(clock.lines, np.append(0.0, np.cumsum(passed)), clock.source)


def _seen(places: Sequence[Place], row: Row) -> list[tuple[float, float]]:
    """Line numbers, rising, with the times when the log ended there."""
    found = [(float(p.line), p.seen_at) for p in places if p.seen_at is not None]
    if row.cursor and row.cursor.at_end and (not found or found[-1][0] < row.lines):
        found.append((float(row.lines), row.cursor.mtime_ns / 1e9))
    return found


def _clock(known: Sequence[tuple[float, float]], source: str) -> Clock | None:
    if len(known) < 2:  # noqa: PLR2004 - two ends of an axis
        return None
    lines, seconds = np.array(known).T
    # Clocks are set back; an axis is not.
    seconds = np.maximum.accumulate(seconds)
    return Clock(lines, seconds, source) if seconds[-1] > seconds[0] else None


def _stamps(row: Row, places: Sequence[Place]) -> list[tuple[float, float]]:
    """Lines of the run's present file with the time stamp that stands in each."""
    key = row.cursor.key if row.cursor else None
    here = [p for p in places if (p.device, p.inode) == key]
    # A file is known by its beginning; what stands before another one is not read.
    begins = [i for i, place in enumerate(here) if place.head is not None]
    here = here[begins[-1] :] if begins else []
    if not here:
        return []
    chosen = here[:: -(-len(here) // _LOOKED_AT)]
    try:
        fd = fileread.opened(Path(row.root) / row.path)
    except (OSError, InputError):
        return []
    try:
        head = here[0].head or b""
        if os.pread(fd, len(head), 0) != head:
            return []
        found = [(p, os.pread(fd, _BYTES, p.offset)) for p in chosen]
        last = _last(fd, row)
    finally:
        os.close(fd)
    stamped = [
        (float(p.line + 1), _stamp(text.partition(b"\n")[0])) for p, text in found
    ]
    stamped.append((float(row.lines), last))
    return [(line, at) for line, at in stamped if at is not None]


def _last(fd: int, row: Row) -> float | None:
    """The time stamp of the last whole line that was read."""
    assert row.cursor is not None
    start = max(0, row.cursor.offset - _BYTES)
    lines = os.pread(fd, row.cursor.offset - start, start).rstrip(b"\n").split(b"\n")
    return _stamp(lines[-1])


def _stamp(text: bytes) -> float | None:
    """The time in a line, which programs write in the local time of the machine."""
    found = _STAMP.search(text)
    if found is None:
        return None
    numbers = [int(part) for part in found.groups()[:6]]
    fraction = float(b"0." + found[7]) if found[7] else 0.0
    try:
        return datetime(*numbers).astimezone().timestamp() + fraction  # type: ignore[arg-type]
    except ValueError:
        return None
