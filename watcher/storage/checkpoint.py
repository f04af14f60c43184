"""The checkpoint of a log: its offset, and the identity of the file it is in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final


HEAD_BYTES: Final = 1024
MARKER_BYTES: Final = 256


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
    """

    device: int
    inode: int
    head: bytes = b""
    marker: bytes = b""
    offset: int = 0
    size: int = -1
    mtime_ns: int = 0
    ctime_ns: int = 0

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

    def at(self, seen: os.stat_result) -> "Cursor":
        """The same offset, in the file as stat shows it now."""
        return replace(
            self,
            device=seen.st_dev,
            inode=seen.st_ino,
            size=seen.st_size,
            mtime_ns=seen.st_mtime_ns,
            ctime_ns=seen.st_ctime_ns,
        )

    def after(self, data: bytes, skipped: int = 0) -> "Cursor":
        """The offset after more bytes, which follow a hole of `skipped` zero bytes."""
        head = self.head
        if self.offset < HEAD_BYTES:
            hole = bytes(min(skipped, HEAD_BYTES))
            seen = (head[: self.offset] + hole + data[:HEAD_BYTES])[:HEAD_BYTES]
            head = max(head, seen, key=len)  # more of it may be known than was read
        before = (
            bytes(MARKER_BYTES)
            if skipped > MARKER_BYTES
            else (self.marker + bytes(skipped))
        )
        marker = (before + data[-MARKER_BYTES:])[-MARKER_BYTES:]
        return replace(
            self, head=head, marker=marker, offset=self.offset + skipped + len(data)
        )

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
        return cls(**{**state, **texts})
