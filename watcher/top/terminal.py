"""The terminal: curses paints what changed of a frame and gives the keys."""

import base64
import contextlib
import curses
import locale
import os
import select
import signal
import sys
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from watcher.errors import InputError
from watcher.top import signals
from watcher.top.charset import choose_locale
from watcher.top.model import Mouse, Size
from watcher.top.pieces import Line, Lines


_STDIN: Final = 0
_MOUSE: Final[Mapping[int, str]] = {
    curses.BUTTON1_PRESSED: "press",
    curses.BUTTON1_RELEASED: "release",
    curses.BUTTON4_PRESSED: "wheel up",
    curses.BUTTON5_PRESSED: "wheel down",
}
_ESCAPE_MS: Final = 25
_KEYS: Final[Mapping[int, str]] = {
    curses.KEY_UP: "up",
    curses.KEY_DOWN: "down",
    curses.KEY_LEFT: "left",
    curses.KEY_RIGHT: "right",
    curses.KEY_SLEFT: "S-left",
    curses.KEY_SRIGHT: "S-right",
    curses.KEY_PPAGE: "pgup",
    curses.KEY_NPAGE: "pgdn",
    curses.KEY_HOME: "home",
    curses.KEY_END: "end",
    curses.KEY_ENTER: "enter",
    curses.KEY_BACKSPACE: "backspace",
    curses.KEY_RESIZE: "resize",
}
_CHARACTERS: Final[Mapping[str, str]] = {
    "\n": "enter",
    "\r": "enter",
    "\t": "tab",
    "\x1b": "esc",
    "\x7f": "backspace",
    "\b": "backspace",
}
# Of eight colours, on the terminal's own background; marks say the same.
_COLOURS: Final[Mapping[str, int]] = {
    "train": curses.COLOR_BLUE,
    "val": curses.COLOR_YELLOW,
    "best": curses.COLOR_MAGENTA,
    "good": curses.COLOR_GREEN,
    "warning": curses.COLOR_YELLOW,
    "critical": curses.COLOR_RED,
    "cross": curses.COLOR_CYAN,
    "column": curses.COLOR_CYAN,
}
# Of 256, where there are so many: readable on a light background, too.
_MANY: Final[Mapping[int, int]] = {
    curses.COLOR_BLUE: 33,
    curses.COLOR_YELLOW: 172,
    curses.COLOR_MAGENTA: 170,
    curses.COLOR_GREEN: 34,
    curses.COLOR_RED: 160,
    curses.COLOR_CYAN: 37,
}
_PALETTE: Final = 256
_ATTRIBUTES: Final[Mapping[str, int]] = {
    "bold": curses.A_BOLD,
    "muted": curses.A_DIM,
    "selected": curses.A_REVERSE,
    "found": curses.A_REVERSE,
    "cross": curses.A_BOLD,
    "best": curses.A_BOLD,
    "column": curses.A_UNDERLINE,
    "critical": curses.A_BOLD,
}


class Looks(NamedTuple):
    """What is used of a terminal, where it has it."""

    colour: bool = True
    mouse: bool = True


