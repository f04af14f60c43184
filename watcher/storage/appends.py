"""What a look at a grown log adds: one row, beside its points.

The row of a run holds the state of its parser and all of its checkpoint, and costs too
much to be rewritten at each look.  So a look appends the text that it read, and the
stat that it saw, to its points: the run as it is now is its row and all that was
appended since.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from parsers.batch import Batch
from watcher.storage.checkpoint import Cursor, Stat
from watcher.storage.chunks import DamagedError, unpacked
from watcher.storage.connection import Connection, among
from watcher.storage.rows import latest


# Lines and bytes of the run; size, times, device and inode of the file.
_NUMBERS: Final = struct.Struct("<5q2Q")
_CHECKSUM: Final = 4
_TEXT, _MOVE = b"t", b"m"
_QUERY: Final = (
    "SELECT run, appended, pattern, metrics, records, data FROM chunks"
    " WHERE appended NOT NULL"
)


class Appended:
    """All that was appended to a run since its row was brought up to date.

    Attributes:
        rows: how many.
        totals: lines and bytes of the run; None where only its checkpoint moved.
        text: all that was read.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.totals: tuple[int, int] | None = None
        self.text = b""
        self._cursor: Cursor | None = None
        self._behind = 0
        self._stat: Stat | None = None
        self._last: dict[str, Sequence[Any]] = {}

    def add(self, data: bytes, chunk: Sequence[Any]) -> None:
        """Takes a row, in the order of writing; `chunk`: as `unpacked` takes it.

        Raises:
            DamagedError: a checksum is wrong.
        """
        self.rows += 1
        _, metrics, records, _ = chunk
        if records:
            self._last.pop(metrics, None)  # the order counts
            self._last[metrics] = chunk
        if data:
            self._take(data)

    def cursor(self, before: Cursor | None) -> Cursor | None:
        """The checkpoint now; `before`: the one in the row of the run."""
        cursor = self._cursor or before
        if cursor is None or self._stat is None:
            return cursor
        return cursor.advanced(self.text[self._behind :], self._stat)

    def last(self) -> dict[str, Batch]:
        """The last records with each set of metrics, in the order of writing."""
        return {metrics: unpacked(*chunk) for metrics, chunk in self._last.items()}

    def latest(self) -> dict[str, Any]:
        """Last step and last value of each metric that was appended."""
        return latest_of(self.last())

    def _take(self, data: bytes) -> None:
        content = data[:-_CHECKSUM]
        if zlib.crc32(content) != int.from_bytes(data[-_CHECKSUM:], "little"):
            raise DamagedError("a checksum is wrong")
        if content[:1] == _MOVE:
            self._cursor = Cursor.restore(orjson.loads(content[1:]))
            self._behind, self._stat = len(self.text), None
            return
        lines, size, *stat = _NUMBERS.unpack_from(content, 1)
        self.totals, self._stat = (lines, size), Stat(*stat)
        self.text += content[1 + _NUMBERS.size :]


def latest_of(last: Mapping[str, Batch]) -> dict[str, Any]:
    """Last step and last value of each metric, as `Appended.last` has them."""
    found: dict[str, Any] = {}
    for batch in last.values():
        found |= latest([batch])
    return found


def packed(lines: int, size: int, cursor: Cursor, text: bytes) -> bytes:
    """A look: lines and bytes of the run after it, its checkpoint and its text."""
    numbers = _NUMBERS.pack(lines, size, *cursor.stat)
    return _checked(_TEXT + numbers + text)


def packed_move(cursor: Cursor) -> bytes:
    """A checkpoint that no text leads to."""
    return _checked(_MOVE + orjson.dumps(cursor.state()))


def load(connection: Connection, *runs: int) -> dict[int, Appended]:
    """What was appended to some runs, or without any to all, by run."""
    query = f"{_QUERY} AND run {among(runs)} ORDER BY id"
    return _collected(connection.rows(query, runs))


def _collected(rows: Iterable[Sequence[Any]]) -> dict[int, Appended]:
    found: dict[int, Appended] = {}
    for run, data, *chunk in rows:
        if run not in found:
            found[run] = Appended()
        found[run].add(data, chunk)
    return found


def _checked(data: bytes) -> bytes:
    return data + zlib.crc32(data).to_bytes(_CHECKSUM, "little")
