"""Causes of an end: the last line of a traceback, and the words to quote.

A traceback ends in its first line that is not indented, whatever the exception is
called.  In front of a cause stand bars, ranks, clocks and log levels; a quotation
begins behind them.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, Protocol


Found = tuple[int, str, bytes]  # line, kind and text of a milestone

# `[rank0]: `, `3: `, `(Trainer pid=7) `: what launchers put before every line.
_LAUNCHER: Final = re.compile(
    rb"(?:(?:\[[\w .:/-]{1,60}\]:|\d+:|\(\w+ pid=\d+[^)]{0,60}\)) ?)*"
)
_EXCEPTION: Final = re.compile(
    rb"(?<![\w.])(?:[A-Za-z_]\w*+\.)*+[A-Za-z_]\w*+(?:: .*|:)?\s*+$"
)
# Printed when an object is deleted: the program goes on.
_IGNORED: Final = b"Exception ignored in"
_BAR: Final = re.compile(rb"\d%\|[^|\n]{0,200}\|[^\[\]\n]{0,80}\[[^\]\n]{0,200}\]")
_PREFIX: Final = re.compile(
    rb"\s{0,20}+(?:\[(?!\w{1,60}+ (?:\w{1,60}+ )?ERROR\])[^\]]{1,120}\]:?"
    rb"|(?<!\d)\d++:(?=\s)"
    rb"|\(\w{1,60}+ pid=\d++[^)]{0,60}\)"
    rb"|\d{4}-\d\d-\d\d[ T][\d:.,]++(?:Z|[+-]\d\d:?\d\d)?"
    rb"|[EFWI]\d{3,4} [\d:.]++\s++\d++ [^\]\s]{1,120}\]"
    rb"|(?:INFO|WARNING|ERROR|CRITICAL|FATAL)\b:?|(?:srun|slurmstepd): error:"
    rb"|: |- |\| )"
)
_SLURM: Final = b"slurmstepd: error: "
_NCCL_TIMEOUT: Final = re.compile(
    rb"Watchdog caught collective operation timeout.{0,200}\bOpType=(\w+)"
)
_RAN_FOR: Final = re.compile(rb"\bran for (\d+)\d\d\d milliseconds")
# Kinds of milestones that end a run: their text is a quotation.
_ENDS: Final = frozenset(
    ("error", "out of memory", "killed", "cancelled", "interrupted", "nan")
)


class Piece(Protocol):
    """Some whole lines of a log, from line `first` on."""

    first: int

    def __len__(self) -> int: ...

    def line(self, index: int) -> bytes:
        """One line, by its index."""


class Tracebacks:
    """Follows tracebacks to their last lines, over any number of pieces."""

    def __init__(self) -> None:
        self._open = ""  # "", "error" or "ignored": a traceback without its end yet
        self._ignores = False  # whether the last line announces one to be ignored

    def read(self, piece: Piece, found: Sequence[Found]) -> list[Found]:
        """The milestones of a piece with the last lines of its tracebacks.

        `found`: its milestones by single lines, in order.
        """
        kinds = {number - piece.first: kind for number, kind, _ in found}
        starts = [at for at, kind in kinds.items() if kind == "traceback"]
        ends: dict[int, str] = {}
        if self._open:
            self._follow(piece, 0, ends)
        for at in starts:
            self._open = "ignored" if self._is_ignored(piece, at) else "error"
            self._follow(piece, at + 1, ends)
        if len(piece):
            self._ignores = piece.line(len(piece) - 1).startswith(_IGNORED)
        kept = [f for f in found if ends.get(f[0] - piece.first) != "ignored"]
        new = [
            (at + piece.first, "error", piece.line(at))
            for at, how in ends.items()
            if how == "error" and at not in kinds and _raises(piece.line(at))
        ]
        return sorted(kept + new)

    def _is_ignored(self, piece: Piece, at: int) -> bool:
        return piece.line(at - 1).startswith(_IGNORED) if at else self._ignores

    def _follow(self, piece: Piece, at: int, ends: dict[int, str]) -> None:
        """Notes where the open traceback ends, if it does in this piece."""
        for i in range(at, len(piece)):
            line = piece.line(i)
            rest = line[_LAUNCHER.match(line).end() :]  # type: ignore[union-attr]
            if rest.strip() and not rest[:1].isspace():
                ends[i] = self._open
                self._open = ""
                return

    def state(self) -> list[Any]:
        """All that reading on needs, of plain JSON types."""
        return [self._open, self._ignores]

    def restore(self, state: Sequence[Any]) -> None:
        """Goes on where `state` was taken."""
        self._open, self._ignores = state


def _raises(line: bytes) -> bool:
    return bool(_EXCEPTION.fullmatch(line, _LAUNCHER.match(line).end()))  # type: ignore[union-attr]


def quotation(kind: str, line: bytes) -> bytes:
    """The text of a milestone: of an end, without what stands before its cause."""
    if kind not in _ENDS:
        return line
    timeout = _NCCL_TIMEOUT.search(line)
    if timeout:
        ran = _RAN_FOR.search(line)
        for_s = b" for " + ran[1] + b" s" if ran else b""
        return b"NCCL timeout: " + timeout[1] + b" ran" + for_s
    slurm = line.find(_SLURM)
    if slurm > 0:  # it breaks into any line
        line = line[slurm:]
    bars = list(_BAR.finditer(line))
    text = line[bars[-1].end() :] if bars else line
    while (prefix := _PREFIX.match(text)) and prefix.end() < len(text.rstrip()):
        text = text[prefix.end() :]
    return text if text.strip() else line
