"""Columns read in pieces: one metric of a run, without loading the run.

SQLite's incremental blob I/O reads some bytes of a large value; the checksum of a
chunk, which takes all of them, is left to `Database.load`.  Of a compressed chunk all
are read, and one column expanded.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.storage.chunks import expanded, plain_size
from watcher.storage.compact import Compact
from watcher.storage.connection import Connection
from watcher.storage.database import Database


_VALUE: Final = 8
# Behind the numbers: their width, and a checksum of four bytes.
_END: Final = 5
# Columns of compressed chunks that stay in memory.
_KEPT: Final = 8


@dataclass(frozen=True, slots=True)
class Span:
    """A chunk: records with the same metrics, in the order of reading.

    Attributes:
        id: of its row, which is replaced when chunks are merged.
        metrics: names, in the order of the stored columns.
        records: how many.
        width: bytes of a line number or a step; 0 where the columns are compressed.
    """

    id: int
    metrics: tuple[str, ...]
    records: int
    width: int

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns, in the order of storing."""
        return (*self.metrics, "lines", "steps")

    def place(self, name: str) -> tuple[int, str]:
        """Where a column begins in the chunk, and the type of its numbers."""
        numbers = _VALUE * self.records * len(self.metrics)
        if name == "lines":
            return numbers, f"<i{self.width}"
        if name == "steps":
            return numbers + self.width * self.records, f"<i{self.width}"
        return _VALUE * self.records * self.metrics.index(name), "<f8"


class Columns:
    """What is read of the columns in one snapshot; blobs stay open until its end.

    Attributes:
        version: another one after every commit.
    """

    def __init__(self, connection: Connection, version: object = None) -> None:
        self.version = version
        self._connection = connection
        self._blobs: dict[int, sqlite3.Blob] = {}
        self._columns: dict[tuple[int, str], Floats | Ints] = {}
        self._last: tuple[int, Compact] | None = None

    def spans(self, run: int) -> list[Span]:
        """All chunks of a run, in the order of reading for each set of metrics."""
        rows = self._connection.rows(
            "SELECT id, metrics, records, length(data) FROM chunks"
            " WHERE run = ? AND records > 0 ORDER BY id",
            (run,),
        )
        return [_span(*row) for row in rows]

    def read(self, span: Span, name: str, start: int, stop: int) -> Floats | Ints:
        """Numbers of one column, records `start` to `stop`; shape (stop - start,)."""
        if not span.width:
            return self._expanded(span, name)[start:stop]
        begin, kind = span.place(name)
        size = np.dtype(kind).itemsize
        with self._connection.translated():
            blob = self._blob(span.id)
            blob.seek(begin + size * start)
            return np.frombuffer(blob.read(size * (stop - start)), kind)

    def _expanded(self, span: Span, name: str) -> Floats | Ints:
        """A whole column of a chunk that is compressed; the last ones are kept."""
        key = span.id, name
        if key not in self._columns:
            index = span.columns.index(name)
            known = self._compact(span)
            while len(self._columns) >= _KEPT:
                del self._columns[next(iter(self._columns))]
            numbers = index >= len(span.metrics)
            self._columns[key] = (known.integers if numbers else known.floats)(index)
        return self._columns[key]

    def _compact(self, span: Span) -> Compact:
        if self._last is None or self._last[0] != span.id:
            with self._connection.translated():
                blob = self._blob(span.id)
                blob.seek(0)
                self._last = span.id, expanded(blob.read(), span.records)
        return self._last[1]

    def close(self) -> None:
        """Closes all blobs, and drops what was expanded: readers may be kept."""
        for blob in self._blobs.values():
            blob.close()
        self._blobs.clear()
        self._columns.clear()
        self._last = None

    def _blob(self, row: int) -> sqlite3.Blob:
        if row not in self._blobs:
            self._blobs[row] = self._connection.blobopen(
                "chunks", "data", row, readonly=True
            )
        return self._blobs[row]


@contextmanager
def columns(database: Database) -> Iterator[Columns]:
    """The columns of one moment: chunks are not merged while they are read.

    That of the transaction, where one is open.
    """
    is_open = database.connection.in_transaction
    with nullcontext() if is_open else database.snapshot():
        version = database.data_version(), database.writes
        found = Columns(database.connection, version)
        try:
            yield found
        finally:
            found.close()


def with_metric(spans: Sequence[Span], metric: str) -> list[list[Span]]:
    """The chunks that hold a metric, one list for each set of metrics."""
    found: dict[tuple[str, ...], list[Span]] = {}
    for span in spans:
        if metric in span.metrics:
            found.setdefault(tuple(sorted(span.metrics)), []).append(span)
    return list(found.values())


def _span(row: int, names: str, records: int, size: int) -> Span:
    metrics = tuple(names.split(",")) if names else ()
    if size < plain_size(records, len(metrics)):
        return Span(row, metrics, records, 0)
    width = (size - _END - _VALUE * records * len(metrics)) // (2 * records)
    return Span(row, metrics, records, width)
