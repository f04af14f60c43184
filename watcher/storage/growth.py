"""Writes what was read of logs: points, and the checkpoint that they lead to.

One transaction holds both: whenever the process dies, every point is stored exactly
once.  A few lines append one row; the row of the run is brought up to date when there
are many of them, or when something else of it changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from parsers.batch import Batch, Milestone
from parsers.delta import Delta
from watcher.storage import appends
from watcher.storage.checkpoint import Cursor
from watcher.storage.connection import Connection
from watcher.storage.places import Places
from watcher.storage.points import Points
from watcher.storage.rows import checkpoint, from_json, latest, to_json


if TYPE_CHECKING:  # whoever reads only runs needs no formats
    from parsers.parser import Parser


# So many rows are appended to a run before its own is brought up to date, and some
# more: not all runs at once.
_MAX_ROWS: Final = 8
_SPREAD: Final = 16
# More text at once is not worth being kept a second time.
_MAX_TEXT: Final = 16 * 1024
# Runs come and go for months: what is read once more costs little.
_MAX_KNOWN: Final = 4096


@dataclass(slots=True)
class _Known:
    """What the database holds of a run.

    Attributes:
        offset: of its checkpoint; None before the first.
        lines, bytes: that were read.
        format, planned: as in its row.
        rows: that were appended since that was brought up to date.
        last: the last records of these, as in `Appended`.
    """

    offset: int | None
    lines: int
    bytes: int
    format: str
    planned: int | None
    rows: int
    last: dict[str, Batch]


class Growth:
    """Writes inside the caller's transaction, which only the owner has."""

    def __init__(self, connection: Connection, points: Points, places: Places) -> None:
        self._connection = connection
        self._points = points
        self._places = places
        self._runs: dict[int, _Known] = {}

    def invalidate(self) -> None:
        """Drops what is cached: a rollback may have made it wrong."""
        self._runs.clear()

    def forget(self, run: int) -> None:
        """Drops what is cached of a run that nothing more is read of."""
        self._runs.pop(run, None)

    def add(
        self, run: int, delta: Delta, cursor: Cursor, parser: "Parser", text: bytes
    ) -> None:
        """Stores what some text of a log added, and the checkpoint behind it."""
        known = self._known(run)
        lines = known.lines, known.lines + delta.lines
        is_small = self._is_small(run, known, delta, cursor, text)
        known.lines, known.bytes = lines[1], known.bytes + len(text)
        known.offset = cursor.offset
        if is_small:
            self._append(run, known, delta, cursor, text)
        else:
            self._rewrite(run, known, delta, cursor, parser)
        if delta.milestones:
            self._add_milestones(run, delta.milestones)
        self._places.note(
            run, cursor, size=len(text), lines=lines, pending=parser.pending
        )

    def move(self, run: int, cursor: Cursor, *, part: bool) -> None:
        """Stores only a checkpoint; `part`: in the next file of a rotated log."""
        known = self._known(run)
        known.offset = cursor.offset
        if part:
            self._connection.execute(
                "UPDATE runs SET parts = parts + 1 WHERE id = ?", (run,)
            )
        if known.rows:
            known.rows += 1
            self._points.append_none(run, appends.packed_move(cursor))
            return
        self._connection.execute(
            "UPDATE runs SET cursor = ? WHERE id = ?", (to_json(cursor.state()), run)
        )

    def settle(self, run: int, cursor: Cursor, parser: "Parser") -> None:
        """Brings the row of a run up to date, if anything was appended to it."""
        known = self._known(run)
        if known.rows:
            self._rewrite(run, known, Delta(format=parser.format), cursor, parser)

    def rewind(self, run: int) -> None:
        """Deletes what was read of a run, so that it is read again."""
        self._points.delete(run)
        self._places.delete(run)
        self._runs.pop(run, None)
        self._connection.execute("DELETE FROM milestones WHERE run = ?", (run,))
        self._connection.execute(
            "UPDATE runs SET cursor = NULL, parser = NULL, lines = 0, bytes = 0,"
            " parts = 1, format = '', planned = NULL, hyperparameters = '{}',"
            " latest = '{}' WHERE id = ?",
            (run,),
        )

    def _is_small(
        self, run: int, known: _Known, delta: Delta, cursor: Cursor, text: bytes
    ) -> bool:
        """Whether the row of the run says all that a row appended to it does not."""
        return (
            known.offset is not None
            and known.offset + len(text) == cursor.offset
            and known.rows < _MAX_ROWS + run % _SPREAD
            and len(text) <= _MAX_TEXT
            and not delta.reset
            and not delta.hyperparameters
            and delta.planned in (None, known.planned)
            and (delta.format.name if delta.format else "") == known.format
            and not any(self._points.is_full(run, batch) for batch in delta.batches)
        )

    def _append(
        self, run: int, known: _Known, delta: Delta, cursor: Cursor, text: bytes
    ) -> None:
        known.rows += 1
        look = appends.packed(known.lines, known.bytes, cursor, text)
        for batch in delta.batches:
            metrics = self._points.append(run, batch, appended=look)
            known.last.pop(metrics, None)  # the order counts
            known.last[metrics] = batch
            look = b""
        if look:
            self._points.append_none(run, look)

    def _rewrite(
        self, run: int, known: _Known, delta: Delta, cursor: Cursor, parser: "Parser"
    ) -> None:
        """Writes the row of a run anew, in one statement."""
        fields: dict[str, Any] = {}
        if delta.planned or delta.reset:
            fields["planned"] = known.planned = delta.planned
        if delta.hyperparameters:
            (stated,) = self._fields(run, "hyperparameters")
            fields["hyperparameters"] = to_json(
                from_json(stated) | delta.hyperparameters
            )
        fields["latest"] = to_json(self._latest(run, known, delta))
        known.format = delta.format.name if delta.format else ""
        fields |= {
            "cursor": to_json(cursor.state()),
            "parser": to_json(parser.state()),
            "format": known.format,
            "lines": known.lines,
            "bytes": known.bytes,
        }
        names = ", ".join(f"{name} = ?" for name in fields)
        self._connection.execute(
            f"UPDATE runs SET {names} WHERE id = ?",  # noqa: S608 - our own names
            (*fields.values(), run),
        )
        if delta.reset:
            self._points.delete(run)
        elif known.rows:
            self._points.settle(run)
        known.rows = 0
        known.last.clear()
        for batch in delta.batches:
            self._points.append(run, batch)

    def _latest(self, run: int, known: _Known, delta: Delta) -> Mapping[str, Any]:
        if delta.reset:
            return latest(delta.batches)
        (before,) = self._fields(run, "latest")
        found: dict[str, Any] = from_json(before)
        return found | appends.latest_of(known.last) | latest(delta.batches)

    def _known(self, run: int) -> _Known:
        if run not in self._runs:
            if len(self._runs) >= _MAX_KNOWN:
                self._runs.clear()
            self._runs[run] = self._loaded(run)
        return self._runs[run]

    def _loaded(self, run: int) -> _Known:
        text, lines, size, named, planned = self._fields(
            run, "cursor, lines, bytes, format, planned"
        )
        cursor = checkpoint(text) if text else None
        appended = appends.load(self._connection, run).get(run)
        if appended is not None:
            cursor = appended.cursor(cursor)
            lines, size = appended.totals or (lines, size)
        offset = cursor.offset if cursor is not None else None
        rows = appended.rows if appended is not None else 0
        last = appended.last() if appended is not None else {}
        return _Known(offset, lines, size, named, planned, rows, last)

    def _fields(self, run: int, names: str) -> tuple[Any, ...]:
        found = self._connection.row(
            f"SELECT {names} FROM runs WHERE id = ?",  # noqa: S608 - our own names
            (run,),
        )
        if found is None:
            raise LookupError(f"no run {run}")
        return found

    def _add_milestones(self, run: int, milestones: Sequence[Milestone]) -> None:
        self._connection.executemany(
            "INSERT INTO milestones (run, kind, line, text) VALUES (?, ?, ?, ?)",
            [(run, m.kind, m.line, m.text) for m in milestones],
        )
