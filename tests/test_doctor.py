"""What `gptwatch doctor` finds on a box, and what it says to do."""

import contextlib
import ctypes
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from watcher.cli import cli
from watcher.host import filesystem
from watcher.service import checks
from watcher.service.checks import Check, examine
from watcher.storage.database import Database


NOBODY = 65534


def look(folder: Path, **places: Path) -> Mapping[str, Check]:
    """All checks of a box whose logs, output and state lie in a folder, by name."""
    logs = places.get("logs", folder / "logs")
    out = places.get("out", folder / "plots")
    state = places.get("state", out / ".gptwatch")
    return {check.name: check for check in examine(logs, out, state)}


def test_a_good_box(tmp_path: Path) -> None:
    """Where all is well nothing is a problem, and nothing is written."""
    (tmp_path / "logs").mkdir()

    found = look(tmp_path)

    assert [] == [c for c in found.values() if c.verdict == "problem"]
    assert "ok" == found["watched directory"].verdict
    assert "ok" == found["font"].verdict
    assert [tmp_path / "logs"] == list(tmp_path.iterdir())


def test_what_is_not_well_says_what_to_do(tmp_path: Path) -> None:
    """Every warning and every problem has an advice."""
    found = look(tmp_path, logs=Path("/dev/null"), out=Path("/proc/1/x"))

    bad = [check for check in found.values() if check.verdict != "ok"]
    assert len(bad) >= 2
    assert [] == [check for check in bad if not check.advice]


def test_a_folder_that_comes_later(tmp_path: Path) -> None:
    """A missing folder of logs is no problem: the daemon waits for it."""
    found = look(tmp_path)["watched directory"]

    assert ("warning", f"{tmp_path}/logs: does not exist") == (
        found.verdict,
        found.text,
    )


def test_a_log_is_no_folder(tmp_path: Path) -> None:
    """A file where a folder is due is a problem, with the command for it."""
    (tmp_path / "logs").touch()

    found = look(tmp_path)["watched directory"]

    assert "problem" == found.verdict
    assert f"gptwatch once {tmp_path}/logs" in found.advice


@contextlib.contextmanager
def as_somebody_else() -> Iterator[None]:
    """Root lays down its rights, and takes them up again."""
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize(
    ("closed", "name", "verdict"),
    [
        pytest.param("logs", "watched directory", "problem", id="folder of logs"),
        pytest.param("logs/deep", "watched directory", "warning", id="folder in it"),
        pytest.param("logs/a.log", "watched directory", "warning", id="a log"),
        pytest.param("above", "watched directory", "problem", id="folder above"),
        pytest.param("plots", "output directory", "problem", id="output"),
        pytest.param("plots", "state directory", "problem", id="state"),
        pytest.param("plots", "database", "problem", id="store"),
    ],
)
def test_rights(tmp_path: Path, closed: str, name: str, verdict: str) -> None:
    """What the user who asks may not read or write is a problem."""
    box = Path("/var/tmp") / tmp_path.name
    look(tmp_path)  # who asks later may not read what matplotlib wants at first
    try:
        for folder in ("logs/deep", "plots/.gptwatch", "above/logs"):
            (box / folder).mkdir(parents=True)
        (box / "logs/a.log").write_text("iter 0: loss 4\n")
        (box / "plots").chmod(0o777)
        Database(box / "plots/.gptwatch").close()
        (box / closed).chmod(0o700)
        logs = box / ("above/logs" if closed == "above" else "logs")

        with as_somebody_else():
            found = look(box, logs=logs)
    finally:
        shutil.rmtree(box)

    assert verdict == found[name].verdict


