"""The daemon as a real process, and what it keeps."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from oracle import WAIT_S, known, until

from watcher.errors import StorageError
from watcher.storage.database import Database


class Started:
    """`gptwatch start` on `logs` in a folder; it is killed at the end of a `with`.

    Attributes:
        logs, out, state: folders: watched, of artifacts, of the store.
        process: of the daemon.
    """

    def __init__(
        self,
        folder: Path,
        *more: str,
        before: Sequence[str] = (),
        after: Sequence[str] = (),
        state: Path | None = None,
    ) -> None:
        self.logs, self.out = folder / "logs", folder / "plots"
        self.state = state or self.out / ".gptwatch"
        self.logs.mkdir(exist_ok=True)
        self._errors = folder / "errors.txt"
        words = [
            *more,
            *("start", "--dir", str(self.logs), "--out", str(self.out)),
            *("--state", str(self.state), "--interval", "1s"),
            *after,
        ]
        self._from = self._errors.stat().st_size if self._errors.exists() else 0
        with self._errors.open("ab") as errors:
            self.process = self._launch(before, words, errors)

    def _launch(
        self, before: Sequence[str], words: Sequence[str], errors: IO[bytes]
    ) -> subprocess.Popen[Any]:
        root = str(Path(__file__).parents[1])
        return subprocess.Popen(
            [*before, sys.executable, "-m", "watcher", *words],
            stderr=errors,
            cwd=self.logs.parent,
            env=os.environ | {"PYTHONPATH": root},
        )

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Ends it, whatever happened."""
        self.kill()

    @property
    def said(self) -> str:
        """What it wrote to standard error."""
        with self._errors.open("rb") as file:
            file.seek(self._from)
            return file.read().decode()

    def watches(self) -> Self:
        """Itself, as soon as it looked at everything once."""
        self.says("watching ")
        return self

    def says(self, text: str, times: int = 1) -> None:
        """Waits until it said something so many times."""
        until(lambda: self.said.count(text) >= times or self.process.poll() is not None)
        assert self.said.count(text) >= times, self.said

    def read_all(self) -> None:
        """Waits until the store knows all bytes of all logs."""
        until(
            lambda: (
                sizes(self.logs) == offsets(self.state)
                or self.process.poll() is not None
            )
        )
        assert self.process.poll() is None, self.said

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal, and gives the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=WAIT_S)

    def kill(self) -> None:
        """Kills it, so that it can do nothing more."""
        self.process.kill()
        self.process.wait()


def drawn(out: Path, name: str = "train.log") -> int:
    """The last step in the data beside the last picture, -1 before there is one."""
    path = out / name / "latest.json"
    if not path.exists():
        return -1
    return int(json.loads(path.read_bytes())["summary"]["last_step"])


def sizes(logs: Path) -> dict[str, int]:
    """Bytes of each log."""
    return {path.name: path.stat().st_size for path in logs.iterdir()}


def offsets(state: Path) -> dict[str, int]:
    """Bytes that were read of each log; nothing while the store cannot be asked."""
    try:
        with contextlib.closing(Database(state, read_only=True)) as store:
            return {r.path: r.bytes for r in store.current_runs()}
    except StorageError:
        return {}


def held(state: Path) -> dict[str, dict[str, Any]]:
    """All that the store holds of each run, by name."""
    with contextlib.closing(Database(state, read_only=True)) as store:
        return {row.name: known(store.load(row.id)[0]) for row in store.runs()}


def steps(state: Path, name: str = "train.log") -> list[int]:
    """Steps of a run's training losses, in the order of the log."""
    with contextlib.closing(Database(state, read_only=True)) as store:
        [row] = [row for row in store.runs() if row.name == name]
        loaded, _ = store.load(row.id)
        return [int(step) for step in loaded.column("loss")[1]]


def workers(pid: int) -> list[int]:
    """Processes that a process started."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end between the listing and the reading.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [int(word) for word in (task / "children").read_text().split()]
    return found
