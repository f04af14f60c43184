"""A run as an offline run of W&B, for `wandb sync`; W&B is not needed to write it.

    file   = ":W&B", magic (2 bytes), version; blocks of 32 KiB, as LevelDB's log has
    record = checksum (4 bytes), length (2), type (1), a part of a message `Record`

The step of a log is the axis of all metrics, so that an evaluation that is printed
late, or a restart, is no error: W&B's own step only counts lines.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np

from watcher import __version__
from watcher.analysis.model import Analysis
from watcher.export.mlflow import parameters
from watcher.export.protobuf import BYTES, VARINT, field
from watcher.export.tags import tag
from watcher.export.tensorboard import Times
from watcher.export.thinning import chosen
from watcher.files import write_atomically
from watcher.outputs.text.headline import headline


_HEADER: Final = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
_BLOCK: Final = 32 * 1024
_HEAD: Final = 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
# Fields of `Record`, and the oldest program that reads what is written here.
_NUMBER, _HISTORY, _SUMMARY, _METRIC, _RUN, _EXIT, _FILE = 1, 2, 3, 12, 17, 18, 21
_READER: Final = b"0.70.0"
_VALUE: Final = 16
_STEP: Final = "step"
_FAILED: Final = frozenset({"crashed", "out of memory", "killed", "cancelled"})


def write(
    analysis: Analysis, folder: Path, *, project: str, identity: str, limit: int | None
) -> Path:
    """Writes the directory of an offline run below `folder`; where it is.

    Equal for equal analyses.  `limit`: points of a metric, at most.

    Raises:
        OutputError: it cannot be written.
    """
    name = blake2b(identity.encode("utf-8", "replace"), digest_size=4).hexdigest()
    times = Times(analysis)
    stamp = f"{datetime.fromtimestamp(times.start, UTC):%Y%m%d_%H%M%S}"
    run = folder / f"offline-run-{stamp}-{name}"
    records = _records(analysis, times, name, project, limit)
    numbered = (field(_NUMBER, VARINT, n) + r for n, r in enumerate(records, 1))
    write_atomically(run / f"run-{name}.wandb", _framed(numbered))
    return run


def _records(
    analysis: Analysis, times: Times, name: str, project: str, limit: int | None
) -> Iterator[bytes]:
    version = _text(1, f"gptwatch {__version__}") + field(2, BYTES, _READER)
    yield field(_FILE, BYTES, field(1, BYTES, version))
    yield field(_RUN, BYTES, _run(analysis, times, name, project))
    defined = field(6, BYTES, field(3, VARINT, 1))
    yield field(_METRIC, BYTES, _text(1, _STEP) + defined)
    yield field(_METRIC, BYTES, _text(2, "*") + _text(4, _STEP) + defined)
    last: dict[str, Any] = {}
    for n, line in enumerate(_lines(analysis, times, limit)):
        last |= line
        count = field(2, BYTES, field(1, VARINT, n))
        yield field(_HISTORY, BYTES, _items({**line, "_step": n}) + count)
    yield field(_SUMMARY, BYTES, _items({**last, **_figures(analysis)}))
    outcome = analysis.summary.outcome
    if outcome is not None:
        yield field(_EXIT, BYTES, field(1, VARINT, int(outcome in _FAILED)))


def _run(analysis: Analysis, times: Times, name: str, project: str) -> bytes:
    settings = {found["key"]: found["value"] for found in parameters(analysis.info)}
    shown = {key: _typed(value) for key, value in settings.items()}
    start = field(1, VARINT, int(times.start))
    return (
        _text(1, name)
        + _text(3, project)
        + field(4, BYTES, _items(shown))
        + _text(8, analysis.name)
        + _text(9, headline(analysis, "en"))
        + field(17, BYTES, start)
        + field(24, VARINT, 1)
    )


def _typed(text: str) -> Any:
    """A setting as JSON has it: numbers and booleans stay what they are."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"True": True, "False": False}.get(text, text)


def _lines(
    analysis: Analysis, times: Times, limit: int | None
) -> Iterator[dict[str, Any]]:
    """What each line of the log gives, in its order."""
    parts = []
    for curve in analysis.curves.values():
        lost = np.flatnonzero(~np.isfinite(curve.values))[:limit]
        which = np.union1d(chosen(curve, limit), lost)
        parts += [
            (int(line), int(step), tag(curve.metric), float(value))
            for line, step, value in zip(
                curve.lines[which], curve.steps[which], curve.values[which], strict=True
            )
        ]
    parts.sort(key=lambda part: part[:2])
    at, found = (-1, -1), dict[str, Any]()
    for line, step, name, value in parts:
        if (line, step) != at and found:
            yield found
        if (line, step) != at:
            at, second = (line, step), float(times.at(np.array([line]))[0])
            runtime = round(second - times.start, 3)
            found = {_STEP: step, "_timestamp": second, "_runtime": runtime}
        found[name] = value
    if found:
        yield found


def _figures(analysis: Analysis) -> Mapping[str, Any]:
    figures = {k: v for k, v in asdict(analysis.summary).items() if v is not None}
    return {f"gptwatch/{name}": value for name, value in figures.items()}


def _items(values: Mapping[str, Any]) -> bytes:
    """Keys with values in JSON; one part of a key may hold dots and slashes."""
    return b"".join(
        field(1, BYTES, _text(2, key) + _text(_VALUE, json.dumps(value)))
        for key, value in values.items()
    )


def _text(number: int, text: str) -> bytes:
    return field(number, BYTES, text.encode("utf-8", "backslashreplace"))


def _framed(records: Iterable[bytes]) -> Iterator[bytes]:
    """The file: records cut at the ends of blocks."""
    yield _HEADER
    at = len(_HEADER)
    for record in records:
        start = 0
        while start < len(record) or not start:
            room = _BLOCK - at % _BLOCK
            if room < _HEAD:
                yield bytes(room)
                at, room = at + room, _BLOCK
            part = record[start : start + room - _HEAD]
            ends = start + len(part) == len(record)
            kind = (
                (_FULL if ends else _FIRST)
                if not start
                else (_LAST if ends else _MIDDLE)
            )
            yield _frame(part, kind)
            at, start = at + _HEAD + len(part), start + len(part)
            if ends:
                break


def _frame(part: bytes, kind: int) -> bytes:
    checksum = zlib.crc32(part, zlib.crc32(bytes([kind])))
    return struct.pack("<IHB", checksum, len(part), kind) + part
