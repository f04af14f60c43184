"""The checkpoint of a log: its offset, and the identity of the file it is in."""

import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple


HEAD_BYTES: Final = 1024
MARKER_BYTES: Final = 256
# The first mark; the others follow at its powers of two.
_FIRST_MARK: Final = 2048
_MAX_PARTS: Final = 100

# An offset, and the CRC of the MARKER_BYTES before it.
Mark = tuple[int, int]


class Stat(NamedTuple):
    """What a checkpoint keeps of a stat; a size of -1 while there is more to read."""

    size: int
    mtime_ns: int
    ctime_ns: int
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """An offset in a file, and what identifies the file: inode, head and marker.

    Attributes:
        device, inode: of the file.
        head: the first bytes of the file, at most HEAD_BYTES; those that were read, and
            for the next part of a rotated log those that were there.
        marker: the last bytes before `offset`, at most MARKER_BYTES.
        offset: bytes read; for a compressed file, of what it holds.
        size, mtime_ns, ctime_ns: at the last stat that found no more to read; a size
            of -1 while there is more.
        marks: of the text that was read, at powers of two: what a file that begins with
            distinguish files with the same head.
        parts: the ends of earlier files of a rotated log whose names a scan would take
            for those of other logs.
        next_key: device and inode of the next file of a rotated log, while that is
            empty.
    """

    device: int
    inode: int
    head: bytes = b""
    marker: bytes = b""
    offset: int = 0
    size: int = -1
    mtime_ns: int = 0
    ctime_ns: int = 0
    marks: tuple[Mark, ...] = ()
    parts: tuple[Mark, ...] = ()
    next_key: tuple[int, int] | None = None

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode

    @classmethod
    def start(cls, seen: os.stat_result) -> "Cursor":
        """The beginning of a file."""
        return cls(seen.st_dev, seen.st_ino)

    @property
    def at_end(self) -> bool:
        """Whether the file was read to its end at the last stat."""
        return self.size >= 0

    def looks_unchanged(self, seen: os.stat_result) -> bool:
        """Whether the file is as it was when it was read to its end."""
        return (
            self.inode == seen.st_ino
            and self.size == seen.st_size
            and self.mtime_ns == seen.st_mtime_ns
            and self.ctime_ns == seen.st_ctime_ns
            and self.device == seen.st_dev
        )

    @property
    def stat(self) -> Stat:
        """The file as the last stat showed it."""
        return Stat(self.size, self.mtime_ns, self.ctime_ns, self.device, self.inode)

    def after(self, data: bytes) -> "Cursor":
        """The offset after more bytes, as the last stat showed the file."""
        return replace(self.advanced(data, self.stat), next_key=self.next_key)

    def advanced(self, data: bytes, stat: Stat, skipped: int = 0) -> "Cursor":
        """The offset after more bytes, which follow a hole of `skipped` zero bytes."""
        head, marker, marks = self.head, self.marker, self.marks
        if skipped:
            marker += bytes(min(skipped, MARKER_BYTES))
        if self.offset < HEAD_BYTES:
            hole = bytes(min(skipped, HEAD_BYTES))
            seen = (head[: self.offset] + hole + data[:HEAD_BYTES])[:HEAD_BYTES]
            head = max(head, seen, key=len)  # more of it may be known than was read
        start = self.offset + skipped
        end = start + len(data)
        if end >= _FIRST_MARK and start.bit_length() != end.bit_length():
            marks += tuple(_marks(marker[-MARKER_BYTES:], data, start))
        # A look at a log that grew waits for this: `replace` takes twice the time.
        return Cursor(
            stat.device,
            stat.inode,
            head,
            (marker + data[-MARKER_BYTES:])[-MARKER_BYTES:],
            end,
            stat.size,
            stat.mtime_ns,
            stat.ctime_ns,
            marks,
            self.parts,
        )

    def end_mark(self) -> Mark:
        """What the text up to the offset is known by."""
        return self.offset, zlib.crc32(self.marker)

    def next_part(self, start: "Cursor", *, listed: bool) -> "Cursor":
        """`start`, the beginning of the next file of a rotated log.

        `listed`: whether a scan would take the file that ends here for another log.
        """
        parts = (*self.parts, self.end_mark()) if listed else self.parts
        return replace(start, parts=parts[-_MAX_PARTS:])

    def state(self) -> dict[str, Any]:
        """As plain JSON types."""
        fields = {name: getattr(self, name) for name in Cursor.__slots__}
        fields["head"] = self.head.decode("latin-1")
        fields["marker"] = self.marker.decode("latin-1")
        return fields

    @classmethod
    def restore(cls, state: Mapping[str, Any]) -> "Cursor":
        """From what `state` returned."""
        texts = {name: state[name].encode("latin-1") for name in ("head", "marker")}
        marks = {n: tuple(map(tuple, state.get(n, ()))) for n in ("marks", "parts")}
        following = state.get("next_key")
        next_key = tuple(following) if following else None
        return cls(**{**state, **texts, **marks, "next_key": next_key})


def _marks(before: bytes, data: bytes, start: int) -> Iterator[Mark]:
    """The marks that lie in `data`, which begins at `start` and follows `before`."""
    at = max(_FIRST_MARK, 1 << start.bit_length())
    while at <= start + len(data):
        end = at - start
        window = before[end:] + data[max(0, end - MARKER_BYTES) : end]
        if len(window) >= MARKER_BYTES:
            yield at, zlib.crc32(window[-MARKER_BYTES:])
        at *= 2
