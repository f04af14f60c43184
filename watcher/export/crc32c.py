"""CRC-32C (Castagnoli) of many records of equal length at once."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray


_POLYNOMIAL: Final = 0x82F63B78
_ONES: Final = 0xFFFFFFFF
_MASK: Final = 0xA282EAD8
Checksums = NDArray[np.uint32]


def _table() -> Checksums:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        feedback = (table & np.uint32(1)) * np.uint32(_POLYNOMIAL)
        table = (table >> np.uint32(1)) ^ feedback
    return table


TABLE: Final = _table()


def crc32c(data: bytes) -> int:
    """The checksum of some bytes."""
    crc = _ONES
    for byte in data:
        crc = int(TABLE[(crc ^ byte) & 0xFF]) ^ (crc >> 8)
    return crc ^ _ONES


def masked(crc: Checksums | int) -> Checksums:
    """The checksum as TFRecord files hold it."""
    wide = np.asarray(crc, np.uint64)
    turned = ((wide >> np.uint64(15)) | (wide << np.uint64(17))) & np.uint64(_ONES)
    return ((turned + np.uint64(_MASK)) & np.uint64(_ONES)).astype(np.uint32)


def varying(rows: NDArray[np.uint8], columns: Sequence[int]) -> Checksums:
    """The checksum of each row, where only some columns differ between rows.

    The checksum is linear: that of a row is that of the first one, changed by each
    differing bit.  So only the columns that vary are looked at.  Shape (n,).
    """
    first = rows[0]
    found = np.full(len(rows), crc32c(first.tobytes()), np.uint32)
    for column in columns:
        changes = _behind(rows.shape[1] - 1 - column)
        found ^= changes[rows[:, column] ^ first[column]]
    return found


_BEHIND: list[Checksums] = [TABLE]


def _behind(distance: int) -> Checksums:
    """What each byte adds to a checksum when so many bytes follow it."""
    while len(_BEHIND) <= distance:
        last = _BEHIND[-1]
        _BEHIND.append(TABLE[last & 0xFF] ^ (last >> 8))
    return _BEHIND[distance]
