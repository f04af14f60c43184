"""`gptwatch top` in a real terminal: tmux types keys and reads the screen."""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import gptwatch
from daemons import Started
from oracle import append, lines, until
from screens import watched

from watcher.top import keymap


ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]
_NAMES = {
    " ": "Space",
    "enter": "Enter",
    "esc": "Escape",
    "tab": "Tab",
    "backspace": "BSpace",
    "pgup": "PPage",
    "pgdn": "NPage",
    "S-left": "S-Left",
    "S-right": "S-Right",
}


class Tmux:
    """A terminal of 120 x 36 in which a shell runs; killed at the end."""

    def __init__(self, folder: Path, term: str = "screen-256color") -> None:
        self._socket = f"gptwatch-{os.getpid()}-{folder.name[-30:]}"
        self._tmux(
            *("-f", os.devnull, "new-session", "-d", "-x", "120", "-y", "36"),
            "env PS1='ready> ' sh",
            env={
                **os.environ,
                # Inherited, and not the size of this terminal.
                "COLUMNS": "80",
                "LINES": "24",
                "LC_ALL": "C.UTF-8",
                "PYTHONPATH": str(ROOT),
                "TZ": "UTC",
                "WANTED_TERM": term,
                "XDG_CONFIG_HOME": str(folder / "config"),
            },
        )
        self.prompts()

    def _tmux(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, *arguments],
            capture_output=True,
            check=True,
            text=True,
            env=env,
        )
        return done.stdout

    @property
    def text(self) -> str:
        """What is on the screen."""
        return self._tmux("capture-pane", "-p")

    def run(self, *arguments: str) -> None:
        """Types a `gptwatch top` command."""
        command = [sys.executable, "-m", "watcher", "top", *arguments]
        text = "TERM=$WANTED_TERM " + " ".join(map(str, command))
        self._tmux("send-keys", "-l", text)
        self._tmux("send-keys", "Enter")

    def press(self, *keys: str) -> None:
        """Types keys, as `keymap` names them."""
        for key in keys:
            known = _NAMES.get(key, key.capitalize() if len(key) > 2 else key)
            known = f"C-{key[1].lower()}" if key[0] == "^" and len(key) == 2 else known
            literal = ["-l"] if len(key) == 1 and key != " " else []
            self._tmux("send-keys", *literal, known)

    def click(self, column: int, row: int) -> None:
        """Presses and releases the left button, as terminals report it."""
        codes = [
            code
            for button in (0, 3)
            for code in (0x1B, 0x5B, 0x4D, 32 + button, 33 + column, 33 + row)
        ]
        self._tmux("send-keys", "-H", *(f"{code:x}" for code in codes))

    def shows(self, text: str) -> str:
        """Waits until a text is on the screen; the screen."""
        until(lambda: text in self.text)
        return self.text

    def prompts(self) -> None:
        """Waits until the program has ended: the shell asks for another command."""
        until(lambda: self.text.rstrip().endswith("ready>"))

    def format(self, name: str) -> str:
        """A variable of tmux."""
        return self._tmux("display-message", "-p", f"#{{{name}}}").strip()

    def resize(self, columns: int, rows: int) -> None:
        """Another size."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def close(self) -> None:
        """Ends the terminal and what runs in it."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._tmux("kill-server")


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """A terminal."""
    found = Tmux(tmp_path)
    yield found
    found.close()


def test_keys_lead_from_the_list_to_a_line_and_back(tmp_path: Path, tmux: Tmux) -> None:
    """List, run, lens, back, quit: the shell is as it was."""
    tmux.run("--state", str(watched(tmp_path)))
    tmux.shows("5 runs · 2 running")
    tmux.press("j", "enter")
    tmux.shows("base/exp-2.log · running")
    tmux.press("left", "left", "enter")
    shown = tmux.shows("base/exp-2.log:1")
    assert "◆" in shown
    tmux.press("esc", "esc", "/", *"nan", "enter")
    tmux.shows("filter: nan")
    tmux.press("q")
    tmux.prompts()
    assert "5 runs" not in tmux.text


def test_the_mouse_is_used_and_left_alone(tmp_path: Path, tmux: Tmux) -> None:
    """A click selects and opens; with --no-mouse no terminal is asked for it."""
    state = watched(tmp_path)
    tmux.run("--state", str(state))
    shown = tmux.shows("5 runs").splitlines()
    row = max(i for i, line in enumerate(shown) if "exp-3.log" in line)
    tmux.click(10, row)
    tmux.click(10, row)
    tmux.shows("base/exp-3.log · running")
    assert "1" == tmux.format("mouse_any_flag")
    tmux.press("q")
    tmux.prompts()
    assert "0" == tmux.format("mouse_any_flag")
    tmux.run("--state", str(state), "--no-mouse")
    tmux.shows("5 runs")
    assert "0" == tmux.format("mouse_any_flag")
    tmux.press("q")


