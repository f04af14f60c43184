"""`gptwatch start --web`: the page beside the daemon, as a process of its own."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from daemons import Started, workers
from oracle import append, lines, until

from watcher.storage.database import Database


pytestmark = pytest.mark.process


_ASKED_TO_END = """
import signal, sys
from watcher.web.command import Settings
from watcher.web.server import serve

def ready(address):
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, flush=True)
    signal.raise_signal(signal.SIGTERM)

serve(Settings(sys.argv[1], "127.0.0.1:0"), ready=ready)
"""


@pytest.fixture
def port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def answers(port: int) -> bool:
    """Whether the page is there."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        line.request("GET", "/api/1/runs")
        return line.getresponse().status == 200
    except OSError:
        return False
    finally:
        line.close()


def status(daemon: Started) -> str:
    """What `gptwatch status` prints."""
    command = [sys.executable, "-m", "watcher", "status", "--state", str(daemon.state)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def page_of(daemon: Started) -> int:
    """The process of the page."""
    found: list[int] = []

    def look() -> bool:
        for pid in workers(daemon.process.pid):
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"watcher.web.server" in command:
                found.append(pid)
        return bool(found)

    until(look)
    return found[0]


def test_signals_are_handled_before_it_says_that_it_serves(tmp_path: Path) -> None:
    """Who reads that line may interrupt at once, and the page ends."""
    Database(tmp_path).close()

    done = subprocess.run(
        [sys.executable, "-c", _ASKED_TO_END, str(tmp_path)],
        capture_output=True,
        check=False,
        text=True,
    )

    assert ("False\n", "") == (done.stdout, done.stderr)


def test_a_page_lives_and_dies_with_its_daemon(tmp_path: Path, port: int) -> None:
    """It is restarted when it dies, and ends with the daemon, even after kill -9."""
    (tmp_path / "gptwatch.toml").write_text(f'[web]\nlisten = "127.0.0.1:{port}"\n')
    with Started(tmp_path) as daemon:
        append(daemon.logs / "train.log", lines(0, 20))
        daemon.says(f"page: http://127.0.0.1:{port}/")
        until(lambda: answers(port))
        assert f"page: http://127.0.0.1:{port}/\n" in status(daemon)
        assert 0o600 == (daemon.state / "web.address").stat().st_mode & 0o777
        first = page_of(daemon)

        os.kill(first, signal.SIGKILL)
        daemon.says("the page's process ended; restarting it in 1 s")
        until(lambda: answers(port))
        second = page_of(daemon)
        assert first != second

        daemon.kill()
        until(lambda: not Path(f"/proc/{second}").exists())
        assert not answers(port)
        assert "page:" not in status(daemon)


def test_a_daemon_ends_its_page(tmp_path: Path, port: int) -> None:
    """SIGTERM: both end, and nobody says that anything went wrong."""
    (tmp_path / "gptwatch.toml").write_text(f'[web]\nlisten = "127.0.0.1:{port}"\n')
    with Started(tmp_path) as daemon:
        until(lambda: answers(port))
        pid = page_of(daemon)

        assert 0 == daemon.stop()
        until(lambda: not Path(f"/proc/{pid}").exists())
        assert "restarting" not in daemon.said
        assert not re.search("Traceback|error", daemon.said)


def test_a_page_that_cannot_be_served_stops_nothing(tmp_path: Path, port: int) -> None:
    """A port that is taken is said, and logs are read."""
    (tmp_path / "gptwatch.toml").write_text(f'[web]\nlisten = "127.0.0.1:{port}"\n')
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with Started(tmp_path) as daemon:
            append(daemon.logs / "train.log", lines(0, 20))

            daemon.says("choose another with --listen")
            until(lambda: "the page's process ended; restarting" in status(daemon))
            daemon.read_all()