class Terminal:
    """A screen, and the frame that is on it.

    Attributes:
        is_clear: whether no frame is on it.
    """

    def __init__(self, screen: "curses.window", woken: int, looks: Looks) -> None:
        """`woken`: readable after a signal."""
        self._screen = screen
        self._painted: Lines = []
        self.is_clear = True
        self._events: list[Mouse] = []
        self._styles: dict[str, int] = {"": 0}
        self._encoding = locale.nl_langinfo(locale.CODESET)
        self._pairs = _pairs() if looks.colour and curses.has_colors() else {}
        self._woken = woken
        screen.keypad(True)  # noqa: FBT003 - of curses
        screen.timeout(0)
        if looks.mouse:
            curses.mousemask(sum(_MOUSE))
            curses.mouseinterval(0)  # a press is told before its release
        with contextlib.suppress(curses.error):
            curses.curs_set(0)

    @property
    def size(self) -> Size:
        """Of the terminal now."""
        rows, columns = self._screen.getmaxyx()
        return Size(columns, rows)

    def key(self, wait_s: float, fd: int | None = None) -> str | Mouse | None:
        """The next key; None after so long without one, or when `fd` is readable."""
        found = self._typed()
        if found is not None:
            return found
        wanted = select.poll()
        for one in (_STDIN, self._woken, fd):
            if one is not None:
                wanted.register(one, select.POLLIN)
        ready = dict(wanted.poll(1000 * wait_s))
        if self._woken in ready and self._is_resized():
            return "resize"
        found = self._typed()
        if found is None and ready.get(_STDIN, 0) & ~select.POLLIN:
            sys.exit(128 + signal.SIGHUP)  # the terminal is gone
        return found

    def _is_resized(self) -> bool:
        """Takes on the terminal's size, where it is another one."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)
        columns, rows = os.get_terminal_size(_STDIN)
        if not (columns and rows) or Size(columns, rows) == self.size:
            return False
        curses.resizeterm(rows, columns)
        return True

    def _typed(self) -> str | Mouse | None:
        if self._events:
            return self._events.pop(0)
        try:
            found = self._screen.get_wch()
        except curses.error:
            return None
        if found == curses.KEY_MOUSE:
            self._events = _mouse()
            return self._events.pop(0) if self._events else ""
        if isinstance(found, int):
            return _KEYS.get(found, "")
        if found in _CHARACTERS:
            return _CHARACTERS[found]
        return found if found >= " " else f"^{chr(ord(found) + 64)}"

    def paint(self, lines: Lines) -> None:
        """Writes the lines that changed."""
        self.is_clear = False
        changed = False
        for row, line in enumerate(lines):
            if row >= len(self._painted) or self._painted[row] != line:
                self._write(row, line)
                changed = True
        self._painted = lines
        if changed:
            self._screen.refresh()

    def redraw(self) -> None:
        """The next frame is written whole."""
        self.is_clear = True
        self._painted = []
        self._screen.clear()
        self._screen.redrawwin()

    def _write(self, row: int, line: Line) -> None:
        # The last cell of the screen cannot be written without an error.
        with contextlib.suppress(curses.error):
            self._screen.move(row, 0)
            self._screen.clrtoeol()
            for text, style in line:
                self._screen.addstr(self._encoded(text), self._attribute(style))

    def _encoded(self, text: str) -> str:
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            return text.encode(self._encoding, "replace").decode(self._encoding)
        return text

    def _attribute(self, style: str) -> int:
        if style not in self._styles:
            found = 0
            for name in style.split():
                found |= _ATTRIBUTES.get(name, 0) | self._pairs.get(name, 0)
            self._styles[style] = found
        return self._styles[style]


def _mouse() -> list[Mouse]:
    """What the mouse did: curses gives the last of several events first."""
    found = []
    with contextlib.suppress(curses.error):  # after the first event
        while True:
            _, column, row, _, state = curses.getmouse()
            kinds = [kind for button, kind in _MOUSE.items() if state & button]
            found += [Mouse(kind, column, row) for kind in kinds]
    return found[::-1]


def _pairs() -> dict[str, int]:
    """Attributes of the colours, on the background that the terminal has."""
    curses.start_color()
    curses.use_default_colors()
    numbers = {c: i for i, c in enumerate(sorted(set(_COLOURS.values())), 1)}
    for colour, number in numbers.items():
        shown = _MANY[colour] if curses.COLORS >= _PALETTE else colour
        curses.init_pair(number, shown, -1)
    return {name: curses.color_pair(numbers[c]) for name, c in _COLOURS.items()}


@contextlib.contextmanager
def opened(looks: Looks) -> Iterator[Terminal]:
    """The terminal in full-screen mode; restored on any exit and signal.

    Raises:
        InputError: the terminal cannot show a screen.
    """
    _check()
    _measured()
    choose_locale()
    curses.set_escdelay(_ESCAPE_MS)
    with signals.ended():
        screen = curses.initscr()
        try:
            curses.noecho()
            curses.cbreak()
            with signals.told_of_resizes() as woken:
                yield Terminal(screen, woken, looks)
        finally:
            with contextlib.suppress(curses.error):
                screen.keypad(False)  # noqa: FBT003 - of curses
                curses.nocbreak()
                curses.echo()
                curses.endwin()


def _check() -> None:
    name = os.environ.get("TERM", "")
    try:
        curses.setupterm()
    except curses.error:
        raise InputError(
            "TERM={name}: this terminal is not known here; set TERM, for "
            "example to xterm, or use: gptwatch status",
            name=name,
        ) from None
    if not curses.tigetstr("cup"):
        raise InputError(
            "TERM={name}: this terminal cannot move its cursor; use: gptwatch status",
            name=name,
        )


def _measured() -> None:
    """Lets curses ask the terminal for its size, where the terminal knows it.

    Inherited COLUMNS and LINES come first for curses, and never change on a resize.
    """
    if all(os.get_terminal_size(sys.stdout.fileno())):
        for name in ("COLUMNS", "LINES"):
            os.environ.pop(name, None)


def suspend(terminal: Terminal) -> None:
    """Gives the terminal back to the shell until the program goes on."""
    curses.endwin()
    os.kill(os.getpid(), signal.SIGSTOP)
    terminal.redraw()


def copy(text: str) -> None:
    """Puts a text into the clipboard of the user's own terminal (OSC 52)."""
    data = base64.b64encode(text.encode("utf-8", "replace")).decode()
    os.write(1, f"\x1b]52;c;{data}\a".encode())