def test_a_spoilt_screen_is_redrawn(tmp_path: Path, tmux: Tmux) -> None:
    """Ctrl-L writes it whole, without another key."""
    tmux.run("--state", str(watched(tmp_path)))
    tmux.shows("5 runs")
    Path(tmux.format("pane_tty")).write_text("\x1b[2Jspoilt by another program")
    until(lambda: "spoilt" in tmux.text and "5 runs" not in tmux.text)
    tmux.press("^L")
    until(lambda: "spoilt" not in tmux.text and "5 runs" in tmux.text)
    tmux.press("q")


def test_it_opens_as_it_was_left(tmp_path: Path, tmux: Tmux) -> None:
    """The order is kept; a broken file is said in the last line."""
    state = watched(tmp_path)
    tmux.run("--state", str(state))
    tmux.shows("5 runs")
    tmux.press("right", "o")
    tmux.shows("▲")
    tmux.press("q")
    tmux.prompts()
    tmux.run("--state", str(state))
    tmux.shows("▲")
    tmux.press("q")
    tmux.prompts()
    file = tmp_path / "config/gptwatch/top.toml"
    assert 'sort = "state"' in file.read_text()
    file.write_text("sort = 5\n")
    tmux.run("--state", str(state), "--every", "100ms")
    tmux.shows(f"{file}: ignored: sort"[-40:])
    tmux.press("q")


def test_a_resized_terminal_is_filled(tmp_path: Path, tmux: Tmux) -> None:
    """Smaller, tiny and larger again."""
    tmux.run("--state", str(watched(tmp_path)))
    tmux.shows("tokens/s")
    tmux.resize(70, 20)
    until(lambda: "tokens/s" not in tmux.text and "exp-1.log" in tmux.text)
    tmux.resize(20, 3)
    tmux.shows("too small")
    tmux.resize(150, 45)
    tmux.shows("tokens/s")
    until(lambda: tmux.text.splitlines()[44].startswith("? keys"))
    tmux.press("q")


def test_a_running_daemon_moves_the_curve(tmp_path: Path, tmux: Tmux) -> None:
    """What a training prints is on the screen without a key; without it, too."""
    with Started(tmp_path) as daemon:
        append(daemon.logs / "train.log", lines(0, 50))
        daemon.read_all()
        tmux.run("--state", str(daemon.state), "--run", "train.log")
        tmux.shows("iter 49:")
        append(daemon.logs / "train.log", lines(50, 80))
        tmux.shows("iter 79:")
        assert "not running" not in tmux.text
        daemon.stop()
        tmux.shows("not running since")
    tmux.press("q")


@pytest.mark.parametrize("term", ["xterm-256color", "screen", "linux", "vt100"])
def test_every_terminal_tells_state_best_and_alert(tmp_path: Path, term: str) -> None:
    """With and without colours and braille."""
    tmux = Tmux(tmp_path, term)
    try:
        tmux.run("--state", str(watched(tmp_path)))
        shown = tmux.shows("2.1621 @ 175")
        assert "! wide/nan.log" in shown
        assert "crashed" in shown
        tmux.press("j", "enter")
        shown = tmux.shows("state      running")
        has_braille = any("\u2800" < c < "\u2900" for c in shown)
        assert has_braille == (term not in ("linux", "vt100"))
        tmux.press("q")
    finally:
        tmux.close()


@pytest.mark.parametrize("term", ["dumb", "no-such-terminal"])
def test_a_terminal_that_cannot_is_refused(tmp_path: Path, term: str) -> None:
    """In a sentence that says what to use."""
    tmux = Tmux(tmp_path, term)
    try:
        tmux.run("--state", str(watched(tmp_path)))
        shown = tmux.shows("this terminal").replace("\n", "")
        assert f"TERM={term}: this terminal" in shown
        assert "use: gptwatch status" in shown
    finally:
        tmux.close()


def test_every_key_of_every_screen(tmp_path: Path, tmux: Tmux) -> None:
    """Each is typed once; the program is still there, and quits."""
    tmux.run("--state", str(watched(tmp_path)))
    tmux.shows("5 runs")
    ways = {"list": (), "run": ("enter",), "lens": ("enter", "enter"), "alerts": ("A",)}
    for screen, way in ways.items():
        tmux.press("g", "j", *way)
        for binding in keymap.of(screen):
            if binding.action in {"quit", "suspend", "back"}:
                continue
            tmux.press(*binding.keys, "esc")
            tmux.press(*(["esc"] * 3), "u", "g", "j", *way)
        tmux.press(*(["esc"] * 4))
    tmux.press("esc", "esc", "G")
    tmux.shows("5 runs")
    tmux.press("q")
    tmux.prompts()