def test_a_database_on_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logs may lie on the network, at a price; the state may not."""
    monkeypatch.setattr(filesystem, "kind", lambda _: "nfs4")

    found = look(tmp_path)

    assert "warning" == found["file system of logs"].verdict
    assert "problem" == found["file system of state"].verdict
    assert "--state" in found["file system of state"].advice


def test_limits_of_inotify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that is nearly used up comes with the command that raises it."""
    for name in ("max_user_watches", "max_user_instances"):
        (tmp_path / name).write_text("4\n")
    (tmp_path / "logs/a/b/c").mkdir(parents=True)
    monkeypatch.setattr(checks, "_INOTIFY", tmp_path)
    monkeypatch.setattr(checks, "_used", lambda: (0, 1))

    found = look(tmp_path)

    watches, instances = found["inotify watches"], found["inotify instances"]
    assert ("warning", "4 needed, 0 in use, limit 4") == (watches.verdict, watches.text)
    assert "sysctl fs.inotify.max_user_watches=8," in watches.advice
    assert "ok" == instances.verdict


def test_what_is_used_of_inotify(tmp_path: Path) -> None:
    """Instances and watches that processes of this user hold are counted."""
    count = 200
    libc = ctypes.CDLL(None)
    handle = libc.inotify_init1(os.O_CLOEXEC)
    try:
        for number in range(count):
            folder = tmp_path / str(number)
            folder.mkdir()
            assert libc.inotify_add_watch(handle, os.fsencode(folder), 2) > 0

        watches, instances = checks._used()
    finally:
        os.close(handle)

    assert watches >= count
    assert instances >= 1


@pytest.mark.parametrize(
    ("free", "verdict"),
    [(10 << 30, "ok"), (500 << 20, "warning"), (50 << 20, "problem")],
)
def test_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, verdict: str
) -> None:
    """Little space is a warning, next to none a problem."""
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil has it
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, free))

    assert verdict == look(tmp_path)["disk"].verdict


def test_a_store_that_is_none(tmp_path: Path) -> None:
    """A store that cannot be read is a problem; one that can tells its runs."""
    state = tmp_path / "plots/.gptwatch"
    state.mkdir(parents=True)
    Database(state).close()
    good = look(tmp_path)["database"]
    (state / "store.db").write_bytes(b"no database at all" * 99)

    bad = look(tmp_path)["database"]

    assert ("ok", True) == (good.verdict, good.text.endswith("runs: 0"))
    assert "problem" == bad.verdict


def test_an_old_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that cannot keep the store is named with the version that can."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 8, 0))

    found = look(tmp_path)["SQLite"]

    assert "problem" == found.verdict
    assert "3.25" in found.advice


def test_the_exit_code_tells_of_problems(tmp_path: Path) -> None:
    """Problems give 1, warnings 0; JSON holds what the text says."""
    (tmp_path / "a.log").touch()
    out = ["--out", str(tmp_path / "plots"), "--json"]

    fine = CliRunner().invoke(cli, ["doctor", "--dir", str(tmp_path / "later"), *out])
    bad = CliRunner().invoke(cli, ["doctor", "--dir", "/dev/null", *out])

    verdicts = {c["name"]: c["verdict"] for c in json.loads(bad.output)}
    assert (0, 1) == (fine.exit_code, bad.exit_code)
    assert "problem" == verdicts["watched directory"]
    assert {"name", "verdict", "text", "advice"} == set(json.loads(fine.output)[0])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    """The script of a shell asks gptwatch itself for what may come."""
    done = CliRunner().invoke(cli, ["completion", shell])

    assert f"_GPTWATCH_COMPLETE={shell}_complete" in done.output


def test_completion_completes(tmp_path: Path) -> None:
    """In bash `gptwatch sta` becomes `start` or `status`."""
    program = tmp_path / "gptwatch"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m watcher "$@"\n')
    program.chmod(0o755)
    asking = (
        f'eval "$({program} completion bash)"\n'
        "COMP_WORDS=(gptwatch sta); COMP_CWORD=1\n"
        f'_gptwatch_completion {program}; echo "${{COMPREPLY[@]}}"'
    )

    said = subprocess.run(
        ["bash", "-c", asking], check=True, capture_output=True, text=True
    )

    assert "start status" == said.stdout.strip()
