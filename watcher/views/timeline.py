"""When a line was written: from the places, and how far the file was read."""

from bisect import bisect_left
from collections.abc import Sequence

from watcher.storage.places import Place
from watcher.storage.rows import Row


def seen_at(places: Sequence[Place], row: Row, line: float) -> float | None:
    """Seconds since 1970, interpolated between known times; None before the first."""
    known = known_times(places, row)
    at = bisect_left([n for n, _ in known], line)
    if at == len(known):
        return None
    if known[at][0] == line:
        return known[at][1]
    if at == 0:
        return None
    (first, begin), (last, end) = known[at - 1], known[at]
    return begin + (end - begin) * (line - first) / (last - first)


def known_times(places: Sequence[Place], row: Row) -> list[tuple[float, float]]:
    """Line numbers, rising, with the times when the log ended there."""
    found = [(float(p.line), p.seen_at) for p in places if p.seen_at is not None]
    if row.cursor and row.cursor.at_end and (not found or found[-1][0] < row.lines):
        found.append((float(row.lines), row.cursor.mtime_ns / 1e9))
    return found
