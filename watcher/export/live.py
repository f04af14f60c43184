"""Runs of the database that another tool gets whole, and again while they grow."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from parsers.format import Format
from watcher.analysis import rules, stored
from watcher.analysis.model import Analysis
from watcher.errors import GptwatchError
from watcher.export import mlflow, parquet
from watcher.export.names import below
from watcher.export.thinning import POINTS
from watcher.files import write_atomically
from watcher.storage.database import Database
from watcher.storage.rows import Row


_PARQUET_S: Final = 600.0
_MLFLOW_S: Final = 60.0
_OVER: Final = frozenset({"crashed", "finished", "stopped"})
Read = Callable[[Database, Row], Analysis]


class Live:
    """Sends the runs that changed, each at most once in so many seconds.

    A run that ended is sent at once.  What is sent depends on the database alone: after
    a restart the same is sent again, and nothing is doubled.
    """

    def __init__(
        self, send: Callable[[Row, Analysis], None], every_s: float, read: Read
    ) -> None:
        self._send = send
        self._every_s = every_s
        self._read = read
        self._sent: dict[int, tuple[object, float]] = {}

    def update(self, store: Database, now: float) -> None:
        """Sends what is due; `now`: an uptime.  A run that fails stops no other.

        Raises:
            GptwatchError: what was wrong with the first one; it is tried again.
        """
        errors = []
        for row, stamp in self._due([row for row in store.runs() if row.format], now):
            try:
                self._send(row, self._read(store, row))
            except GptwatchError as error:
                errors.append(error)
            else:
                self._sent[row.id] = stamp, now
        if errors:
            raise errors[0]

    def _due(
        self, rows: Iterable[Row], now: float
    ) -> Iterable[tuple[Row, tuple[int, int, object]]]:
        for row in rows:
            state = row.state.get("state")
            stamp = row.lines, row.bytes, state if state in _OVER else ""
            before, at = self._sent.get(row.id, (None, float("-inf")))
            if stamp != before and (now - at >= self._every_s or state in _OVER):
                yield row, stamp


def parquet_files(folder: Path, read: Read) -> Live:
    """One file a run: `run=NAME/part-0001.parquet`, as data frames read a folder."""

    def send(row: Row, analysis: Analysis) -> None:
        path = folder / f"run={below(row.name).replace('/', '%2F')}"
        parts = parquet.write([(row.name, analysis)])
        write_atomically(path / "part-0001.parquet", parts)

    return Live(send, _PARQUET_S, read)


def mlflow_runs(url: str, read: Read) -> Live:
    """A run of the server's for each."""
    server = mlflow.Server(url)
    known: dict[int, mlflow.Known] = {}

    def send(row: Row, analysis: Analysis) -> None:
        # What this process sent it need not ask for; after an error it does.
        before = known.pop(row.id, {})
        identity = str(Path(row.root) / row.path) + f"#{row.generation}"
        mlflow.push(
            server,
            analysis,
            project="gptwatch",
            identity=identity.encode("utf-8", "backslashreplace").decode(),
            limit=POINTS,
            known=before,
        )
        known[row.id] = before

    return Live(send, _MLFLOW_S, read)


def reader(settings: rules.Settings, formats: Sequence[Format]) -> Read:
    """Reads a run as the daemon's worker does."""
    return lambda store, row: (
        stored.read(store, row, settings=settings, formats=formats).analysis
    )
