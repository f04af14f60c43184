"""Finds the parts of a log that was rotated before it was first read.

A name alone makes no part: `train.log.1` may be of another training, and
`train.2026-05-04.log` a run of its own.  The steps of a part go on in the next one.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from parsers.format import Format
from parsers.parser import Parser
from watcher.errors import InputError
from watcher.ingest import decompress, fileread, rotation
from watcher.ingest.rotation import Part


# Of the beginning and the end of a file: enough lines to see how its steps go on.
_WINDOW_BYTES: Final = 16 * 1024
# A packed part is read whole to see its end.
_MAX_PACKED_BYTES: Final = 16 * 1024 * 1024
_MAX_PARTS: Final = 100
# Between the files of a log lies at most this many times the interval of its steps.
_MAX_GAP: Final = 3


@dataclass(frozen=True, slots=True)
class _Steps:
    """The first and the last step of a file, and the interval between two steps."""

    first: int
    last: int
    interval: int


def parts(path: Path, formats: Sequence[Format]) -> list[Part]:
    """Rotated files whose steps go on up to the log's first one, the oldest first.

    While the log is empty, the newest file that has its name and a number is its part.
    """
    files = rotation.rotated(path)
    if not files and path.is_symlink():
        files = rotation.rotated(Path(os.path.realpath(path)))
    found: list[Part] = []
    newer = _steps(Part(path), formats) if files else None
    for part in files[:_MAX_PARTS]:
        older = _steps(part, formats)
        if older is None:
            break
        if newer is None and not (rotation.base(part.path) and _is_empty(path)):
            break
        if newer is not None and not _goes_on(older, newer):
            break
        found.append(part)
        newer = older
    return found[::-1]


def _is_empty(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.stat().st_size == 0
    return False


def _goes_on(older: _Steps, newer: _Steps) -> bool:
    gap = _MAX_GAP * max(older.interval, newer.interval)
    return older.last <= newer.first <= older.last + gap


def _steps(part: Part, formats: Sequence[Format]) -> _Steps | None:
    with contextlib.suppress(OSError, InputError):
        head, tail = _unpacked_ends(part.path) if part.packed else _ends(part.path)
        first, last = _parsed(head, formats), _parsed(tail, formats)
        if len(first) and len(last):
            interval = max(int(np.diff(s).max(initial=0)) for s in (first, last))
            return _Steps(int(first[0]), int(last[-1]), interval)
    return None


def _parsed(data: bytes, formats: Sequence[Format]) -> np.ndarray:
    parser = Parser(formats)
    batches = [*parser.feed(data).batches, *parser.flush().batches]
    return np.concatenate([[], *(batch.steps for batch in batches)])


def _ends(path: Path) -> tuple[bytes, bytes]:
    """The first bytes of a file and its last whole lines."""
    fd = fileread.opened(path)
    try:
        start = max(0, os.fstat(fd).st_size - _WINDOW_BYTES)
        head, tail = os.pread(fd, _WINDOW_BYTES, 0), os.pread(fd, _WINDOW_BYTES, start)
    finally:
        os.close(fd)
    return head, _whole_lines(tail, cut=start > 0)


def _unpacked_ends(path: Path) -> tuple[bytes, bytes]:
    """As `_ends`, of a compressed file."""
    if path.stat().st_size > _MAX_PACKED_BYTES:
        return b"", b""
    head = tail = b""
    size = 0
    for data, _ in decompress.chunks(path):
        head = (head + data)[:_WINDOW_BYTES]
        tail = (tail + data)[-_WINDOW_BYTES:]
        size += len(data)
    return head, _whole_lines(tail, cut=size > _WINDOW_BYTES)


def _whole_lines(data: bytes, *, cut: bool) -> bytes:
    """Without the rest of a line at the beginning, where that was cut."""
    return data[data.find(b"\n") + 1 :] if cut else data
