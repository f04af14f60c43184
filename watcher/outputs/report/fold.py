"""Lines of styled text: folded to a width, painted, made plain for an encoding.

rich breaks lines at no-break spaces, too; here a number stays with its unit.
"""

import re
from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

from watcher.outputs.report.braille import Line, Piece, joined
from watcher.outputs.text.numbers import (
    plain,
)


_STYLES = {
    "bold": "1",
    "muted": "2",
    "train": "94",
    "val": "33",
    "best": "1;33",
    "good": "1;32",
    "info": "36",
    "warning": "1;33",
    "critical": "1;31",
}


# For terminals that lack them.
_PLAINER = {
    "→": "->",
    "·": "-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{EN DASH}": "-",
    "—": "-",
    "…": "...",
    "┤": "|",
    "│": "|",
    "\N{NO-BREAK SPACE}": " ",
}


def plainer(text: str, encoding: str) -> str:
    """The text as far as the encoding has it, else look-alikes and escapes."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = "".join(_PLAINER.get(char, char) for char in text)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


def folded(line: Line, width: int, indent: int) -> Iterator[Line]:
    """The line between words, a long word at the edge; the rest indented."""
    part: Line = []
    used = 0
    for text, style in _words(line, width - indent):
        size = cell_len(text)
        if used + size > width:
            yield part
            part, used = [(" " * indent, "")] * (indent > 0), indent
            if text.isspace():
                continue
        part.append((text, style))
        used += size
    yield part


def _words(line: Line, width: int) -> Iterator[Piece]:
    """Words and the spaces between them, none wider than `width`."""
    for text, style in line:
        for word in re.findall(r"[^ ]+| +", text):
            for piece in [word] if cell_len(word) <= width else chop_cells(word, width):
                yield piece, style


def painted(line: Line, *, colour: bool) -> str:
    """The line as text, with colours if wanted, without spaces at its end."""
    end = len("".join(text for text, _ in line).rstrip())
    painted = ""
    for text, style in joined(line):
        shown, end = text[: max(end, 0)], end - len(text)
        code = _STYLES.get(style) if colour else None
        painted += f"\x1b[{code}m{shown}\x1b[0m" if code and shown else shown
    return plain(painted)
