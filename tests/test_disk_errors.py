"""Disks that are full or read-only: what was good stays, and all goes on after."""

import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from daemons import Started, drawn, held, offsets
from oracle import WAIT_S, append, lines, once, until


pytestmark = [pytest.mark.process, pytest.mark.slow]


@contextmanager
def disk(folder: Path, size: str) -> Iterator[Path]:
    """A small disk, mounted on a folder as long as it is needed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if done.returncode:
        pytest.skip(f"a disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    """Makes a disk read-only ("ro"), or again writable ("rw")."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fills a disk up to its last byte; the file that does."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass
    return ballast


@pytest.fixture
def full_state(tmp_path: Path) -> Iterator[Path]:
    """A small disk for the store."""
    with disk(tmp_path / "state", "2m") as folder:
        yield folder


@pytest.fixture
def small_out(tmp_path: Path) -> Iterator[Path]:
    """A small disk for artifacts."""
    with disk(tmp_path / "plots", "2m") as folder:
        yield folder


def test_f37_the_disk_of_the_store_is_full(tmp_path: Path, full_state: Path) -> None:
    """It is said once, nothing is half kept, and all is read when there is room."""
    with Started(tmp_path, state=full_state) as daemon:
        append(daemon.logs / "train.log", lines(0, 100))
        daemon.read_all()
        ballast = fill(full_state)
        for start in range(100, 20_000, 100):
            append(daemon.logs / "train.log", lines(start, start + 100))
        daemon.says("store.db: cannot be used now (database or disk is full); free")
        assert 1 == daemon.said.count("cannot be used now")
        assert offsets(full_state)["train.log"] < len(lines(0, 20_000))
        ballast.unlink()
        daemon.read_all()

        assert 0 == daemon.stop()

    assert {"train.log": once(lines(0, 20_000))} == held(full_state)


def test_f37_killed_on_a_full_disk(tmp_path: Path, full_state: Path) -> None:
    """What was kept before is there after, and reading goes on from it."""
    with Started(tmp_path, state=full_state) as daemon:
        append(daemon.logs / "train.log", lines(0, 100))
        daemon.read_all()
        ballast = fill(full_state)
        append(daemon.logs / "train.log", lines(100, 20_000))
        daemon.says("cannot be used now")
    ballast.unlink()

    with Started(tmp_path, state=full_state) as daemon:
        daemon.read_all()

    assert {"train.log": once(lines(0, 20_000))} == held(full_state)


def test_f37_no_room_at_the_start(tmp_path: Path, full_state: Path) -> None:
    """A daemon that cannot keep anything says so in one line, and ends."""
    fill(full_state)

    with Started(tmp_path, state=full_state) as daemon:
        code = daemon.process.wait(timeout=WAIT_S)

    assert code == 1
    assert 1 == daemon.said.count("\n")
    assert daemon.said.startswith(f"gptwatch: {full_state}")


def test_f37_the_disk_of_the_pictures_is_full(tmp_path: Path, small_out: Path) -> None:
    """Reading goes on, the last good files stay whole, new ones come with the room."""
    with Started(tmp_path, state=tmp_path / "state") as daemon:
        append(daemon.logs / "train.log", lines(0, 100))
        until(lambda: drawn(daemon.out) == 99)
        ballast = fill(small_out)
        picture = (small_out / "train.log" / "latest.png").read_bytes()
        append(daemon.logs / "train.log", lines(100, 20_000))
        daemon.read_all()
        daemon.says("cannot be written (No space left on device); free disk space")
        assert picture == (small_out / "train.log" / "latest.png").read_bytes()
        assert 99 == drawn(daemon.out)
        assert 0 == len(list(small_out.rglob(".*.part")))
        ballast.unlink()
        until(lambda: drawn(daemon.out) == 19_999)

        assert 1 == daemon.said.count("another directory with --out")
        assert 0 == daemon.stop()


def test_f37_a_read_only_output_folder(tmp_path: Path, small_out: Path) -> None:
    """It is said once; what was there stays, and follows when it may be written."""
    with Started(tmp_path, state=tmp_path / "state") as daemon:
        append(daemon.logs / "train.log", lines(0, 100))
        until(lambda: drawn(daemon.out) == 99)
        remount(small_out, "ro")
        append(daemon.logs / "train.log", lines(100, 200))
        daemon.read_all()
        daemon.says("cannot be written (Read-only file system); free disk space")
        remount(small_out, "rw")
        until(lambda: drawn(daemon.out) == 199)

        assert 1 == daemon.said.count("another directory with --out")
        assert 0 == daemon.stop()


def test_f37_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    """What the store may not hold is read when the limit is raised."""
    with Started(tmp_path, before=["prlimit", "--fsize=300000:"]) as daemon:
        append(daemon.logs / "train.log", lines(0, 100))
        daemon.read_all()
        append(daemon.logs / "train.log", lines(100, 40_000))
        daemon.says("store.db: cannot be used now (")
        unlimited = resource.RLIM_INFINITY, resource.RLIM_INFINITY
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, unlimited)
        daemon.read_all()

        assert 0 == daemon.stop()

    assert {"train.log": once(lines(0, 40_000))} == held(daemon.state)


@pytest.mark.parametrize("until_stop", [False, True])
def test_f37_a_reload_on_a_full_disk(tmp_path: Path, *, until_stop: bool) -> None:
    """A daemon that has run waits for its database, and can be stopped meanwhile."""
    with Started(tmp_path) as daemon:
        append(daemon.logs / "train.log", lines(0, 100))
        daemon.read_all()
        # Less than the smallest index of a write-ahead log.
        small = 20_000, resource.RLIM_INFINITY
        resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, small)
        daemon.process.send_signal(signal.SIGHUP)
        daemon.says("store.db: cannot be used now (")
        append(daemon.logs / "train.log", lines(100, 200))
        if not until_stop:
            unlimited = resource.RLIM_INFINITY, resource.RLIM_INFINITY
            resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, unlimited)
            daemon.read_all()

        assert 0 == daemon.stop()
        assert "Traceback" not in daemon.said

    size = 100 if until_stop else 200
    assert {"train.log": once(lines(0, size))} == held(daemon.state)
