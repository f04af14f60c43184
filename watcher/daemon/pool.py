"""Several worker processes, for logs that nobody waits for: those that are over."""

import os
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from watcher.daemon.jobs import Job


# Each takes some 150 MB.
_MAX_WORKERS: Final = 8


class JobRunner(Protocol):
    """Runs jobs, one at a time."""

    @property
    def busy(self) -> bool:
        """Whether a job is running."""

    def start(self, job: Job) -> None:
        """Starts a job."""

    def check(self) -> None:
        """Ends what hangs."""

    def stop(self) -> None:
        """Ends its process."""


class Pool:
    """As many workers as there are cores; they are started when they are needed."""

    def __init__(self, make: Callable[[], JobRunner], width: int | None = None) -> None:
        self._make = make
        self._width = width or min(_MAX_WORKERS, len(os.sched_getaffinity(0)))
        self._workers: list[JobRunner] = []

    @property
    def busy(self) -> bool:
        """Whether no worker is free."""
        return len(self._workers) >= self._width and self._free() is None

    def start(self, job: Job) -> None:
        """Starts a job; a worker must be free."""
        worker = self._free()
        if worker is None:
            worker = self._make()
            self._workers.append(worker)
        worker.start(job)

    def check(self) -> None:
        """Ends what hangs."""
        for worker in self._workers:
            worker.check()

    def rest(self) -> None:
        """Ends all workers that have nothing to do: their memory is free again."""
        resting = [worker for worker in self._workers if not worker.busy]
        self._workers = [worker for worker in self._workers if worker.busy]
        _stop(resting)  # where the CPU is busy, an idle process takes its time

    def stop(self) -> None:
        """Ends all workers; running jobs are dropped."""
        workers, self._workers = self._workers, []
        for thread in _stop(workers):
            thread.join()

    def _free(self) -> JobRunner | None:
        return next((worker for worker in self._workers if not worker.busy), None)


def _stop(workers: Sequence[JobRunner]) -> list[threading.Thread]:
    """Stops workers at the same time."""
    threads = [threading.Thread(target=w.stop, daemon=True) for w in workers]
    for thread in threads:
        thread.start()
    return threads
