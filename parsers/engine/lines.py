r"""Whole, clean lines out of chunks of bytes, however the chunks are cut.

A log is read as it grows, in pieces that end anywhere.  What comes out does not
depend on where they end: `\n`, `\r\n` and the `\r` or backspaces of progress bars
end a line; colours, cursor movements and NUL holes are taken away; UTF-16 (with its
byte order mark, as PowerShell writes it) becomes UTF-8.
"""

import codecs
import re
from typing import Any, Final

import numpy as np


# Larger chunks make every temporary a fresh mapping: half the speed.
CHUNK_BYTES: Final = 512 * 1024
# Longer lines are no log lines (a bar without end, binary data): they are dropped.
MAX_LINE: Final = 1 << 20

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# CSI (colours, cursor), OSC (titles, links) and the two-character sequences.  An `m`
# behind a digit (`0.8172m`) is the rest of a sequence whose beginning was cut off.
_ESCAPE: Final = re.compile(
    rb"(?:(?<=\d)m)?+\x1b(?:\[[0-?]*[ -/]*[@-~]"
    rb"|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[@-Z\\-_])"
)
_RETURN, _NEWLINE = b"\r\n"
_BACKSPACES: Final = re.compile(rb"\x08+")
_OVERLONG: Final = re.compile(rb"[^\r\n]{%d,}" % (MAX_LINE + 1))
_FIRST_LINE: Final = re.compile(rb"[^\r\n]*")


class Lines:
    """Cuts chunks into lines; keeps what is not a whole line yet.

    Attributes:
        overlong: how many lines were dropped for their length.
    """

    def __init__(self) -> None:
        self.overlong = 0
        self._encoding = ""  # "" until the first bytes are known
        self._head = b""
        self._pieces: list[bytes] = []  # of the line that is not whole yet
        self._length = 0
        self._decoder: codecs.IncrementalDecoder | None = None

    def feed(self, chunk: bytes) -> bytes:
        r"""Every line that is whole now, clean, each ended by one `\n`."""
        return self._cut(self._decode(chunk, final=False))

    def flush(self) -> bytes:
        """The last line, which has no end; b"" when there is none."""
        whole = self._cut(self._decode(b"", final=True))
        tail = b"".join(self._pieces)
        too_long = self._length > MAX_LINE
        self.overlong += too_long
        self._pieces, self._length = [], 0
        return whole + (b"" if too_long else _clean(tail))

    @property
    def pending(self) -> int | None:
        """Bytes that were fed and belong to a line without an end.

        None where that cannot be known: in UTF-16, and in a line that is too long.
        """
        if self._decoder or self._length > MAX_LINE:
            return None
        return len(self._head) + self._length

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of plain JSON types."""
        pending = self._decoder.getstate() if self._decoder else (b"", 0)
        return {
            "encoding": self._encoding,
            "head": self._head.hex(),
            "tail": b"".join(self._pieces).hex(),
            "length": self._length,
            "decoder": [pending[0].hex(), pending[1]],
            "overlong": self.overlong,
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "Lines":
        """Lines that go on where `state` was taken."""
        lines = cls()
        lines.overlong = state["overlong"]
        lines._head = bytes.fromhex(state["head"])
        lines._pieces = [bytes.fromhex(state["tail"])]
        lines._length = state["length"]
        lines._set_encoding(state["encoding"])
        if lines._decoder:
            pending, flags = state["decoder"]
            lines._decoder.setstate((bytes.fromhex(pending), flags))
        return lines

    def _set_encoding(self, name: str) -> None:
        self._encoding = name
        if name.startswith("utf-16"):
            self._decoder = codecs.getincrementaldecoder(name)("replace")

    def _decode(self, chunk: bytes, *, final: bool) -> bytes:
        if not self._encoding:
            chunk = self._head = self._head + chunk
            if len(chunk) < len(codecs.BOM_UTF8) and not final:
                return b""
            self._head = b""
            marks = (mark for mark in _BOMS if chunk.startswith(mark[0]))
            bom, name = next(marks, (b"", "utf-8"))
            self._set_encoding(name)
            chunk = chunk[len(bom) :]
        if self._decoder is None:
            return chunk
        return self._decoder.decode(chunk, final).encode("utf-8", "replace")

    def _cut(self, chunk: bytes) -> bytes:
        end = _last_separator(chunk)
        if end < 0 and chunk and self._pieces and self._pieces[-1].endswith(b"\r"):
            end = 0  # what follows the carriage return kept back is known now
        if end < 0:
            self._keep(chunk)
            return b""
        if self._length > MAX_LINE:
            self.overlong += 1
            self._pieces, chunk = [], _FIRST_LINE.sub(b"", chunk, count=1)
            end = _last_separator(chunk)
        whole = b"".join([*self._pieces, chunk[:end]])
        self._pieces, self._length = [], 0
        self._keep(chunk[end:])
        if len(whole) > MAX_LINE:
            whole, dropped = _OVERLONG.subn(b"", whole)
            self.overlong += dropped
        return _clean(whole)

    def _keep(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length > MAX_LINE:
            self._pieces = []  # only its length matters now: memory stays bounded
        elif piece:
            self._pieces.append(piece)


def _last_separator(chunk: bytes) -> int:
    r"""End of the last separator in `chunk`, -1 without one; a final `\r` waits."""
    limit = len(chunk) - chunk.endswith(b"\r")
    found = max(chunk.rfind(mark, 0, limit) for mark in (b"\n", b"\r"))
    return found + 1 if found >= 0 else -1


def _has_crlf(block: bytes) -> bool:
    r"""Whether `\r\n` is in a block: a search is slow where many `\r` are."""
    letters = np.frombuffer(block, np.uint8)
    behind = letters[1:][letters[:-1] == _RETURN]
    return bool((behind == _NEWLINE).any())


def _clean(block: bytes) -> bytes:
    # Each step is taken only where its byte occurs: a plain log costs five searches.
    if b"\r" in block:
        if _has_crlf(block):
            block = block.replace(b"\r\n", b"\n")
        block = block.replace(b"\r", b"\n")
    if b"\x08" in block:
        block = _BACKSPACES.sub(b"\n", block)
    if b"\x1b" in block:
        block = _ESCAPE.sub(b"", block)
    if b"\x00" in block:
        block = block.translate(None, b"\x00")
    return block
