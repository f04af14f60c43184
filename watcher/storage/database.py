"""The database: runs, points, offsets and notes, in one SQLite file.

One transaction holds the points of a log and the offset that they came from: whenever
the process dies, every point is stored exactly once.  Only the daemon writes runs; any
number of processes may read.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parsers.batch import Milestone
from parsers.delta import Delta
from parsers.format import Format
from watcher.errors import StorageCorruptError
from watcher.storage import appends, migrations
from watcher.storage.checkpoint import Cursor
from watcher.storage.columns import Run
from watcher.storage.connection import among
from watcher.storage.growth import Growth
from watcher.storage.outbox import Outbox
from watcher.storage.places import Places
from watcher.storage.points import Points
from watcher.storage.recovery import NAME
from watcher.storage.remarks import RunNotes
from watcher.storage.rows import ANALYSED, Row, from_json, to_json
from watcher.storage.run_table import RunTable


if TYPE_CHECKING:  # whoever reads only runs needs no formats
    from parsers.parser import Parser


class Database:
    """The database, opened for writing by its owner, or for reading by any process.

    Attributes:
        outbox: alerts, silences and notifications.
        table: runs.
        points: chunks of points.
        growth: what was read of logs.
        places: where lines of a run stand in its files.
        remarks: notes and tags of runs.

    Raises:
        StorageSetupError, StorageMissingError: a newer gptwatch made it; there is none.
        StorageUnavailableError: it cannot be opened or written now.
        StorageCorruptError: it is damaged.
    """

    def __init__(
        self, folder: Path, *, read_only: bool = False, owner: bool = True
    ) -> None:
        """Opens it; without `owner` another process may own, and migrates, it."""
        self.folder = folder
        self.path = folder / NAME
        self.connection = migrations.opened(self.path, read_only=read_only, owner=owner)
        self.outbox = Outbox(self.connection)
        self.table = RunTable(self.connection)
        self.places = Places(self.connection)
        self.points = Points(self.connection)
        self.remarks = RunNotes(self.connection)
        self.growth = Growth(self.connection, self.points, self.places)
        self._key = _key(self.path)

    def close(self) -> None:
        """Closes the file."""
        self.connection.close()

    def check_place(self) -> None:
        """Checks that the file that is written is the one that others open.

        Raises:
            StorageCorruptError: it was deleted, or another took its name.
        """
        if _key(self.path) != self._key:
            raise StorageCorruptError("{path}: was deleted or replaced", path=self.path)

    def spare_memory(self) -> None:
        """Caches few pages, as the system does all: for one who reads each once."""
        self.connection.execute("PRAGMA cache_size = -256")  # KiB

    def cut_wal(self) -> None:
        """Empties a write-ahead log that grew, unless somebody reads from it now."""
        self.connection.cut_wal()

    @property
    def writes(self) -> int:
        """How many rows were written so far."""
        return self.connection.total_changes

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commits everything that is written inside, or nothing of it."""
        try:
            with self.connection.transaction():
                yield
        except BaseException:
            for cache in (self.growth, self.points, self.places):
                cache.invalidate()
            raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything that is read inside is of one moment, between two commits."""
        with self.connection.transaction("DEFERRED"):
            yield

    def runs(self) -> list[Row]:
        """All runs, oldest first."""
        return self.table.rows("1")

    def current_runs(self) -> list[Row]:
        """The last generation of each path, oldest first."""
        return self.table.rows("current = 1")

    def some(self, runs: Sequence[int]) -> list[Row]:
        """Runs by their numbers, oldest first."""
        return self.table.rows(f"id {among(runs)}", *runs)

    def run(self, run: int) -> Row:
        """One run.

        Raises:
            LookupError: there is none.
        """
        return self.some([run])[0]

    def data_version(self) -> int:
        """Another number after every commit of another process."""
        found = self.connection.row("PRAGMA data_version")
        assert found is not None
        return int(found[0])

    def milestones(self, run: int) -> list[Milestone]:
        """The milestones of a run, without their steps."""
        return [m for _, m in self.milestones_after(run, 0, 1 << 62)]

    def milestones_after(
        self, run: int, last: int, until: int
    ) -> list[tuple[int, Milestone]]:
        """The milestones of a run behind one, up to a line, without their steps."""
        with self.connection.translated():
            rows = self.connection.rows(
                "SELECT id, kind, line, NULL, text FROM milestones"
                " WHERE run = ? AND id > ? AND line <= ? ORDER BY id",
                (run, last, until),
            )
            return [(number, Milestone(*fields)) for number, *fields in rows]

    def begin(
        self, root: str, path: str, *, reason: str, now: float, adopted: bool = False
    ) -> int:
        """Begins a new generation of a path; the identity of its run."""
        place = os.fsencode(root), os.fsencode(path)
        generation = self._next_generation(*place)
        return self.connection.insert(
            "INSERT INTO runs (root, path, generation, reason, first_seen, adopted)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*place, generation, reason, now, adopted),
        )

    def rename(self, run: int, root: str, path: str) -> None:
        """The file of a run was renamed: it is the next generation of its new path."""
        place = os.fsencode(root), os.fsencode(path)
        generation = self._next_generation(*place)
        self.set(run, root=place[0], path=place[1], generation=generation)

    def _next_generation(self, *place: bytes) -> int:
        """The number of the next generation of a path; earlier ones aren't current."""
        self.connection.execute(
            "UPDATE runs SET current = 0 WHERE root = ? AND path = ?", place
        )
        found = self.connection.row(
            "SELECT coalesce(max(generation), 0) + 1 FROM runs"
            " WHERE root = ? AND path = ?",
            place,
        )
        assert found is not None
        return int(found[0])

    def add(
        self, run: int, delta: Delta, cursor: Cursor, parser: "Parser", text: bytes
    ) -> None:
        """Stores what some text of a log added, and the checkpoint behind it."""
        with self.connection.translated():
            self.growth.add(run, delta, cursor, parser, text)

    def move(self, run: int, cursor: Cursor, *, part: bool = False) -> None:
        """Stores only a checkpoint; `part`: in the next file of a rotated log."""
        with self.connection.translated():
            self.growth.move(run, cursor, part=part)

    def settle(self, run: int, cursor: Cursor, parser: "Parser") -> None:
        """Brings the row of a run up to date: it is read faster then."""
        with self.connection.translated():
            self.growth.settle(run, cursor, parser)

    def rewind(self, run: int) -> None:
        """Deletes what was read of a run, so that it is read again."""
        self.growth.rewind(run)

    def set(self, run: int, **fields: Any) -> None:
        """Changes fields of a run; dicts are kept as JSON."""
        kept = {k: to_json(v) if isinstance(v, dict) else v for k, v in fields.items()}
        analysed = {name: kept.pop(name) for name in ANALYSED & kept.keys()}
        if analysed:
            self.connection.execute(
                "INSERT OR IGNORE INTO analyses (run) VALUES (?)", (run,)
            )
            self._update("analyses", "run", run, analysed)
        if kept:
            self._update("runs", "id", run, kept)

    def state(self, run: int) -> dict[str, Any]:
        """A run's state, {} before its first analysis."""
        with self.connection.translated():
            found = self.connection.row(
                "SELECT state FROM analyses WHERE run = ?", (run,)
            )
            kept: dict[str, Any] = from_json(found[0]) if found else {}
        return kept

    def merge_state(self, run: int, state: Mapping[str, Any]) -> None:
        """Changes some fields of a run's state, and keeps the others."""
        self.connection.execute(
            "INSERT INTO analyses (run, state) VALUES (?1, ?2) ON CONFLICT (run)"
            " DO UPDATE SET state = json_patch(state, ?2)",
            (run, to_json(state)),
        )

    def _update(
        self, table: str, key: str, run: int, fields: Mapping[str, Any]
    ) -> None:
        names = ", ".join(f"{name} = ?" for name in fields)
        self.connection.execute(
            f"UPDATE {table} SET {names} WHERE {key} = ?",  # noqa: S608 - our own
            (*fields.values(), run),
        )

    def parser(self, run: int, formats: Sequence[Format]) -> "Parser":
        """The parser in its state at the offset of a run.

        Raises:
            LookupError, TypeError, ValueError: another version wrote its state.
        """
        from parsers.parser import Parser

        with self.connection.consistent():
            found = self.connection.row("SELECT parser FROM runs WHERE id = ?", (run,))
            appended = appends.load(self.connection, run).get(run)
        if found is None:
            raise LookupError(f"no run {run}")
        kept = found[0]
        parser = Parser.restore(json.loads(kept), formats) if kept else Parser(formats)
        if appended is not None and appended.text:
            parser.feed(appended.text)
        return parser

    def load(
        self, run: int, formats: Sequence[Format] | None = None, *, ended: bool = True
    ) -> tuple[Run, "Parser"]:
        """A run with all its points; `ended`: with the parser's last lines flushed."""
        from parsers.formats import FORMATS
        from parsers.parser import Parser

        formats = formats or FORMATS
        loaded = Run()
        with self.connection.consistent():
            row = self.run(run)
            try:
                parser = self.parser(run, formats)
            except (LookupError, TypeError, ValueError):
                parser = Parser(formats)  # of another version: one line less
            delta = Delta(
                format=next((f for f in formats if f.name == row.format), None),
                batches=list(self.points.batches(run)),
                milestones=self.milestones(run),
                hyperparameters=row.hyperparameters,
                planned=row.planned,
                lines=row.lines,
            )
        loaded.add(delta)
        if ended:
            loaded.add(parser.flush())
        return loaded, parser

    def note(self, key: str) -> Any:
        """What the daemon noted of itself, None where there is no such note."""
        with self.connection.translated():
            found = self.connection.row("SELECT value FROM notes WHERE key = ?", (key,))
            return from_json(found[0]) if found else None

    def keep_note(self, key: str, value: Any) -> None:
        """Stores something that the daemon notes of itself."""
        self.connection.execute(
            "INSERT OR REPLACE INTO notes VALUES (?, ?)", (key, to_json(value))
        )


def _key(path: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        seen = path.stat()
        return seen.st_dev, seen.st_ino
    return None
