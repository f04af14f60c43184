"""Event files that follow the runs of the database, for TensorBoard.

Files are only appended to.  Before each append its plan is stored beside the file: up
to which lines of the log, at what time.  After a crash the file is truncated to where
the append began, and the plan is carried out again: the same points, the same bytes.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from parsers.batch import Batch
from watcher.errors import OutputError
from watcher.export import events
from watcher.export.appends import Append, Plan
from watcher.export.names import below
from watcher.export.tensorboard import TEXT_TAG
from watcher.files import write_atomically
from watcher.storage.chunks import joined
from watcher.storage.database import Database
from watcher.storage.rows import Row


STATE: Final = ".gptwatch.json"
_OVER: Final = frozenset({"crashed", "finished", "stopped"})


class Mirror:
    """Event files below a directory, one directory a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: dict[int, _File] = {}

    def update(self, store: Database) -> None:
        """Appends what came since; a file that cannot be written stops no other.

        Raises:
            OutputError: a file could not be written; it is tried again.
        """
        errors: list[OutputError] = []
        for row in [row for row in store.runs() if row.format]:
            path = self._folder / below(row.name)
            file = self._runs.setdefault(row.id, _File(path))
            try:
                # One for each run: meanwhile the write-ahead log cannot be emptied.
                with store.snapshot():
                    file.update(store, row)
            except (OSError, OutputError) as error:
                del self._runs[row.id]
                errors.append(_refusal(path, error))
        if errors:
            raise errors[0]


def _refusal(path: Path, error: OSError | OutputError) -> OutputError:
    if isinstance(error, OutputError):
        return error
    return OutputError(
        "{path}: cannot be written ({reason}); free disk space, "
        "check its permissions, or set another directory under "
        "[export]",
        path=path,
        reason=error.strerror,
    )


class _File:
    """The event file of a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._plan: Plan | None = None
        self._seen: set[int] = set()
        self._parts = Append(Plan(0.0), {})

    def update(self, store: Database, row: Row) -> None:
        """Appends what came since."""
        ids = set(store.points.ids(row.id))
        if self._plan is not None and ids <= self._seen and not self._is_news(row):
            return
        if self._plan is None or self._plan.first_seen != row.first_seen:
            self._plan = self._recovered(store, row, ids)
        plan = self._plan
        fresh = _after(plan.until, [store.points.chunk(i) for i in ids - self._seen])
        self._seen = ids
        if fresh or self._is_news(row):
            self._append(_next(plan, self._parts, fresh, row), fresh)

    def _is_news(self, row: Row) -> bool:
        return self._plan is not None and _key(row) not in {"", self._plan.key}

    def _recovered(self, store: Database, row: Row, ids: set[int]) -> Plan:
        """What the file holds, after an append that a crash cut short is repeated."""
        plan = self._stored(row)
        chunks = [store.points.chunk(i) for i in ids]
        if plan is None or sum(map(len, chunks)) < plan.records:
            # Another run had this name, or the log was read anew.
            for path in self._folder.glob("events.out.tfevents.*.gptwatch.*"):
                path.unlink()
            plan = Plan(row.first_seen)
            self._parts = Append(plan, {})
            return plan
        fresh = _up_to(plan.until, _after(plan.done, chunks))
        self._write(plan, fresh)
        return plan

    def _stored(self, row: Row) -> Plan | None:
        try:
            plan = Plan(**json.loads((self._folder / STATE).read_bytes()))
        except (OSError, TypeError, ValueError):
            return None
        path = self._path(row.first_seen)
        size = path.stat().st_size if path.exists() else -1
        whole = plan.first_seen == row.first_seen and size >= plan.length
        return plan if whole or (size < 0 and not plan.length) else None

    def _path(self, first_seen: float) -> Path:
        return self._folder / f"events.out.tfevents.{first_seen:.0f}.gptwatch.0"

    def _append(self, plan: Plan, fresh: Mapping[str, Batch]) -> None:
        path = self._path(plan.first_seen)
        plan = replace(plan, length=path.stat().st_size if path.exists() else 0)
        state = json.dumps(asdict(plan)).encode()
        write_atomically(self._folder / STATE, [state])
        self._write(plan, fresh)
        self._plan = plan

    def _write(self, plan: Plan, fresh: Mapping[str, Batch]) -> None:
        path = self._path(plan.first_seen)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.truncate(plan.length)
            if not plan.length:
                file.write(events.header(plan.first_seen))
            self._parts = Append(plan, fresh)
            file.writelines(self._parts.encoded())
            if plan.text:
                file.write(events.text(plan.at, TEXT_TAG, plan.text))
            file.flush()
            os.fsync(file.fileno())


def _after(done: Mapping[str, int], chunks: Sequence[Batch]) -> dict[str, Batch]:
    """Records behind some lines, by their metrics, in the order of the log."""
    parts: dict[str, list[Batch]] = {}
    for chunk in chunks:
        names = ",".join(sorted(chunk.values))
        part = chunk.take(chunk.lines > done.get(names, -1))
        if len(part):
            parts.setdefault(names, []).append(part)
    found = {names: joined(batches) for names, batches in sorted(parts.items())}
    return {
        names: batch.take(batch.lines.argsort(kind="stable"))
        for names, batch in found.items()
    }


def _up_to(until: Mapping[str, int], found: Mapping[str, Batch]) -> dict[str, Batch]:
    kept = {
        names: batch.take(batch.lines <= until.get(names, -1))
        for names, batch in found.items()
    }
    return {names: batch for names, batch in kept.items() if len(batch)}


def _next(plan: Plan, after: Append, fresh: Mapping[str, Batch], row: Row) -> Plan:
    """The plan of the next append; `after`: the one of `plan`."""
    until = {names: int(batch.lines[-1]) for names, batch in fresh.items()}
    modified = row.cursor.mtime_ns / 1e9 if row.cursor else 0.0
    key = _key(row)
    text = _markdown(row) if key not in {"", plan.key} else ""
    return Plan(
        plan.first_seen,
        done=plan.until,
        until=plan.until | until,
        records=plan.records + sum(map(len, fresh.values())),
        before=plan.at,
        at=max(plan.at, modified),
        steps=after.steps,
        high=after.high,
        backs=after.backs,
        text=text,
        key=key if text else plan.key,
    )


def _key(row: Row) -> str:
    """Another one when there is something new to say of a run."""
    found = (row.diagnosis or {}).get("findings", [])
    names = [f"{f['rule']}@{f['step']}/{f.get('cleared_step')}" for f in found]
    state = row.state.get("state")
    return " ".join([state, *names] if state in _OVER else names)


def _markdown(row: Row) -> str:
    diagnosis = row.diagnosis or {}
    found = "".join(f"- {f['message']}\n" for f in diagnosis.get("findings", []))
    return f"**{diagnosis.get('headline', '')}**\n\n{found}"
