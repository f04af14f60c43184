"""What the store must hold, and a reader whose time passes when a test says so."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from parsers.parser import Parser
from watcher.clock import Clock
from watcher.ingest.discovery import Scanner
from watcher.ingest.reader import Reader
from watcher.ingest.tailer import Tailer
from watcher.storage.columns import Run
from watcher.storage.database import Database
from watcher.storage.rows import Row


# Longer than anything takes on a machine that others keep busy: only a test that fails
# waits for so long.
WAIT_S: Final = 300.0


def open_to_all(folder: Path) -> None:
    """Lets every user enter a test's folder, through the folders that pytest made."""
    while folder.stat().st_mode & 0o777 != 0o777:
        folder.chmod(0o755)
        folder = folder.parent


class FakeClock(Clock):
    """Time that passes when a test says so.

    Attributes:
        up: the uptime.
        pace: seconds that pass whenever somebody asks for it.
        jump: how much the wall clock was set forward.
    """

    def __init__(self) -> None:
        self.up = 1000.0
        self.pace = 0.0
        self.jump = 0.0

    def now(self) -> float:
        """The time, as far as it was set."""
        return super().now() + self.jump

    def uptime(self) -> float:
        """What the test says."""
        self.up += self.pace
        return self.up


class Bench:
    """A watched folder, a store, and a reader that can be stopped and started.

    Attributes:
        logs: the watched folder.
        state: of the store.
        clock: of the reader.
        writer: the answer to who writes: "alive", "gone" or "unknown".
    """

    def __init__(self, folder: Path, scanner: Scanner | None = None) -> None:
        self.logs = folder / "logs"
        self.state = folder / "state"
        self.logs.mkdir(exist_ok=True)
        self.state.mkdir(exist_ok=True)
        self.clock = FakeClock()
        self.writer = "unknown"
        self._scanner = scanner or Scanner()
        self.start()

    def ask_writer(self) -> str:
        """What the reader gets when it asks; a test may put a deed in its place."""
        return self.writer

    def start(self) -> None:
        """Starts the reader on what the store holds."""
        self.store = Database(self.state)
        tailer = Tailer(
            self.store,
            self.clock,
            writer=lambda *_: self.ask_writer(),
            wanted=lambda path: self._scanner.wants(self.logs, path),
        )
        self.reader = Reader([self.logs], self._scanner, self.store, tailer, self.clock)

    def stop(self) -> None:
        """Stops the reader; the store stays."""
        self.reader.close()
        self.store.close()

    def look(self, times: int = 1) -> None:
        """Looks at everything."""
        for _ in range(times):
            self.reader.read(self.reader.scan())

    def settle(self) -> None:
        """Looks until nothing more is to come."""
        for _ in range(4):
            self.look()
            self.clock.up += 6.0

    def rows(self) -> dict[str, Row]:
        """Runs by name."""
        return {row.name: row for row in self.store.runs()}

    def held(self) -> dict[str, dict[str, Any]]:
        """All that the store holds of each run, by name."""
        return {
            row.name: known(self.store.load(row.id)[0]) for row in self.store.runs()
        }

    def steps(self, name: str = "train.log") -> list[int]:
        """Steps of a run's training losses, in the order of the log."""
        loaded, _ = self.store.load(self.rows()[name].id)
        return [int(step) for step in loaded.column("loss")[1]]


def known(run: Run) -> dict[str, Any]:
    """All that is known of a run, to be compared."""
    return {
        "format": run.format.name if run.format else None,
        "lines": run.lines,
        "facts": run.facts,
        "planned": run.planned,
        "milestones": run.milestones(),
        "columns": {
            name: [column.tobytes() for column in run.column(name)]
            for name in run.metrics()
        },
    }


def once(data: bytes) -> dict[str, Any]:
    """What one reading of some bytes gives."""
    run, parser = Run(), Parser()
    run.add(parser.feed(data))
    run.add(parser.flush())
    return known(run)


def lines(start: int, end: int) -> bytes:
    """Lines of a nanoGPT training, steps `start` to `end` - 1."""
    return b"".join(
        b"iter %d: loss %d.%04d, time 25.%02dms, mfu 12.00%%\n"
        % (step, 9 - step // 1000 % 9, step % 10_000, step % 100)
        for step in range(start, end)
    )


def append(path: Path, data: bytes) -> None:
    """Writes behind what is there."""
    with path.open("ab") as file:
        file.write(data)


def until(condition: Callable[[], object], *, seconds: float = WAIT_S) -> None:
    """Waits for what another thread or process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.01)
