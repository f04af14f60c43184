"""Notes and tags that people give to runs: named queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from watcher.storage.connection import Connection


_NOTE, _TAG = "note", "tag"


@dataclass(frozen=True, slots=True)
class Remark:
    """A note on a run.

    Attributes:
        number: its identity.
        written_at: seconds since 1970.
        text: a line of plain text.
    """

    number: int
    written_at: float
    text: str


@dataclass(frozen=True, slots=True)
class Remarks:
    """What people said of a run: notes, oldest first, and tags by name."""

    notes: Sequence[Remark] = ()
    tags: Sequence[str] = ()


NONE: Final = Remarks()


class RunNotes:
    """Named queries on the table `run_notes`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> Mapping[int, Remarks]:
        """The notes and tags of each run that has some."""
        return self._read("1")

    def of(self, run: int) -> Remarks:
        """The notes and tags of a run."""
        return self._read("run = ?", run).get(run, NONE)

    def add(self, run: int, text: str, now: float) -> int:
        """Adds a note; its number."""
        return self._connection.insert(
            "INSERT INTO run_notes (run, kind, text, written_at) VALUES (?, ?, ?, ?)",
            (run, _NOTE, text, now),
        )

    def delete(self, run: int, number: int) -> bool:
        """Deletes a note of a run; whether there was one."""
        done = self._connection.execute(
            "DELETE FROM run_notes WHERE run = ? AND id = ? AND kind = ?",
            (run, number, _NOTE),
        )
        return bool(done.rowcount)

    def tag(self, run: int, name: str, now: float) -> None:
        """Gives a run a tag, once."""
        self.untag(run, name)
        self._connection.execute(
            "INSERT INTO run_notes (run, kind, text, written_at) VALUES (?, ?, ?, ?)",
            (run, _TAG, name, now),
        )

    def untag(self, run: int, name: str) -> bool:
        """Takes a tag from a run; whether it had it."""
        done = self._connection.execute(
            "DELETE FROM run_notes WHERE run = ? AND text = ? AND kind = ?",
            (run, name, _TAG),
        )
        return bool(done.rowcount)

    def _read(self, where: str, *values: int) -> Mapping[int, Remarks]:
        rows = self._connection.rows(
            "SELECT run, kind, id, written_at, text FROM run_notes"  # noqa: S608
            f" WHERE {where} ORDER BY id",
            values,
        )
        notes: dict[int, list[Remark]] = {}
        tags: dict[int, list[str]] = {}
        for run, kind, number, written_at, text in rows:
            if kind == _TAG:
                tags.setdefault(run, []).append(text)
            else:
                notes.setdefault(run, []).append(Remark(number, written_at, text))
        return {
            run: Remarks(tuple(notes.get(run, ())), tuple(sorted(tags.get(run, ()))))
            for run in notes.keys() | tags.keys()
        }
