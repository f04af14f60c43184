"""The demo, as a newcomer runs it: to the alert, the files and the exit code."""

import importlib.util
import os
import pty
import signal
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace

import analyses
import pytest
from oracle import WAIT_S, until

import watcher
from watcher.commands import demo as command
from watcher.errors import InputError
from watcher.launch.demo import Demo, View


pytestmark = [pytest.mark.process, pytest.mark.slow]


ROOT = Path(__file__).parents[1]


def start(
    folder: Path,
    *,
    stdin: int | None = None,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    terminal: bool = False,
) -> "subprocess.Popen[bytes]":
    """The demo, in a folder of its own; with `terminal` its input controls it."""
    command = [sys.executable, "-m", "watcher", "demo"]
    return subprocess.Popen(
        [*(("setsid", "--ctty", "--wait") if terminal else ()), *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "LC_ALL": ""},
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
    )


def at_work_below(folder: Path) -> set[int]:
    """Processes whose working folder is below another."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            here = (process / "cwd").readlink()
        except OSError:
            continue  # it has ended, or is not ours
        if here.is_relative_to(folder):
            found.add(int(process.name))
    return found


def test_demo_ends_in_the_alert(tmp_path: Path) -> None:
    """One command: a model trains, the alert comes, and the files are there."""
    demo = start(tmp_path)
    out, err = demo.communicate()

    assert (0, b"") == (demo.returncode, err)
    said = out.decode()
    assert "\n! Overfitting since step " in said
    assert "\nstep 400 of 400: " in said
    made = [row.split()[-1] for row in said.splitlines() if row.startswith("  ")]
    paths = [tmp_path / name for name in made if name.startswith("gptwatch-demo/")]
    assert [".log", ".png", ".txt", ".json"] == [path.suffix for path in paths]
    assert all(path.stat().st_size for path in paths)
    assert set() == at_work_below(tmp_path)


def test_an_alert_is_said_again_when_it_is_confirmed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where an analysis came between the two, as on a busy machine."""
    monkeypatch.setattr(command, "_EVERY_S", 0.0)
    found = [(None, "Probably."), (None, "Still probably."), (600, "Yes."), (600, "!")]
    views = iter(
        [
            View(
                *(600, 1000, 1.0, None, analyses.nothing()),
                findings=[
                    {
                        "rule": "overfitting",
                        "severity": "warning",
                        "confirmed_step": confirmed,
                        "message": text,
                    }
                ],
                made={},
                over=text == "!",
            )
            for confirmed, text in found
        ]
    )

    command._print(SimpleNamespace(view=lambda: next(views)))

    assert "! Probably.\n! Yes.\n" == capsys.readouterr().out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_of_it(tmp_path: Path, number: int) -> None:
    """Neither the trainer nor the daemon outlives the demo."""
    demo = start(tmp_path)
    assert demo.stdout is not None
    assert demo.stdout.readline()  # all of it is at work

    demo.send_signal(number)
    demo.communicate()

    assert 128 + number == demo.returncode
    assert set() == at_work_below(tmp_path)


def test_a_closed_terminal_ends_all_of_it(tmp_path: Path) -> None:
    """As when a window is closed, or ssh ends."""
    terminal, inner = pty.openpty()
    demo = start(tmp_path, stdin=inner, stdout=inner, stderr=inner, terminal=True)
    os.close(inner)
    until(lambda: len(at_work_below(tmp_path)) >= 3)

    os.close(terminal)
    demo.wait(timeout=WAIT_S)

    assert 0 != demo.returncode
    assert set() == at_work_below(tmp_path)


def test_kill_9_ends_all_of_it(tmp_path: Path) -> None:
    """The kernel signals both processes when the demo has ended."""
    demo = start(tmp_path)
    assert demo.stdout is not None
    assert demo.stdout.readline()

    demo.kill()
    demo.communicate()

    until(lambda: not at_work_below(tmp_path))


def test_an_error_ends_all_of_it(tmp_path: Path) -> None:
    """A daemon that dies is reported in one line, and the training ends, too."""
    demo = start(tmp_path)
    assert demo.stdout is not None
    assert demo.stdout.readline()
    [daemon] = [
        pid
        for pid in at_work_below(tmp_path)
        if b"watcher\0start" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]

    os.kill(daemon, signal.SIGKILL)
    _, errors = demo.communicate()

    assert 1 == demo.returncode
    assert b"gptwatch start exited unexpectedly" in errors
    until(lambda: not at_work_below(tmp_path))


def test_without_torch_the_demo_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with the command, and nothing is begun."""
    real = importlib.util.find_spec

    def find_spec(name: str) -> ModuleSpec | None:
        return None if name == "torch" else real(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)

    with pytest.raises(InputError, match="-m pip install torch"):
        Demo(tmp_path / "demo", lang="en", theme="light")
    assert [] == list(tmp_path.iterdir())


def test_without_the_trainer_the_demo_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel has none: in one sentence, where the demo runs."""
    package = tmp_path / "site-packages" / "watcher"
    monkeypatch.setattr(watcher, "__file__", str(package / "__init__.py"))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InputError, match="in a checkout of gptwatch"):
        Demo(tmp_path / "demo", lang="en", theme="light")
    assert [] == list(tmp_path.iterdir())


def test_an_installed_demo_uses_the_trainer_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pip install .` and `gptwatch demo` in a checkout find the trainer there."""
    package = tmp_path / "site-packages" / "watcher"
    monkeypatch.setattr(watcher, "__file__", str(package / "__init__.py"))
    monkeypatch.chdir(Path(__file__).parents[1])

    assert Demo(tmp_path / "demo", lang="en", theme="light")
