"""The daemon as a real process: signals, a second one, and kill -9 at any moment."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest
from daemons import Started, drawn, held, offsets, steps, workers
from oracle import WAIT_S, append, lines, once, until

from watcher.storage.database import Database
from watcher.storage.rows import Row


pytestmark = pytest.mark.process


# More by hand: GPTWATCH_KILLS=200.
KILLS: Final = int(os.environ.get("GPTWATCH_KILLS", "10"))
LOGS: Final = 20


class Writer:
    """Writes logs in pieces as programs do: seldom whole lines.

    Attributes:
        written: all bytes by name of the log.
    """

    def __init__(self, logs: Path, dice: random.Random) -> None:
        self.written = {f"{i:02}.log": b"" for i in range(LOGS)}
        self._logs, self._dice = logs, dice
        self._left = dict.fromkeys(self.written, b"")
        self._step = dict.fromkeys(self.written, 0)

    def write(self) -> None:
        """Writes the next piece of some log."""
        name = self._dice.choice(list(self.written))
        if not self._left[name]:
            step = self._step[name]
            self._step[name] += 10
            self._left[name] = lines(step, step + 10)
        size = self._dice.choice([1, 7, 30, 100, 100, 500])
        piece, self._left[name] = self._left[name][:size], self._left[name][size:]
        append(self._logs / name, piece)
        self.written[name] += piece


@pytest.mark.slow
def test_f38_killed_at_any_moment(tmp_path: Path) -> None:
    """However often the daemon dies, no point is lost, and none is there twice."""
    dice = random.Random(KILLS)
    with Started(tmp_path) as daemon:
        writer = Writer(daemon.logs, dice)
    for _ in range(KILLS):
        with Started(tmp_path) as daemon:
            write_until_a_moment(writer, daemon, dice)

    with Started(tmp_path) as daemon:
        daemon.read_all()
        assert 0 == daemon.stop()

    found = {name: steps(daemon.state, name) for name in writer.written}
    meant = {name: whole_steps(data) for name, data in writer.written.items()}
    lost = sum(len(set(meant[name]) - set(found[name])) for name in meant)
    doubled = sum(len(found[name]) - len(set(found[name])) for name in meant)
    assert (0, 0) == (lost, doubled)
    assert {name: once(data) for name, data in writer.written.items()} == held(
        daemon.state
    )


def write_until_a_moment(writer: Writer, daemon: Started, dice: random.Random) -> None:
    """Writes while some transactions end, or none, and a random while longer."""
    wanted = dice.randrange(5)
    before = offsets(daemon.state)
    while wanted:
        assert daemon.process.poll() is None, daemon.said
        writer.write()
        after = offsets(daemon.state)
        wanted, before = wanted - (after != before), after
    moment = time.monotonic() + dice.uniform(0.0, 0.3)
    while time.monotonic() < moment:
        writer.write()
        offsets(daemon.state)


def whole_steps(data: bytes) -> list[int]:
    """Steps of the lines that have an end."""
    rows = data[: data.rfind(b"\n") + 1].splitlines()
    return [int(row.split(b":")[0].split()[1]) for row in rows]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_f44_a_stop_keeps_all_that_was_read(tmp_path: Path, number: int) -> None:
    """SIGTERM and Ctrl-C end it with 0; nothing is left half done, no process lives."""
    data = lines(0, 300_000)
    with Started(tmp_path) as daemon:
        daemon.watches()
        append(daemon.logs / "train.log", data)
        until(lambda: offsets(daemon.state).get("train.log"))
        until(lambda: workers(daemon.process.pid))
        helpers = workers(daemon.process.pid)

        assert 0 == daemon.stop(number)

        assert daemon.said.endswith("stopped; everything read is stored\n")
    # States of long runs may have been stored.
    kept = {p.name for p in daemon.state.iterdir()} - {"followed"}
    assert {"lock", "store.db"} == kept
    size = offsets(daemon.state)["train.log"]
    assert {"train.log": once(data[:size])} == held(daemon.state)
    until(lambda: not any(Path(f"/proc/{helper}").exists() for helper in helpers))


def test_verbose_logs_each_read(tmp_path: Path) -> None:
    """`--verbose` adds what is too much for every day; without it, one line a log."""
    data = lines(0, 10)
    for flags in ([], ["--verbose"]):
        with Started(tmp_path, after=flags) as daemon:
            append(daemon.logs / "train.log", data)
            daemon.read_all()
            daemon.stop()
        assert bool(flags) == (f"read {len(data)} bytes (inode " in daemon.said)


def test_f41_a_second_daemon_is_refused(tmp_path: Path) -> None:
    """It names the process that works here and ends with 78; the first goes on."""
    with Started(tmp_path) as first:
        first.watches()
        with Started(tmp_path) as second:
            assert 78 == second.process.wait(timeout=WAIT_S)
            assert (
                f"gptwatch: {first.state}: another gptwatch is running here (pid "
                f"{first.process.pid}); stop it first (kill {first.process.pid}), or "
                "choose another directory with --state\n"
            ) == second.said[-len(second.said) :]
        append(first.logs / "train.log", lines(0, 10))
        first.read_all()


def test_a_lock_of_a_dead_daemon_is_no_lock(tmp_path: Path) -> None:
    """What was killed leaves its lock file behind, and that hinders nobody."""
    with Started(tmp_path) as daemon:
        daemon.watches()
    assert (daemon.state / "lock").exists()

    with Started(tmp_path) as daemon:
        daemon.watches()


def test_sighup_reads_the_configuration_again(tmp_path: Path) -> None:
    """A wrong file is refused and all goes on as before; a right one holds at once."""
    config = tmp_path / "gptwatch.toml"
    config.write_text("every = 10\n")
    with Started(tmp_path) as daemon:
        append(daemon.logs / "train.log", lines(0, 10))
        daemon.watches()
        config.write_text("evry = 0\n")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.says("gptwatch.toml:1: unknown key 'evry'; did you mean 'every'?; keep")
        append(daemon.logs / "train.log", lines(10, 20))
        until(lambda: drawn(daemon.out) == 19)
        config.write_text('ignore = ["other.log"]\n')
        append(daemon.logs / "other.log", lines(0, 10))
        daemon.process.send_signal(signal.SIGHUP)
        daemon.says("configuration reloaded")
        append(daemon.logs / "train.log", lines(20, 30))
        until(lambda: len(steps(daemon.state)) == 30)

        assert 0 == daemon.stop()


def test_addresses_without_apprise_end_no_running_daemon(tmp_path: Path) -> None:
    """A reload that needs a missing library is refused, as a wrong file is."""
    (tmp_path / "apprise.py").write_text("raise ImportError\n")
    config = tmp_path / "gptwatch.toml"
    config.write_text("every = 10\n")
    with Started(tmp_path) as daemon:
        daemon.watches()
        config.write_text('[notify]\nurls = ["json://localhost:1"]\n')
        daemon.process.send_signal(signal.SIGHUP)
        daemon.says(
            "urls need Apprise: pip install 'gptwatch[notify]'; keeping the old"
        )

        assert 0 == daemon.stop()


def test_signals_in_a_row_end_nothing(tmp_path: Path) -> None:
    """A signal that comes while the configuration is read again is not lost."""
    with Started(tmp_path) as daemon:
        daemon.watches()
        for turn in range(2, 7):
            for _ in range(200):
                daemon.process.send_signal(signal.SIGHUP)
                daemon.process.poll()
            daemon.says("watching ", turn)

        assert 0 == daemon.stop()


def test_a_restart_knows_what_was_drawn(tmp_path: Path) -> None:
    """What is kept of a log's beat at the end does not hide its picture."""
    # While it has a writer, the run is not over, however late its picture comes.
    with Started(tmp_path) as daemon, (daemon.logs / "train.log").open("ab"):
        append(daemon.logs / "train.log", lines(0, 10))
        daemon.read_all()
        until(lambda: "drawn" in row(daemon).state)
        append(daemon.logs / "train.log", lines(10, 20))
        daemon.read_all()
        assert 0 == daemon.stop()

    state = row(daemon).state
    assert state["gaps"]
    assert len(lines(0, 10)) == state["drawn"]
    assert str(daemon.out / "train.log" / "latest.png") == state["made"]["figure"]


