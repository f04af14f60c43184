"""A booted systemd: a container over a throw-away copy of this machine's own root.

Nothing that is done in it reaches the machine: changes go to memory, and there is no
network.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from oracle import WAIT_S, until


ROOT: Final = Path(__file__).parents[1]
PYTHON: Final = "/usr/bin/python3"
SOURCE: Final = "/srv/gptwatch"
_PARTS: Final = ("parsers", "watcher", "trainer", "systemd")
_FILES: Final = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
_NSPAWN: Final = (
    *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit"),
    "--link-journal=no",
)
_TOOLS: Final = ("systemd-nspawn", "nsenter", "systemctl")


class Box:
    """A machine that has booted.

    Attributes:
        root: its root folder, as seen from here.
    """

    def __init__(self, root: Path, leader: int) -> None:
        self.root = root
        self._leader = leader

    def run(self, *command: str, fine: bool = True) -> str:
        """What a command said, both ways; it must succeed unless `fine` is off."""
        done = subprocess.run(
            ["nsenter", "--target", str(self._leader), "--all", "--", *command],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"},
            timeout=WAIT_S,
        )
        assert not fine or done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout

    def show(self, name: str, unit: str = "gptwatch.service") -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).strip()

    def path(self, inside: str) -> Path:
        """A file of the box, as seen from here."""
        return self.root / inside.lstrip("/")


def missing() -> str:
    """Why no box can be booted here, "" where one can."""
    if os.geteuid() != 0:
        return "only root may boot a container"
    for tool in _TOOLS:
        if shutil.which(tool) is None:
            return f"{tool}: not installed (Debian: systemd-container)"
    probe = "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"
    if subprocess.run(
        [PYTHON, "-c", probe], check=False, capture_output=True
    ).returncode:
        return f"{PYTHON}: not 3.11 with venv (Debian: python3-venv)"
    return ""


@contextlib.contextmanager
def booted(folder: Path, commands: str) -> Iterator[Box]:
    """A box, in which shell commands were run before it booted, with the network."""
    with contextlib.ExitStack() as stack:
        root = _root(folder, stack)
        _copy_source(root)
        _run_unbooted(root, commands)
        yield Box(root, _boot(root, folder, stack))


def _root(folder: Path, stack: contextlib.ExitStack) -> Path:
    """This machine's root, with all changes kept in memory."""
    top = folder / "box"
    top.mkdir()
    if not _mounted("-t", "tmpfs", "-o", "size=4g", "tmpfs", str(top)):
        pytest.skip("nothing may be mounted here (a container without the right)")
    stack.callback(_unmount, top)
    for name in ("changes", "work", "root"):
        (top / name).mkdir()
    layers = f"lowerdir=/,upperdir={top}/changes,workdir={top}/work"
    if not _mounted("-t", "overlay", "-o", layers, "overlay", str(top / "root")):
        pytest.skip("no overlay may be mounted here (a container without the right)")
    stack.callback(_unmount, top / "root")
    for inside in ("dev", "run", "tmp"):
        shutil.rmtree(top / "root" / inside, ignore_errors=True)
        (top / "root" / inside).mkdir(exist_ok=True)
    return top / "root"


def _mounted(*arguments: str) -> bool:
    done = subprocess.run(["mount", *arguments], check=False, capture_output=True)
    return done.returncode == 0


def _unmount(place: Path) -> None:
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _copy_source(root: Path) -> None:
    to = root / SOURCE.lstrip("/")
    for part in _PARTS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / part, to / part, ignore=ignored)
    for name in _FILES:
        shutil.copy(ROOT / name, to / name)


def _run_unbooted(root: Path, commands: str) -> None:
    passed = [f"--setenv={k}={v}" for k, v in os.environ.items() if k[:4] == "PIP_"]
    subprocess.run(
        [
            *_NSPAWN,
            "--pipe",
            *("--resolv-conf=bind-host", f"--directory={root}", *passed),
            *("bash", "-euc", commands),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        timeout=3 * WAIT_S,
    )


def _boot(root: Path, folder: Path, stack: contextlib.ExitStack) -> int:
    """The first process of the box, seen from here, as soon as it has booted."""
    with (folder / "boot.txt").open("wb") as said:
        container = subprocess.Popen(
            [
                *_NSPAWN,
                *("--boot", "--private-network", f"--machine=box{os.getpid()}"),
                f"--directory={root}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    stack.callback(_end, container)
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children")

    def leader() -> int:
        assert container.poll() is None, (folder / "boot.txt").read_text("utf-8")
        for pid in children.read_text("ascii").split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text("utf-8").strip() == "systemd":
                    return int(pid)
        return 0

    until(lambda: leader() > 0)
    box = Box(root, leader())
    # "degraded" is as good: what of this machine cannot start in there is not ours.
    started = ("running", "degraded")
    until(
        lambda: box.run("systemctl", "is-system-running", fine=False).strip() in started
    )
    return leader()


def _end(container: "subprocess.Popen[bytes]") -> None:
    container.terminate()
    try:
        container.wait(30)
    except subprocess.TimeoutExpired:
        container.kill()
        container.wait()
