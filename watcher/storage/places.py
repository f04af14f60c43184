"""Where lines of a run stand in its files, and when they were written.

One place for each 256 KiB or ten seconds of reading; a line is found by reading on from
the place before it.  Places of a long run are thinned out evenly.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from watcher.storage.checkpoint import Cursor
from watcher.storage.chunks import DamagedError
from watcher.storage.connection import Connection


_EVERY_BYTES: Final = 256 * 1024
_EVERY_S: Final = 10.0
_MAX: Final = 4096
# So many go when there are more than that.
_SURPLUS: Final = 1024
# A silence of so long is worth both places around it.
_PAUSE_S: Final = 120.0
# Runs come and go for months: what is read once more costs little.
_MAX_KNOWN: Final = 4096


@dataclass(frozen=True, slots=True)
class Place:
    """The beginning of a line.

    Attributes:
        line: how many whole lines of the run stand before it.
        offset: in the file; of a compressed file, in what it holds.
        device, inode: of the file when it was read.
        seen_at: when the file ended here, seconds since 1970; None where it went on.
        head: its first bytes, where a part of the run begins; else None.
    """

    line: int
    offset: int
    device: int
    inode: int
    seen_at: float | None
    head: bytes | None = None


class Places:
    """Named queries on the table `places`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Of the runs that are read: asked at each look.
        self._newest: dict[int, Place | None] = {}

    def invalidate(self) -> None:
        """Drops what is cached: a rollback may have made it wrong."""
        self._newest.clear()

    def of(self, run: int) -> list[Place]:
        """All places of a run, in the order of its lines."""
        rows = self._connection.rows(
            "SELECT line, offset, device, inode, seen_at, head FROM places"
            " WHERE run = ? ORDER BY line",
            (run,),
        )
        with self._connection.translated():
            return [_place(row) for row in rows]

    def seen(self, run: int, line: int) -> list[tuple[int, float]]:
        """Where the log ended when it was seen, behind a line: lines, and the times."""
        return self._connection.rows(
            "SELECT line, seen_at FROM places"
            " WHERE run = ? AND line > ? AND seen_at NOT NULL ORDER BY line",
            (run, line),
        )

    def note(
        self,
        run: int,
        cursor: Cursor,
        *,
        size: int,
        lines: tuple[int, int],
        pending: int | None,
    ) -> None:
        """Notes where reading stands, if that is far enough from the last place.

        `size`: bytes that were read; `lines`: of the run before and after;
        `pending`: bytes that are no whole line yet, None where that is not known.
        """
        # A hole at the beginning of a run's first file counts as read, too.
        if cursor.offset <= size or not lines[0]:
            self._insert(run, Place(lines[0], 0, *cursor.key, None, cursor.head))
        if pending is None or cursor.offset < pending:
            return
        last = self._last(run)
        seen_at = cursor.mtime_ns / 1e9 if cursor.at_end else None
        place = lines[1], cursor.offset - pending, *cursor.key, seen_at
        if last is None or (lines[1] > last.line and _is_far(last, *place[1:])):
            self._insert(run, Place(*place))
            self._thin(run)

    def delete(self, run: int) -> None:
        """Removes all places of a run."""
        self._newest.pop(run, None)
        self._connection.execute("DELETE FROM places WHERE run = ?", (run,))

    def _last(self, run: int) -> Place | None:
        if run not in self._newest:
            if len(self._newest) >= _MAX_KNOWN:
                self._newest.clear()
            self._newest[run] = self._stored(run)
        return self._newest[run]

    def _stored(self, run: int) -> Place | None:
        row = self._connection.row(
            "SELECT line, offset, device, inode, seen_at, head FROM places"
            " WHERE run = ? ORDER BY line DESC LIMIT 1",
            (run,),
        )
        with self._connection.translated():
            return _place(row) if row else None

    def _insert(self, run: int, place: Place) -> None:
        self._newest.pop(run, None)
        self._connection.execute(
            "INSERT OR REPLACE INTO places"
            " (run, line, offset, device, inode, seen_at, head)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(run, place.line, place.offset, place.device, place.inode),
                *(place.seen_at, packed_head(place.head)),
            ),
        )

    def _thin(self, run: int) -> None:
        found = self._connection.row(
            "SELECT count(*) FROM places WHERE run = ?", (run,)
        )
        assert found is not None
        if found[0] <= _MAX:
            return
        self._connection.executemany(
            "DELETE FROM places WHERE run = ? AND line = ?",
            [(run, line) for line in surplus(self.of(run), _SURPLUS)],
        )


def packed_head(head: bytes | None) -> bytes | None:
    """First bytes of a file as they are stored: of text that is a third."""
    return head if head is None else zlib.compress(head)


def _place(row: Sequence[Any]) -> Place:
    line, offset, device, inode, seen_at, packed = row
    try:
        head = None if packed is None else zlib.decompress(packed)
        return Place(line, offset, device, inode, seen_at, head)
    except (zlib.error, TypeError) as error:
        raise DamagedError(repr(error)) from error


def surplus(places: Sequence[Place], number: int) -> list[int]:
    """Lines of at most so many places that are missed least: the densest go.

    Those at the beginning of a file and around a pause stay; of two neighbours at most
    one goes.
    """
    costs = [
        (after.offset - before.offset, i)
        for i, (before, place, after) in enumerate(
            zip(places, places[1:], places[2:], strict=False), 1
        )
        if place.head is None
        and after.head is None
        and not _pauses(before, place)
        and not _pauses(place, after)
    ]
    gone: set[int] = set()
    for _, i in sorted(costs):
        if len(gone) < number and not {i - 1, i + 1} & gone:
            gone.add(i)
    return [places[i].line for i in sorted(gone)]


def _is_far(
    last: Place, offset: int, device: int, inode: int, seen_at: float | None
) -> bool:
    if (last.device, last.inode) != (device, inode):
        return True
    if offset - last.offset >= _EVERY_BYTES:
        return True
    if seen_at is None:
        return False
    return last.seen_at is None or seen_at - last.seen_at >= _EVERY_S


def _pauses(before: Place, after: Place) -> bool:
    if before.seen_at is None or after.seen_at is None:
        return False
    return after.seen_at - before.seen_at >= _PAUSE_S
