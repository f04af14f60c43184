"""A batch of points as bytes, with a checksum: SQLite does not detect flipped bits."""

import struct
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from parsers.batch import Batch
from watcher.storage import compact


_CHECKSUM: Final = 4
# In place of the width of a number: the columns are compressed.
COMPACT: Final = b"z"
# A look at a log: arrays, or compression, would take longer than they are worth.
_FEW: Final = 64
_LEAST: Final = 24


class DamagedError(Exception):
    """Stored data is damaged: a wrong checksum, or no valid JSON."""


def packed(batch: Batch) -> bytes:
    """Values, lines and steps (int32 where they fit), their width, a checksum.

    Many records are compressed, where that is less.
    """
    values = [column.astype(np.float64) for column in batch.values.values()]
    data = b""
    if len(batch) >= _LEAST:
        data = compact.compressed(values, [batch.lines, batch.steps]) + COMPACT
    if not 0 < len(data) < plain_size(len(batch), len(values)):
        data = b"".join([*(v.tobytes() for v in values), *_numbers(batch)])
    return data + zlib.crc32(data).to_bytes(_CHECKSUM, "little")


def plain_size(records: int, metrics: int) -> int:
    """Bytes of a batch that is not compressed, at least: less shows that it is."""
    return 8 * records * (metrics + 1)


def _numbers(batch: Batch) -> tuple[bytes, bytes]:
    """Lines and steps, and the width of each number."""
    if len(batch.lines) <= _FEW:  # a look at a log: arrays would take thrice the time
        numbers = [*batch.lines.tolist(), *batch.steps.tolist()]
        try:
            return struct.pack(f"<{len(numbers)}i", *numbers), b"4"
        except struct.error:
            return struct.pack(f"<{len(numbers)}q", *numbers), b"8"
    both = np.concatenate([batch.lines, batch.steps])
    small = both.astype(np.int32)
    fits = bool((small == both).all())
    return (small.tobytes(), b"4") if fits else (both.tobytes(), b"8")


def unpacked(pattern: str, names: str, records: int, data: bytes) -> Batch:
    """The batch that was packed.

    Raises:
        DamagedError: the checksum is wrong.
    """
    metrics = names.split(",") if names else []
    if data[-_CHECKSUM - 1 : -_CHECKSUM] == COMPACT:
        return _expanded(pattern, metrics, records, data)
    _check(data)
    kind = np.dtype(f"i{chr(data[-_CHECKSUM - 1])}")
    at = 8 * records * len(metrics)
    values = np.frombuffer(data, np.float64, records * len(metrics))
    both = np.frombuffer(data, kind, 2 * records, offset=at).astype(np.int64)
    columns = dict(zip(metrics, values.reshape(-1, records), strict=True))
    return Batch(pattern, both[:records], both[records:], columns)


def expanded(data: bytes, records: int) -> compact.Compact:
    """The columns of a compressed batch.

    Raises:
        DamagedError: the checksum is wrong.
    """
    _check(data)
    return compact.Compact(data[: -_CHECKSUM - 1], records)


def _expanded(pattern: str, metrics: Sequence[str], records: int, data: bytes) -> Batch:
    found = expanded(data, records)
    lines, steps = (found.integers(len(metrics) + k) for k in range(2))
    values = {name: found.floats(k) for k, name in enumerate(metrics)}
    return Batch(pattern, lines, steps, values)


def merged(rows: Sequence[tuple[str, str, int, bytes]]) -> Batch:
    """Batches with the same metrics that were packed, as one.

    Raises:
        DamagedError: a checksum is wrong.
    """
    if any(row[3][-_CHECKSUM - 1 : -_CHECKSUM] != b"4" for row in rows):
        return joined([unpacked(*row) for row in rows])
    pattern, names = rows[0][:2]
    metrics = names.split(",") if names else []
    parts: list[list[bytes]] = [[] for _ in range(len(metrics) + 2)]
    for _, _, records, data in rows:
        _check(data)
        width, ends = 8 * records, 8 * records * len(metrics)
        for k in range(len(metrics)):
            parts[k].append(data[width * k : width * (k + 1)])
        parts[-2].append(data[ends : ends + 4 * records])
        parts[-1].append(data[ends + 4 * records : ends + 8 * records])
    columns = [b"".join(part) for part in parts]
    values = [np.frombuffer(column, np.float64) for column in columns[:-2]]
    lines, steps = (np.frombuffer(c, np.int32).astype(np.int64) for c in columns[-2:])
    return Batch(pattern, lines, steps, dict(zip(metrics, values, strict=True)))


def _check(data: bytes) -> None:
    whole = memoryview(data)
    if zlib.crc32(whole[:-_CHECKSUM]) != int.from_bytes(whole[-_CHECKSUM:], "little"):
        raise DamagedError("a checksum is wrong")


def joined(parts: Sequence[Batch]) -> Batch:
    """Batches with the same metrics as one."""
    first = parts[0]
    values = {
        name: np.concatenate([part.values[name] for part in parts])
        for name in first.values
    }
    return Batch(
        first.pattern,
        np.concatenate([part.lines for part in parts]),
        np.concatenate([part.steps for part in parts]),
        values,
    )
