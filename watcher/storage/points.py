"""The points of all runs: many small chunks are merged into few large ones."""

from collections.abc import Iterator
from typing import Final

from parsers.batch import Batch
from watcher.storage.chunks import joined, packed, unpacked
from watcher.storage.connection import Connection


# So many chunks of one level make one of the next.
_MERGE: Final = 64
# A chunk of more records is merged no further.
_LARGE: Final = 1 << 16
# Runs come and go for months: what is counted once more costs little.
_MAX_COUNTS: Final = 4096


class Points:
    """Named queries on the table `chunks`; they run inside the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Chunks by run, level and metrics: counted once, then kept up to date.
        self._counts: dict[tuple[int, int, str], int] = {}

    def append(self, run: int, batch: Batch, level: int = 0) -> None:
        """Adds records to a run."""
        names = ",".join(batch.values)
        if len(batch.lines) >= _LARGE:
            level = -1
        self._connection.execute(
            "INSERT INTO chunks (run, level, pattern, metrics, records, data)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (run, level, batch.pattern, names, len(batch.lines), packed(batch)),
        )
        if level >= 0:
            self._count(run, level, names)

    def batches(self, run: int) -> Iterator[Batch]:
        """The records of a run in the order in which they were added."""
        rows = self._connection.rows(
            "SELECT pattern, metrics, records, data FROM chunks"
            " WHERE run = ? ORDER BY id",
            (run,),
        )
        for pattern, names, records, data in rows:
            yield unpacked(pattern, names, records, data)

    def ids(self, run: int) -> list[int]:
        """The chunks of a run; a merged one is another chunk."""
        rows = self._connection.rows(
            "SELECT id FROM chunks WHERE run = ? ORDER BY id", (run,)
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

    def _count(self, *key: *tuple[int, int, str]) -> None:
        if key not in self._counts:
            found = self._connection.row(
                "SELECT count(*) - 1 FROM chunks"
                " WHERE run = ? AND level = ? AND metrics = ?",
                key,
            )
            assert found is not None
            if len(self._counts) >= _MAX_COUNTS:
                self._counts.clear()
            self._counts[key] = found[0]
        self._counts[key] += 1
        if self._counts[key] >= _MERGE:
            self._merge(key)

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
        merged = joined([unpacked(*row) for row in rows])
        self.append(key[0], merged, key[1] + 1)
