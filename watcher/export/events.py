"""TensorBoard's event files: TFRecords of `Event` messages, encoded in columns.

    record = length (8 bytes), its checksum, message, its checksum
    Event  = 1: wall_time (double), 2: step (varint), 5: summary {1: value {
             1: tag, 2: simple_value (float)}}

All events of a tag whose steps take equally many bytes have one layout: they are the
rows of a matrix, filled column by column.  Values are 32-bit floats, as the format has
them; NaN and infinities pass.
"""

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints
from watcher.export.crc32c import crc32c, masked, varying
from watcher.export.protobuf import BYTES, DOUBLE, FLOAT, VARINT, field


# Events that are encoded at a time.
_PART: Final = 1 << 16
_LIMITS: Final = np.array([1 << 7 * n for n in range(1, 10)], dtype=np.uint64)
_START: Final = 1
_DT_STRING: Final = 7
_HEAD: Final = 12  # length and its checksum


def header(wall_time: float) -> bytes:
    """The first record of a file: its version."""
    version = field(3, BYTES, b"brain.Event:2")
    return _record(field(1, DOUBLE, wall_time) + version)


def restart(wall_time: float, step: int) -> bytes:
    """The training began again at a step: points from there on are superseded."""
    log = field(7, BYTES, field(1, VARINT, _START))
    return _record(field(1, DOUBLE, wall_time) + field(2, VARINT, step) + log)


def text(wall_time: float, tag: str, markdown: str) -> bytes:
    """A text summary, for the tab Text."""
    plugin = field(1, BYTES, field(1, BYTES, b"text"))
    shape = field(2, BYTES, field(1, VARINT, 1))
    tensor = (
        field(1, VARINT, _DT_STRING)
        + field(2, BYTES, shape)
        + field(8, BYTES, markdown.encode("utf-8", "backslashreplace"))
    )
    value = (
        field(1, BYTES, tag.encode())
        + field(8, BYTES, tensor)
        + field(9, BYTES, plugin)
    )
    summary = field(5, BYTES, field(1, BYTES, value))
    return _record(field(1, DOUBLE, wall_time) + summary)


def scalars(
    tag: str, wall_times: Floats, steps: Ints, values: Floats
) -> Iterator[bytes]:
    """An event for each point, in their order; all of shape (n,)."""
    for start in range(0, len(steps), _PART):
        part = slice(start, start + _PART)
        yield from _part(tag, wall_times[part], steps[part], values[part])


def _part(tag: str, wall_times: Floats, steps: Ints, values: Floats) -> Iterator[bytes]:
    numbers = np.ascontiguousarray(steps, np.int64).view(np.uint64)
    widths = np.searchsorted(_LIMITS, numbers, side="right") + 1
    cuts = [0, *(np.flatnonzero(np.diff(widths)) + 1).tolist(), len(steps)]
    for start, end in pairwise(cuts):
        rows = slice(start, end)
        columns = wall_times[rows], numbers[rows], values[rows]
        yield _rows(tag, int(widths[start]), *columns)


def _rows(
    tag: str, width: int, wall_times: Floats, steps: NDArray[np.uint64], values: Floats
) -> bytes:
    """Events whose steps take `width` bytes each."""
    value = field(1, BYTES, tag.encode()) + field(2, FLOAT, 0.0)
    summary = field(5, BYTES, field(1, BYTES, value))
    message = field(1, DOUBLE, 0.0) + bytes([2 << 3]) + bytes(width) + summary
    rows = np.empty((len(steps), _HEAD + len(message) + 4), np.uint8)
    rows[:] = np.frombuffer(_record(message), np.uint8)
    body = rows[:, _HEAD:-4]
    at_step = 10
    body[:, 1:9] = _as_bytes(wall_times, "<f8")
    body[:, at_step : at_step + width] = _varints(steps, width)
    with np.errstate(over="ignore", invalid="ignore"):
        body[:, -4:] = _as_bytes(values, "<f4")
    size = len(message)
    columns = [*range(1, 9), *range(at_step, at_step + width), *range(size - 4, size)]
    rows[:, -4:] = _as_bytes(masked(varying(body, columns)), "<u4")
    return rows.tobytes()


def _as_bytes(column: NDArray[Any], kind: str) -> NDArray[np.uint8]:
    """A column as the bytes of its numbers, shape (n, bytes of one)."""
    plain = np.ascontiguousarray(column.astype(kind))
    return plain.view(np.uint8).reshape(len(column), -1)


def _varints(numbers: NDArray[np.uint64], width: int) -> NDArray[np.uint8]:
    """Varints of equal width, shape (n, width)."""
    shifts = np.arange(0, 7 * width, 7, dtype=np.uint64)
    groups = ((numbers[:, None] >> shifts) & np.uint64(0x7F)).astype(np.uint8)
    groups[:, :-1] |= 0x80
    return groups


def _record(message: bytes) -> bytes:
    length = struct.pack("<Q", len(message))
    return length + _checksum(length) + message + _checksum(message)


def _checksum(data: bytes) -> bytes:
    return masked(crc32c(data)).astype("<u4").tobytes()
