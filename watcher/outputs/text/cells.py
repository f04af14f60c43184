"""Widths of text on a terminal, in character cells."""

import re
from typing import Final


# Of one cell each: Latin, Greek and Cyrillic letters, and the marks that gptwatch uses.
_NARROW: Final = re.compile(
    "[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0373\u0384-\u0386\u0388-\u038a"
    "\u0391-\u03a1\u03a3-\u03ff\u0400-\u0482\u048a-\u052f\u2010-\u2027\u2190-\u21ff"
    "\u2500-\u25fc\u2800-\u28ff]*"
)


def cell_len(text: str) -> int:
    """Cells of a text."""
    if _NARROW.fullmatch(text):
        return len(text)
    # Its table of Unicode takes longer to load than a screen takes to draw.
    from rich import cells

    return cells.cell_len(text)


def set_cell_size(text: str, room: int) -> str:
    """The beginning of a text, filled with spaces, in exactly so many cells."""
    if _NARROW.fullmatch(text):
        return text[:room].ljust(room)
    from rich import cells

    return cells.set_cell_size(text, room)
