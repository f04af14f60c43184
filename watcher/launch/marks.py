"""Lines of the trainer for programs, left out of what a person sees."""

from typing import Final


# `gptwatch: {"event": ...}`: the log keeps it, the terminal does not show it.
_MARK: Final = b"gptwatch: {"


class WithoutMarks:
    """Output in pieces of any size, without the lines that are for programs.

    A line is held back only as long as it may still be one of them.
    """

    def __init__(self) -> None:
        self._start = b""  # of a line that may become a mark
        self._in_line = False
        self._hidden = False
        self._returned = False  # the piece before ended amid "\\r\\n"

    def feed(self, data: bytes) -> bytes:
        """What of the output is for people."""
        return b"".join(map(self._piece, data.splitlines(keepends=True)))

    def flush(self) -> bytes:
        """What was held back when the output ends."""
        rest, self._start = self._start, b""
        return rest

    def _piece(self, piece: bytes) -> bytes:
        """A line, or a part of one."""
        if piece == b"\n" and self._returned:
            self._returned = False
            return b"" if self._hidden else piece
        if not self._in_line:
            piece, self._start = self._start + piece, b""
            if len(piece) < len(_MARK) and _MARK.startswith(piece):
                self._start = piece
                return b""
            self._hidden = piece.startswith(_MARK)
        self._returned = piece.endswith(b"\r")
        self._in_line = not piece.endswith((b"\n", b"\r"))
        return b"" if self._hidden else piece
