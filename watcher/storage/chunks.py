"""A batch of points as bytes, with a checksum: SQLite does not detect flipped bits."""

import struct
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from parsers.batch import Batch


_CHECKSUM: Final = 4
_FEW: Final = 64


class DamagedError(Exception):
    """Stored data is damaged: a wrong checksum, or no valid JSON."""


def packed(batch: Batch) -> bytes:
    """Values, lines and steps (int32 where they fit), their width, a checksum."""
    values = [column.astype(np.float64).tobytes() for column in batch.values.values()]
    data = b"".join([*values, *_numbers(batch)])
    return data + zlib.crc32(data).to_bytes(_CHECKSUM, "little")


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
    whole = memoryview(data)
    if zlib.crc32(whole[:-_CHECKSUM]) != int.from_bytes(whole[-_CHECKSUM:], "little"):
        raise DamagedError("a checksum is wrong")
    metrics = names.split(",") if names else []
    kind = np.dtype(f"i{chr(data[-_CHECKSUM - 1])}")
    at = 8 * records * len(metrics)
    values = np.frombuffer(data, np.float64, records * len(metrics))
    both = np.frombuffer(data, kind, 2 * records, offset=at).astype(np.int64)
    columns = dict(zip(metrics, values.reshape(-1, records), strict=True))
    return Batch(pattern, both[:records], both[records:], columns)


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
