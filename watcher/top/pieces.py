"""Lines of styled text of a known width: cut, padded, and in ASCII where need be."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from watcher.outputs.text.cells import cell_len, set_cell_size
from watcher.outputs.text.escape import clean
from watcher.outputs.text.numbers import plain


# A piece of text and its styles, by spaces apart: "bold", "muted", "train", ...
Piece = tuple[str, str]
Line = list[Piece]
Lines = list[Line]

_BETWEEN: Final = " · "
# Of one cell each, as what they stand for.
_ASCII: Final = str.maketrans(
    {
        "…": "~",
        "·": "-",
        "×": "x",
        "–": "-",
        "—": "-",
        "→": ">",
        "←": "<",
        "↑": "^",
        "↓": "v",
        "│": "|",
        "─": "-",
        "┊": ":",
        "◆": "*",
        "●": "*",
        "▲": "^",
        "▼": "v",
        "█": "#",
        "░": ".",
        "▸": ">",
        "✓": "+",
        "▏": "_",
        "≥": ">",
        "\N{NO-BREAK SPACE}": " ",
    }
)

# What is not in ASCII, nor Cyrillic.
_UNKNOWN: Final = (re.compile("[^ -~]"), re.compile("[^ -~\u0400-\u04ff]"))


def ascii_only(text: str, lang: str) -> str:
    """The text in ASCII, and the letters of its language, of the same width."""
    plainer = text.translate(_ASCII)
    unknown = _UNKNOWN[lang != "en"]
    return unknown.sub(lambda found: "?" * cell_len(found[0]), plainer)


def as_text(line: Line) -> str:
    """A line without its styles."""
    return plain("".join(text for text, _ in line)).rstrip()


def width(line: Iterable[Piece]) -> int:
    """Cells of a line."""
    return sum(cell_len(text) for text, _ in line)


def cut(text: str, room: int) -> str:
    """The beginning of a text, with an ellipsis where it is longer than the room."""
    if cell_len(text) <= room:
        return text
    return set_cell_size(text, max(room - 1, 0)).rstrip() + "…" * (room > 0)


def ending(text: str, room: int) -> str:
    """The end of a text such as a path, whose name and line number stand last."""
    if cell_len(text) <= room:
        return text
    room = max(room, 1)
    kept = text[max(len(text) - room, 0) :]
    while kept and cell_len(kept) >= room:
        kept = kept[1:]
    return "…" + kept


def padded(text: str, room: int, *, right: bool = False) -> str:
    """A text of exactly so many cells."""
    text = cut(text, room)
    space = " " * (room - cell_len(text))
    return space + text if right else text + space


def fitted(line: Line, room: int) -> Line:
    """A line of at most so many cells."""
    kept: Line = []
    for text, style in line:
        if room <= 0:
            break
        shown = cut(text, room)
        kept.append((shown, style))
        room -= cell_len(shown)
    return kept


def filled(line: Line, room: int, style: str = "") -> Line:
    """A line of exactly so many cells."""
    line = fitted(line, room)
    return [*line, (" " * (room - width(line)), style)]


def whole(parts: Sequence[str], room: int) -> str:
    """As many parts as fit, the first ones: half a figure or a hint is none."""
    kept = list(parts)
    while len(kept) > 1 and cell_len(_BETWEEN.join(kept)) > room:
        kept.pop()
    return cut(_BETWEEN.join(kept), room)


def styled(line: Line, style: str) -> Line:
    """A line with one more style on each piece."""
    return [(text, f"{known} {style}".strip()) for text, known in line]


def ends(left: Line, right: Line, room: int) -> Line:
    """One line at the left end and one at the right; the left one is cut."""
    left = fitted(left, room - width(right) - 1)
    return [*left, (" " * (room - width(left) - width(right)), ""), *right]


def wrapped(text: str, room: int) -> list[str]:
    """A text in lines of so many cells, broken at spaces."""
    lines, line = [], ""
    for word in plain(text).split():
        longer = f"{line} {word}" if line else word
        if cell_len(longer) <= room or not line:
            line = longer
        else:
            lines.append(ending(line, room))
            line = word
    # Only a single word is longer than a line: a path.
    return [*lines, ending(line, room)] if line else lines


def safe(text: str) -> str:
    """Text of a log, a name or a finding, that no terminal obeys."""
    return plain(clean(text))


def beside(left: Lines, right: Lines, room: int) -> Lines:
    """Two blocks beside each other; the left one is `room` cells wide."""
    rows = max(len(left), len(right))
    blank: Sequence[Line] = [[]] * rows
    pairs = zip([*left, *blank][:rows], [*right, *blank][:rows], strict=True)
    return [[*filled(a, room), *b] for a, b in pairs]
