"""Who writes a log: real files, held open by real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from watcher.host import filesystem
from watcher.host.writers import Key, Writers


pytestmark = pytest.mark.process


# Opens the file that it is given, prints a line, and goes when its input ends.
HOLDER = "import sys; f = open(sys.argv[1], sys.argv[2]); print(flush=True); input()"


@contextmanager
def holder(
    path: Path, mode: str, *, before: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has a file open."""
    command = [*before, sys.executable, "-c", HOLDER, str(path), mode]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        assert b"\n" == process.stdout.readline()
        yield process
        process.communicate(b"\n")


def log(folder: Path, name: str = "train.log") -> Path:
    """A log with a line."""
    path = folder / name
    path.write_bytes(b"iter 0: loss 4.1\n")
    return path


def key(path: Path) -> Key:
    """The number of a file."""
    seen = path.stat()
    return seen.st_dev, seen.st_ino


def leases_work(path: Path) -> bool:
    """Whether the file system of the tests knows leases."""
    return Writers({}).state(key(path), path) != "unknown"


def test_a_writer_is_seen_by_number_and_command(tmp_path: Path) -> None:
    """A process that has the log open for writing is alive, and can be named."""
    path = log(tmp_path)

    with holder(path, "a") as process:
        writers = Writers.of([key(path)])

        assert "alive" == writers.state(key(path), path)
        assert (process.pid,) == writers.pids(key(path))
        assert " -c import sys; " in writers.command(process.pid)
        assert len(writers.command(process.pid)) <= 60


def test_a_reader_is_no_writer(tmp_path: Path) -> None:
    """Who only reads a log, as `tail -f` does, does not write it."""
    path = log(tmp_path)

    with holder(path, "r"):
        writers = Writers.of([key(path)])

        assert () == writers.pids(key(path))
        assert "alive" != writers.state(key(path), path)


def test_a_writer_that_ended_is_gone(tmp_path: Path) -> None:
    """What held the log a moment ago holds it no more."""
    path = log(tmp_path)
    with holder(path, "a"):
        pass

    writers = Writers.of([key(path)])

    if not writers.complete and not leases_work(path):
        pytest.skip("processes are hidden here, and the file system has no leases")
    assert "gone" == writers.state(key(path), path)


def test_writers_of_many_logs_are_found_in_one_scan(tmp_path: Path) -> None:
    """One look tells of each file who writes it, through other names, too."""
    written, link, other = log(tmp_path), tmp_path / "link", log(tmp_path, "other.log")
    link.hardlink_to(written)

    with holder(link, "r+") as process:
        writers = Writers.of([key(written), key(other)])

    assert (process.pid,) == writers.pids(key(written))
    assert () == writers.pids(key(other))


def test_a_log_without_a_name_still_has_its_writer(tmp_path: Path) -> None:
    """A deleted log that is still written is alive."""
    path = log(tmp_path)
    number = key(path)

    with holder(path, "a"):
        path.unlink()

        assert "alive" == Writers.of([number]).state(number, path)


def test_our_own_writing_does_not_count(tmp_path: Path) -> None:
    """What we write ourselves has no writer; a lease refused for it says nothing."""
    path = log(tmp_path)

    with path.open("a"):
        writers = Writers.of([key(path)])

        assert () == writers.pids(key(path))
        assert writers.state(key(path), path) in ("gone", "unknown")


def test_a_hidden_writer_is_found_by_a_lease(tmp_path: Path) -> None:
    """Where processes are hidden from us, the kernel still tells of a writer."""
    path = log(tmp_path)
    if not leases_work(path):
        pytest.skip("the file system of the tests has no leases")
    blind = Writers({})

    with holder(path, "a"):
        assert "alive" == blind.state(key(path), path)
    assert "gone" == blind.state(key(path), path)


def test_a_lease_keeps_nobody_out(tmp_path: Path) -> None:
    """Once asked, the log can be opened for writing at once."""
    path = log(tmp_path)
    Writers({}).state(key(path), path)

    # A lease still held would answer EWOULDBLOCK.
    os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


def test_another_file_under_the_name_tells_nothing(tmp_path: Path) -> None:
    """After a rotation the new file says nothing of the old one."""
    path = log(tmp_path)
    old = key(path)
    path.rename(tmp_path / "train.log.1")
    log(tmp_path)

    assert "unknown" == Writers({}).state(old, path)


def test_what_cannot_be_asked_is_unknown(tmp_path: Path) -> None:
    """A log that is gone, with processes hidden, gives no answer."""
    assert "unknown" == Writers({}).state((1, 2), tmp_path / "none.log")


def test_a_remote_log_without_a_local_writer_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network file system the writer may sit on another machine."""
    path = log(tmp_path)
    # No test can count on a network file system.
    monkeypatch.setattr(filesystem.Mounts, "kind", lambda *_: "nfs4")

    assert "unknown" == Writers({}, complete=True).state(key(path), path)
    with holder(path, "a"):
        assert "alive" == Writers.of([key(path)]).state(key(path), path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_cannot_see_the_writer_and_does_not_guess(tmp_path: Path) -> None:
    """Who may neither look nor ask says that nothing is known."""
    path = log(tmp_path)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    number = key(path)

    with holder(path, "a"):
        child = os.fork()
        if child == 0:  # pragma: no cover  another process
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            answer = Writers.of([number]).state(number, path)
            os._exit(0 if answer == "unknown" else 1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert 0 == code


def test_a_process_that_ended_has_no_command() -> None:
    """A number that nobody has any more gives an empty name."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()

    assert "" == Writers.command(process.pid)


def test_nothing_wanted_is_nothing_looked_at() -> None:
    """Without logs no process is looked at."""
    assert Writers({}) == Writers.of([])


def test_the_file_system_of_a_path_is_known(tmp_path: Path) -> None:
    """A path that does not exist yet lies where its folder does."""
    assert "proc" == filesystem.kind(Path("/proc/self"))
    assert (
        filesystem.kind(tmp_path)
        == filesystem.kind(tmp_path / "logs" / "train.log")
        != ""
    )
    assert "rw" in filesystem.options(tmp_path)


@pytest.mark.parametrize(
    "name", ["nfs", "nfs4", "cifs", "9p", "virtiofs", "lustre", "fuse.sshfs", "fuse"]
)
def test_what_other_machines_write_is_remote(name: str) -> None:
    """Network file systems, what a host shares, and FUSE unless known as local."""
    assert filesystem.is_remote_kind(name)


@pytest.mark.parametrize(
    "name", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuse.mergerfs", ""]
)
def test_what_only_this_machine_writes_is_not_remote(name: str) -> None:
    """Disks of this machine, also through an overlay."""
    assert not filesystem.is_remote_kind(name)


def test_mounts_are_read_once_for_many_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking for the writers of many logs reads the kernel's list of mounts once."""
    plain, reads = filesystem.mountinfo, list[str]()

    def counted() -> str:
        reads.append(plain())
        return reads[-1]

    monkeypatch.setattr(filesystem, "mountinfo", counted)
    paths = [tmp_path / f"{n}.log" for n in range(20)]
    for path in paths:
        path.write_bytes(b"x")

    writers = Writers.of([key(path) for path in paths])
    states = {writers.state(key(path), path) for path in paths}

    assert "alive" not in states
    assert 1 == len(reads)