def test_it_is_suspended_and_goes_on(tmp_path: Path, tmux: Tmux) -> None:
    """Ctrl-Z gives the shell, fg the screen."""
    tmux.run("--state", str(watched(tmp_path)))
    tmux.shows("5 runs")
    tmux.press("^Z")
    tmux.shows("Stopped")
    tmux.press(*"fg", "enter")
    until(lambda: "5 runs" in tmux.text and "ready>" not in tmux.text)
    tmux.press("q")
    tmux.prompts()


_BROKEN = """
import sys, watcher.top.program, watcher.cli
watcher.top.program.Program.press = None
sys.argv[0] = "gptwatch"
watcher.cli.main()
"""


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, None])
def test_the_terminal_is_left_as_it_was(
    tmp_path: Path, number: int | None, *, early: bool
) -> None:
    """Its modes, screen and mouse, after a signal at any time, and after a bug."""
    state = watched(tmp_path)
    source, sink = pty.openpty()
    before = termios.tcgetattr(sink)
    seen = bytearray()
    program = ["-m", "watcher"] if number else ["-c", _BROKEN]
    process = subprocess.Popen(
        [sys.executable, *program, "top", "--state", str(state)],
        stdin=sink,
        stdout=sink,
        stderr=sink,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)},
    )

    def read(text: bytes) -> None:
        while text not in seen:
            seen.extend(os.read(source, 65536))

    read(b"\x1b[?1049h" if early else b"exp-1.log")
    if number:
        process.send_signal(number)
    else:
        os.write(source, b"j")
    read(b"\x1b[?1049l")

    assert (128 + number if number else 1) == process.wait(timeout=30)
    assert before == termios.tcgetattr(sink)
    on, off = (seen.count(b"1000%c" % end) for end in b"hl")
    assert early or on
    assert on <= off
    os.close(source)
    os.close(sink)


def test_one_frame_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--once` needs no terminal and moves no cursor; without it one is needed."""
    state = watched(tmp_path)

    def top(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "watcher", "top", "--state", str(state), *arguments],
            env={
                **os.environ,
                "COLUMNS": "100",
                "LINES": "30",
                "PYTHONPATH": str(ROOT),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    shown = top("--once", "--run", "exp-2.log", "--ascii")
    assert "base/exp-2.log - running" in shown.stdout
    assert shown.stdout.isascii()
    assert "\x1b" not in shown.stdout
    monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")
    assert "base/exp-2.log · running" in top("--once", "--run", "exp-2.log").stdout
    assert 2 == top().returncode
    assert "gptwatch status" in top().stderr
    assert "no such column" in top("--once", "--sort", "colour").stderr


def test_the_list_imports_only_what_it_shows(tmp_path: Path) -> None:
    """No other command, and no library that takes longer to load than the screen."""
    script = (
        "import sys; from watcher.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "top", "--once", "--state", watched(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
        text=True,
    )
    loaded = set(done.stderr.split())

    assert "exp-2.log" in done.stdout
    assert set() == loaded & {"matplotlib", "rich", "apscheduler", "starlette", "re2"}
    assert {"top"} == {
        name.removeprefix("watcher.commands.")
        for name in loaded
        if name.startswith("watcher.commands.")
    } - {"options", "environment", "completion"}


def test_it_ends_with_a_terminal_that_is_gone(tmp_path: Path) -> None:
    """Also where no SIGHUP comes: it would read the end of the input for ever."""
    source, sink = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "watcher", "top", "--state", watched(tmp_path)],
        stdin=sink,
        stdout=sink,
        stderr=sink,
        env=os.environ | {"TERM": "xterm-256color", "PYTHONPATH": str(ROOT)},
    )
    os.close(sink)
    seen = b""
    while b"exp-1.log" not in seen:
        seen += os.read(source, 65536)
    os.close(source)

    assert 128 + signal.SIGHUP == process.wait(timeout=30)


@pytest.mark.parametrize("value", ["10ms", "soon", "-1s"])
def test_a_screen_is_not_updated_too_often(tmp_path: Path, value: str) -> None:
    """A duration that is none, or too short, is wrong usage."""
    done = gptwatch("top", "--every", value, cwd=tmp_path)

    assert 2 == done.returncode
    assert b"at least 50ms; write 250ms, 1s or 1m" in done.stderr
