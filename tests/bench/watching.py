"""A daemon that is measured: its process, its cost, and when it committed what."""

import contextlib
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


ROOT = Path(__file__).parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
# Bytes that were read of a run, in a row of `storage/appends.py`.
BYTES = struct.Struct("<x8xq")


def line(step: int) -> bytes:
    """A line of a nanoGPT training."""
    return b"iter %d: loss %.4f, time 251.42ms, mfu 12.34%%\n" % (
        step,
        2 + 1 / (1 + step),
    )


class Daemon:
    """`gptwatch start` on the folder `logs` beside its store."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.logs, self.out = folder / "logs", folder / "plots"
        self.store = self.out / ".gptwatch" / "store.db"
        self.logs.mkdir(exist_ok=True)
        self._said = (folder / "said.txt").open("wb+")
        command = [sys.executable, "-m", "watcher", "start", "--dir", str(self.logs)]
        self.process = subprocess.Popen(
            [*command, "--out", str(self.out), *more],
            stderr=self._said,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    def wait_until_it_watches(self) -> None:
        """Waits until it looked at everything once."""
        path = Path(self._said.name)
        while b"watching " not in path.read_bytes():
            assert self.process.poll() is None, path.read_text()
            time.sleep(0.005)

    def warnings(self) -> list[str]:
        """What it logged that is no news of a run."""
        logged = Path(self._said.name).read_text("utf-8", "replace").splitlines()
        return [t for t in logged if " error: " in t or " warning: " in t]

    def stop(self) -> None:
        """Ends it as systemd would."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0

    def pids(self) -> list[int]:
        """The daemon, and the process that measures and draws."""
        found = [self.process.pid]
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
        return found

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the store."""
        uri = f"{self.store.as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            return connection.execute(query).fetchall()

    def wait_for_bytes(self, total: int, seconds: float = 900.0) -> None:
        """Waits until so many bytes of all logs are committed."""
        uri = f"{self.store.as_uri()}?mode=ro"
        deadline = time.monotonic() + seconds
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            while sum(size for _, size in read_bytes(connection)) < total:
                assert time.monotonic() < deadline, f"not {total} bytes"
                time.sleep(0.2)

    def wait_for(self, query: str, value: float, seconds: float = 900.0) -> None:
        """Waits until the first field that the store answers is so large."""
        deadline = time.monotonic() + seconds
        while self.ask(query)[0][0] < value:
            assert time.monotonic() < deadline, f"{query}: not {value}"
            time.sleep(0.2)


@contextlib.contextmanager
def daemon(folder: Path, *more: str) -> Iterator[Daemon]:
    """A daemon that is stopped at the end."""
    started = Daemon(folder, *more)
    try:
        started.wait_until_it_watches()
        yield started
        started.stop()
    finally:
        started.process.kill()
        started.process.wait()


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process took so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    """Resident memory; 0 of a process that has just ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6
    except OSError:
        return 0.0


def read_bytes(connection: sqlite3.Connection) -> list[tuple[bytes, int]]:
    """Logs, and how many bytes of each are committed."""
    with connection:
        runs = connection.execute("SELECT id, path, bytes FROM runs").fetchall()
        looks = connection.execute(
            "SELECT run, appended, max(id) FROM chunks"
            " WHERE appended NOT NULL AND length(appended) > 0 GROUP BY run"
        ).fetchall()
    newest = {run: BYTES.unpack_from(data)[0] for run, data, _ in looks}
    return [(path, newest.get(run, size)) for run, path, size in runs]


class Commits:
    """When bytes of logs were committed, as another process sees it.

    Attributes:
        seen: by log, times and the bytes that were committed then.
    """

    def __init__(self, store: Path) -> None:
        self._connection = sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)
        self._version = -1
        self.seen: dict[str, list[tuple[float, int]]] = {}

    def look(self) -> None:
        """Notes what changed since the last look."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return
        self._version = version
        rows = read_bytes(self._connection)
        now = time.time()
        for name, size in rows:
            known = self.seen.setdefault(os.fsdecode(name), [])
            if not known or known[-1][1] < size:
                known.append((now, size))

    def delays(self, name: str, written: Sequence[tuple[float, int]]) -> list[float]:
        """Seconds from each append (its time, and the size after it) to its commit."""
        found, commits = [], iter(self.seen.get(name, []))
        at, size = next(commits, (float("inf"), 1 << 60))
        for written_at, end in written:
            while size < end:
                at, size = next(commits, (float("inf"), 1 << 60))
            found.append(at - written_at)
        return found


def quantile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
