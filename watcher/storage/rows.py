"""A run's row in the database."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson

from parsers.batch import Batch
from watcher.storage.checkpoint import Cursor
from watcher.storage.chunks import DamagedError


@dataclass(frozen=True, slots=True)
class Row:
    """A run as the database knows it, without its points.

    Attributes are the columns of the table; `latest`, `hyperparameters`,
    `diagnosis` and `state` are read from JSON.  `label` names the watched directory,
    where another one has a log of the same path.
    """

    id: int
    root: str
    path: str
    generation: int
    reason: str
    cursor: Cursor | None
    format: str
    planned: int | None
    lines: int
    bytes: int
    parts: int
    hyperparameters: dict[str, Any]
    latest: dict[str, Any]
    first_seen: float
    changed_at: float | None
    current: bool
    adopted: bool
    diagnosis: dict[str, Any] | None
    state: dict[str, Any]
    label: str = ""

    @property
    def name(self) -> str:
        """The run's name: no other run in the database has it."""
        return f"{self.label}/{self.local_name}" if self.label else self.local_name

    @property
    def local_name(self) -> str:
        """The log's path, with `#2` for the second training in it."""
        return self.path if self.generation == 1 else f"{self.path}#{self.generation}"


FIELDS: Final = (
    "id, root, path, generation, reason, cursor, format, planned, lines, bytes, parts, "
    "hyperparameters, latest, first_seen, changed_at, current, adopted, diagnosis, "
    "coalesce(state, '{}')"
)
ANALYSED: Final = frozenset({"diagnosis", "state"})
_PLACES: Final = {name: at for at, name in enumerate(Row.__slots__)}
_CURSOR: Final = _PLACES["cursor"]
_JSON: Final = tuple(
    _PLACES[name]
    for name in ("hyperparameters", "latest", "cursor", "diagnosis", "state")
)
_TEXTS: Final = _PLACES["root"], _PLACES["path"]
_FLAGS: Final = _PLACES["current"], _PLACES["adopted"]


# Made once: several are needed at each commit.
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))


def to_json(value: Any) -> str:
    """As a JSON column has it."""
    return _ENCODER.encode(value)


def from_json(text: str) -> Any:
    """The value of a JSON column."""
    try:
        return _quickly(text)
    except (TypeError, ValueError) as error:
        raise DamagedError(str(error)) from error


def checkpoint(text: str) -> Cursor:
    """The checkpoint in a JSON column."""
    try:
        return Cursor.restore(from_json(text))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DamagedError(repr(error)) from error


def row(found: Sequence[Any]) -> Row:
    """A row of the query `FIELDS`."""
    try:
        return _parsed(found)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DamagedError(repr(error)) from error


def _parsed(found: Sequence[Any]) -> Row:
    fields = list(found)
    for at in _JSON:
        fields[at] = _quickly(fields[at]) if fields[at] else None
    if fields[_CURSOR] is not None:
        fields[_CURSOR] = Cursor.restore(fields[_CURSOR])
    for at in _TEXTS:
        fields[at] = os.fsdecode(fields[at])
    for at in _FLAGS:
        fields[at] = bool(fields[at])
    return Row(*fields)


def _quickly(text: str) -> Any:
    """The value of a JSON column; NaN and lone surrogates are allowed."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def latest(batches: Iterable[Batch]) -> dict[str, Any]:
    """Last step and last value of each metric in a piece of the log."""
    found: dict[str, Any] = {}
    line = -1
    for batch in batches:
        if not len(batch.lines):
            continue
        if batch.lines[-1] >= line:
            line = int(batch.lines[-1])
            found["step"] = int(batch.steps[-1])
        for name, column in batch.values.items():
            value = float(column[-1])
            found[name] = value if np.isfinite(value) else str(value)
    return found
