"""Hours of 50 logs of mixed speed, rotated, truncated and begun again: does it leak?

    python tests/bench/soak.py [--minutes 120] [--out soak]

Once in ten seconds memory, open files, threads, the store and the lag go to a CSV; the
end is a picture, and the slopes of the second half.
"""

import argparse
import csv
import random
import sys
import tempfile
import threading
import time
from pathlib import Path


sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from watching import Daemon, daemon, line, rss_mb  # noqa: E402

from watcher.storage.database import Database  # noqa: E402


LOGS = 50
EVERY_S = 10.0
FIELDS = {
    "daemon_mb": "resident memory of the daemon (MB)",
    "worker_mb": "resident memory of the worker (MB)",
    "files": "open files of the daemon",
    "threads": "threads of the daemon",
    "store_mb": "store (MB)",
    "lag_s": "longest time since a log with unread bytes was read (s)",
}


class Writer:
    """One training after the other, in one log."""

    def __init__(self, path: Path, hz: float, dice: random.Random) -> None:
        self._path, self._hz, self._dice = path, hz, dice
        self._file = path.open("ab", buffering=0)
        self._step = 0
        self.due = time.monotonic() + dice.random()

    def write(self) -> None:
        """A line; now and then the log is rotated, cut off, or begun again."""
        self.due += 1 / self._hz
        event = self._dice.random() * self._hz
        # Each about once in five minutes, however quick the log is.
        if event < 1 / 300:
            self._rotate()
        elif event < 2 / 300:
            self._file.truncate(0)
            self._step = 0
        elif event < 3 / 300:
            self._file.close()
            self._path.write_bytes(b"")
            self._file, self._step = self._path.open("ab", buffering=0), 0
        self._file.write(line(self._step))
        self._step += 1

    def _rotate(self) -> None:
        self._file.close()
        for number in (2, 1):
            old = self._path.with_name(f"{self._path.name}.{number}")
            if old.exists():
                old.replace(self._path.with_name(f"{self._path.name}.{number + 1}"))
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        self._file = self._path.open("ab", buffering=0)


def write_all(logs: Path, end: threading.Event) -> None:
    """Keeps all logs growing until the end."""
    dice = random.Random(1)
    speeds = [0.2, 0.5, 1.0, 2.0, 5.0]
    writers = [
        Writer(logs / f"run{i:02}.log", speeds[i % len(speeds)], dice)
        for i in range(LOGS)
    ]
    while not end.is_set():
        first = min(writers, key=lambda writer: writer.due)
        end.wait(max(0.0, first.due - time.monotonic()))
        first.write()


def sample(watched: Daemon, started: float) -> dict[str, float]:
    """How the daemon is now."""
    pid, *workers = watched.pids()
    store = Database(watched.store.parent, read_only=True)
    rows = store.current_runs()
    store.close()
    lag = 0.0
    for row in rows:
        path, cursor = watched.logs / row.path, row.cursor
        # A log that nothing was read of yet has no time of a look.
        if cursor is None or not cursor.mtime_ns or not path.exists():
            continue
        seen = path.stat()
        if (seen.st_ino, seen.st_size) != (cursor.inode, cursor.offset):
            # Since the last look: the log itself has always just been written.
            lag = max(lag, time.time() - cursor.mtime_ns / 1e9)
    return {
        "minutes": (time.monotonic() - started) / 60,
        "daemon_mb": rss_mb(pid),
        "worker_mb": sum(map(rss_mb, workers)),
        "files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "threads": len(list(Path(f"/proc/{pid}/task").iterdir())),
        "store_mb": sum(p.stat().st_size for p in watched.store.parent.iterdir()) / 1e6,
        "lag_s": lag,
    }


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """A picture of all that was noted, and the slopes of its second half."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8), layout="constrained")
    minutes = np.array([row["minutes"] for row in rows])
    half = len(rows) // 2
    for axes, (name, title) in zip(
        figure.subplots(2, 3).flat, FIELDS.items(), strict=True
    ):
        values = np.array([row[name] for row in rows])
        slope = 60 * np.polyfit(minutes[half:], values[half:], 1)[0]
        axes.plot(minutes, values)
        axes.set(title=title, xlabel="minutes", ylim=(0, None))
        axes.annotate(f"{slope:+.3g} an hour", (0.05, 0.05), xycoords="axes fraction")
        print(f"{title:<40} last {values[-1]:8.3g}, {slope:+.3g} an hour")
    figure.savefig(path, dpi=100)


def main() -> None:
    """Runs for so many minutes, and tells."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--out", type=Path, default=Path("soak"))
    given = parser.parse_args()
    end, rows = threading.Event(), []
    with tempfile.TemporaryDirectory() as folder, daemon(Path(folder)) as watched:
        thread = threading.Thread(target=write_all, args=(watched.logs, end))
        thread.start()
        started = time.monotonic()
        try:
            with given.out.with_suffix(".csv").open("w", newline="") as file:
                table = csv.DictWriter(file, ["minutes", *FIELDS])
                table.writeheader()
                while time.monotonic() - started < 60 * given.minutes:
                    time.sleep(EVERY_S)
                    rows.append(sample(watched, started))
                    table.writerow(rows[-1])
                    file.flush()
        finally:
            end.set()
            thread.join()
            print(*watched.warnings(), sep="\n")
    draw(rows, given.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
