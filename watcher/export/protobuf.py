"""Fields of Protocol Buffers messages, as TensorBoard and W&B read them."""

import struct
from typing import Any, Final


VARINT: Final = 0
DOUBLE: Final = 1
BYTES: Final = 2
FLOAT: Final = 5


def field(number: int, kind: int, value: Any) -> bytes:
    """A field of a message."""
    key = varint(number << 3 | kind)
    if kind == DOUBLE:
        return key + struct.pack("<d", value)
    if kind == FLOAT:
        return key + struct.pack("<f", value)
    if kind == VARINT:
        return key + varint(value)
    return key + varint(len(value)) + bytes(value)


def varint(number: int) -> bytes:
    """A number in groups of seven bits; a negative one as 64 bits."""
    number &= (1 << 64) - 1
    groups = []
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