def row(daemon: Started) -> Row:
    """The only run."""
    with contextlib.closing(Database(daemon.state, read_only=True)) as store:
        [found] = store.runs()
    return found


# A worker that waits in the middle of writing a file.
WORKER = """
import sys, time
from pathlib import Path
from watcher import files
from watcher.daemon import analyst

def parts():
    yield b"x" * 100_000
    print("writing", flush=True)
    time.sleep(600)

analyst.Analyst.run = lambda *_: files.write_atomically(Path("latest.png"), parts())
analyst.main('{"state": "."}', sys.stdin, sys.stdout)
"""


def test_a_worker_that_is_stopped_leaves_no_half_file(tmp_path: Path) -> None:
    """What it was writing is taken away; the last whole file stays."""
    (tmp_path / "latest.png").write_bytes(b"whole")
    command, pipe = [sys.executable, "-c", WORKER], subprocess.PIPE
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, cwd=tmp_path, env=environment
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(b'{"run": 1, "name": "a", "path": "a"}\n')
        worker.stdin.flush()
        assert b"writing\n" == worker.stdout.readline()
        assert 2 == len(list(tmp_path.iterdir()))
        worker.terminate()
        assert 0 == worker.wait(timeout=WAIT_S)

    assert [tmp_path / "latest.png"] == list(tmp_path.iterdir())
    assert b"whole" == (tmp_path / "latest.png").read_bytes()


def test_what_killed_writers_left_is_removed(tmp_path: Path) -> None:
    """Half a file of long ago goes with the next picture; one of today stays."""
    with Started(tmp_path) as daemon:
        folder = daemon.out / "train.log"
        folder.mkdir(parents=True)
        old, new = folder / ".old.part", folder / ".new.part"
        old.touch()
        new.touch()
        os.utime(old, (1e9, 1e9))
        append(daemon.logs / "train.log", lines(0, 10))
        until(lambda: drawn(daemon.out) == 9)

        assert not old.exists()
        assert new.exists()
