"""The points of all runs: many small chunks are merged into few large ones."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from parsers.batch import Batch
from watcher.storage.chunks import merged, packed, unpacked
from watcher.storage.connection import Connection


# So many chunks of one level make one of the next.
_MERGE: Final = 24
# A chunk of more records is merged no further, and so many need not wait for others:
# a merge takes no longer than a turn of reading.
_LARGE: Final = 1 << 16
# Runs come and go for months: what is counted once more costs little.
_MAX_COUNTS: Final = 4096
_INSERT: Final = (
    "INSERT INTO chunks (id, run, level, pattern, metrics, records, data, appended)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_NOTHING: Final = np.empty(0, np.int64)
_NO_RECORDS: Final = packed(Batch("", _NOTHING, _NOTHING, {}))


class Points:
    """Named queries on the table `chunks`; they run inside the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Chunks, and their records, by run, level and metrics: counted once, then kept
        # up to date.
        self._counts: dict[tuple[int, int, str], tuple[int, int]] = {}
        self._last_id: int | None = None

    def append(
        self, run: int, batch: Batch, level: int = 0, appended: bytes | None = None
    ) -> str:
        """Adds records to a run; `appended`: a look, as `appends` has it.

        Returns the names of their metrics.
        """
        names, records = ",".join(batch.values), len(batch.lines)
        if records >= _LARGE:
            level = -1
        content = batch.pattern, names, records, packed(batch), appended
        self._connection.execute(_INSERT, (self._new_id(), run, level, *content))
        if level >= 0:
            self._count((run, level, names), records)
        return names

    def append_none(self, run: int, appended: bytes) -> None:
        """Adds a look that found no records; it is gone when the run is settled."""
        content = "", "", 0, _NO_RECORDS, appended
        self._connection.execute(_INSERT, (self._new_id(), run, -1, *content))

    def is_full(self, run: int, batch: Batch) -> bool:
        """Whether the batch would be merged with those before it."""
        chunks, records = self._counted((run, 0, ",".join(batch.values)))
        return _is_enough(chunks + 1, records + len(batch.lines))

    def settle(self, run: int) -> None:
        """Merges what looks appended to a run, whose row says all else that they say.

        They are many and small: they need not wait until each is one of as many.
        """
        rows = self._connection.rows(
            "SELECT pattern, metrics, records, data FROM chunks"
            " WHERE run = ? AND level = 0 ORDER BY id",
            (run,),
        )
        for which in ("level = 0", "appended NOT NULL"):
            self._connection.execute(
                f"DELETE FROM chunks WHERE run = ? AND {which}",  # noqa: S608 - our own
                (run,),
            )
        alike: dict[str, list[Any]] = {}
        for row in rows:
            alike.setdefault(row[1], []).append(row)
        for metrics, parts in alike.items():
            self._counts[run, 0, metrics] = 0, 0
            self.append(run, merged(parts), level=1)

    def batches(self, run: int) -> Iterator[Batch]:
        """The records of a run in the order in which they were added."""
        rows = self._connection.rows(
            "SELECT pattern, metrics, records, data FROM chunks"
            " WHERE run = ? AND records > 0 ORDER BY id",
            (run,),
        )
        for pattern, names, records, data in rows:
            yield unpacked(pattern, names, records, data)

    def ids(self, run: int) -> list[int]:
        """The chunks of a run; a merged one is another chunk."""
        rows = self._connection.rows(
            "SELECT id FROM chunks WHERE run = ? AND records > 0 ORDER BY id", (run,)
        )
        return [number for (number,) in rows]

    def chunk(self, number: int) -> Batch:
        """The records of one chunk."""
        found = self._connection.row(
            "SELECT pattern, metrics, records, data FROM chunks WHERE id = ?", (number,)
        )
        assert found is not None, "ask within the snapshot that named it"
        with self._connection.translated():
            return unpacked(*found)

    def delete(self, run: int) -> None:
        """Removes all records of a run."""
        self._connection.execute("DELETE FROM chunks WHERE run = ?", (run,))
        self._counts = {key: n for key, n in self._counts.items() if key[0] != run}

    def invalidate(self) -> None:
        """Drops what is cached: a rollback may have made it wrong."""
        self._counts.clear()

    def _new_id(self) -> int:
        """A number that no chunk has had: readers know by it what they have read.

        SQLite's own would be that of a chunk which was merged.
        """
        if self._last_id is None:
            found = self._connection.row("SELECT ifnull(max(id), 0) FROM chunks", ())
            assert found is not None
            self._last_id = int(found[0])
        self._last_id += 1
        return self._last_id

    def _count(self, key: tuple[int, int, str], records: int) -> None:
        if key in self._counts:
            chunks, before = self._counts[key]
            self._counts[key] = chunks + 1, before + records
        if _is_enough(*self._counted(key)):
            self._merge(key)

    def _counted(self, key: tuple[int, int, str]) -> tuple[int, int]:
        """How many chunks of one level and these metrics a run has, and records."""
        if key not in self._counts:
            found = self._connection.row(
                "SELECT count(*), total(records) FROM chunks"
                " WHERE run = ? AND level = ? AND metrics = ?",
                key,
            )
            assert found is not None
            if len(self._counts) >= _MAX_COUNTS:
                self._counts.clear()
            self._counts[key] = found[0], int(found[1])
        return self._counts[key]

    def _merge(self, key: tuple[int, int, str]) -> None:
        """Replaces many small chunks by one: chunks stay few, and so do rewrites."""
        rows = self._connection.rows(
            "SELECT pattern, metrics, records, data FROM chunks"
            " WHERE run = ? AND level = ? AND metrics = ? ORDER BY id",
            key,
        )
        self._connection.execute(
            "DELETE FROM chunks WHERE run = ? AND level = ? AND metrics = ?", key
        )
        del self._counts[key]
        self.append(key[0], merged(rows), key[1] + 1)


def _is_enough(chunks: int, records: int) -> bool:
    """Whether chunks are to be merged."""
    return chunks >= _MERGE or (chunks > 1 and records >= _LARGE)
