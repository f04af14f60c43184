"""What judging a run again costs after ten appended lines, by its length.

    python tests/bench/bench_judging.py [LINES ...]       by default 10^3 to 10^7
    python tests/bench/bench_judging.py --memory          200 runs of 10^5, one of 10^7

The store is made in bulk in a temporary directory; the worker runs in this process.
"""

import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from parsers.batch import Batch
from watcher.daemon.analyst import Analyst
from watcher.daemon.jobs import Job, Options
from watcher.storage.database import Database


EVERY = 250  # steps from one evaluation to the next
PART = 1 << 17
ROUNDS = 21
LINES = (1_000, 100_000, 1_000_000, 10_000_000)


class Log:
    """A made nanoGPT log, some records at a time, straight into a store."""

    def __init__(self, store: Database, name: str) -> None:
        self.store = store
        self.run = store.begin("/logs", f"{name}.log", reason="new", now=0.0)
        self.steps = self.lines = 0
        self._rng = np.random.default_rng(len(name))

    def grow(self, records: int) -> None:
        """Appends some records and what stands between them."""
        steps = np.arange(self.steps, self.steps + records)
        evaluated = steps % EVERY == 0
        lines = self.lines + 1 + np.arange(records) + 2 * np.cumsum(evaluated)
        loss = 1 + 9 * np.exp(-steps / 3000) + np.exp(-steps / 1e6)
        clean = (1.05 * loss).round(4)
        loss = (loss * np.exp(self._rng.normal(0, 0.02, records))).round(4)
        ms = (100 * self._rng.gamma(400, 1 / 400, records)).round(2) + 2000 * evaluated
        train = {"loss": loss, "iter_ms": ms, "mfu": (3000 / ms).round(2)}
        both = {"train_loss": loss[evaluated], "val_loss": clean[evaluated]}
        self._add("iter", lines, steps, train)
        self._add("step", lines[evaluated] - 2, steps[evaluated], both)
        marks = [
            (self.run, "checkpoint", line, "saving checkpoint to out")
            for line in (lines[evaluated] - 1).tolist()
        ]
        self.store.connection.executemany(
            "INSERT INTO milestones (run, kind, line, text) VALUES (?, ?, ?, ?)", marks
        )
        self.steps, self.lines = self.steps + records, int(lines[-1])
        size = self.lines * 60
        self.store.set(self.run, format="nanogpt", lines=self.lines, bytes=size)

    def _add(self, pattern: str, lines: Any, steps: Any, values: Any) -> None:
        if len(lines):
            self.store.points.append(self.run, Batch(pattern, lines, steps, values))

    def fill(self, records: int) -> None:
        """Appends many records."""
        while records > 0:
            with self.store.transaction():
                self.grow(min(records, PART))
            records -= PART


def judged(analyst: Analyst, log: Log, folder: str = "") -> float:
    """CPU seconds of one job."""
    started = time.process_time()
    result = analyst.run(Job(log.run, log.store.path.name, "run.log", folder=folder))
    assert not result.error, result.error
    return time.process_time() - started


def restarted(analyst: Analyst, log: Log) -> tuple[float, int]:
    """CPU seconds of the first job of another worker, and bytes of the stored state."""
    analyst.store()
    analyst.close()
    with log.store.transaction():
        log.grow(10)
    cost = judged(Analyst(Options(str(log.store.folder))), log)
    files = log.store.folder.glob("followed/*")
    return cost, sum(path.stat().st_size for path in files)


def memory_mb() -> float:
    """Peak of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def compare(lengths: list[int], folder: Path) -> None:
    """Prints one row a length, with ratios to the first; rounds are interleaved."""
    runs = []
    for length in lengths:
        state, out = folder / str(length), folder / f"plots{length}"
        state.mkdir()
        out.mkdir()
        log = Log(Database(state), str(length))
        log.fill(length)
        analyst = Analyst(Options(str(state)))
        runs.append((length, analyst, log, out, judged(analyst, log)))
    again: list[list[float]] = [[] for _ in runs]
    drawn: list[list[float]] = [[] for _ in runs]
    for n in range(ROUNDS):
        for i, (_, analyst, log, out, _) in enumerate(runs):
            with log.store.transaction():
                log.grow(10)
            again[i].append(judged(analyst, log))
            if n % 5 == 0:
                drawn[i].append(judged(analyst, log, str(out)))
    costs = [statistics.median(found) for found in again]
    files = [statistics.median(found[1:]) for found in drawn]
    for run, cost, file in zip(runs, costs, files, strict=True):
        length, analyst, log, out, first = run
        size = (out / "latest.json").stat().st_size / 1e6
        began, kept = restarted(analyst, log)
        print(
            f"{length:>10,} lines: first {first * 1e3:8.0f} ms, "
            f"by a worker that starts {began * 1e3:5.0f} ms ({kept / 1e6:.2f} MB), "
            f"ten more {cost * 1e3:6.2f} ms ({cost / costs[0]:.2f}), "
            f"with files {file * 1e3:6.0f} ms ({file / files[0]:.2f}), "
            f"latest.json {size:.2f} MB",
            flush=True,
        )
    print(f"peak {memory_mb():.0f} MB")


def memory(folder: Path) -> None:
    """Prints the memory of a worker over many runs."""
    store = Database(folder)
    logs = [Log(store, f"run{n}") for n in range(201)]
    for log in logs:
        log.fill(10_000_000 if log is logs[0] else 100_000)
    print(f"filled: peak {memory_mb():.0f} MB", flush=True)
    analyst = Analyst(Options(str(folder)))
    out = folder / "plots"
    out.mkdir()
    for what, path in (("judged", ""), ("with files", str(out))):
        for log in logs:
            judged(analyst, log, path)
        print(f"{len(logs)} runs {what}: peak {memory_mb():.0f} MB", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        if "--memory" in sys.argv:
            memory(Path(made))
        else:
            compare([int(n) for n in sys.argv[1:]] or list(LINES), Path(made))
