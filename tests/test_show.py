"""`gptwatch show`: what the log says where a point comes from."""

import json
import subprocess
from pathlib import Path

import pytest
from command import started
from oracle import Bench, append, lines


pytestmark = pytest.mark.process


@pytest.fixture
def state(bench: Bench, log: Path) -> Path:
    """The database of a run of 200 steps, restarted at step 100."""
    append(log, lines(0, 200) + b"\x1b[31mresuming\x1b[0m\n" + lines(100, 250))
    append(bench.logs / "other.log", lines(0, 5))
    bench.look()
    return bench.state


def show(state: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """What the command prints."""
    return started("show", *words, "--state", str(state), cwd=state)


def test_lines_around_a_step(state: Path) -> None:
    """Of a step that was trained twice the one that counts; its line is marked."""
    done = show(state, "train.log@150", "--around", "2")

    shown = done.stdout.decode().splitlines()
    assert 0 == done.returncode, done.stderr
    assert ["150"] == [s.split()[2].rstrip(":") for s in shown if s.startswith(">")]
    assert [250, 251, 252, 253, 254] == [int(s[1:].split()[0]) for s in shown]
    assert b"train.log:252" in done.stderr


def test_lines_around_a_line(state: Path) -> None:
    """Without colours: a log cannot write to the terminal."""
    done = show(state, "train.log:201", "--around", "0")

    assert b">201  resuming\n" == done.stdout


def test_for_programs(state: Path) -> None:
    """As JSON; the run is named by what only its name holds."""
    done = show(state, "rain@3", "--around", "1", "--json")

    found = json.loads(done.stdout)
    assert ("train.log", 4, 3) == (found["run"], found["line"], found["first"])
    assert ["iter 2:", "iter 3:", "iter 4:"] == [text[:7] for text in found["lines"]]


@pytest.mark.parametrize(
    ("place", "code", "message"),
    [
        ("train.log", 2, "RUN@STEP"),
        ("nothing@3", 1, "no run named 'nothing'"),
        ("trian.log@3", 1, "did you mean train.log"),
        (".log@3", 1, "several runs: "),
        ("train.log:9999", 1, "has 351 lines"),
    ],
)
def test_what_cannot_be_shown(state: Path, place: str, code: int, message: str) -> None:
    """The message says what to do."""
    done = show(state, place)

    assert code == done.returncode
    assert message in done.stderr.decode()
