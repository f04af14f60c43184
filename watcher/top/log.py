"""Lines of a log: those on the screen, and those that hold what is searched."""

import time
from collections.abc import Sequence
from typing import Final

from watcher.storage.places import Place
from watcher.storage.rows import Row
from watcher.views import lines
from watcher.views.lines import Excerpt


_WIDEST: Final = 4000
# Lines searched at once, and how long: a log may have gigabytes.
_PIECE: Final = 4096
_SEARCHED_S: Final = 5.0


def excerpt(row: Row, places: Sequence[Place], log: tuple[int, int]) -> Excerpt:
    """Some lines of a run's log.

    Raises:
        InputError: no file holds them any more.
    """
    return lines.excerpt(row, places, *log, width=_WIDEST)


def search(
    row: Row, places: Sequence[Place], text: str, start: int, sign: int
) -> int | None:
    """The next line that holds a text, forwards or backwards; None without one.

    Raises:
        InputError: no file holds the lines any more.
    """
    wanted, until = text.casefold(), time.monotonic() + _SEARCHED_S
    at = start + sign
    while 1 <= at <= row.lines and time.monotonic() < until:
        first, last = sorted((at, at + sign * (_PIECE - 1)))
        found = lines.excerpt(row, places, max(first, 1), last, width=_WIDEST)
        numbered = list(enumerate(found.lines, found.first))
        for number, line in numbered[::sign]:
            if wanted in line.casefold():
                return number
        at += sign * _PIECE
    return None
