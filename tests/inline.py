"""A daemon without processes, whose jobs cost the same on every machine."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from oracle import FakeClock

from watcher.daemon.analyst import Analyst
from watcher.daemon.daemon import Daemon
from watcher.daemon.jobs import Job, Options, Result
from watcher.daemon.settings import Settings
from watcher.ingest.discovery import Scanner


class Inline:
    """Runs jobs at once, in this process.

    The daemon throttles by what jobs cost: a slow machine would be another test.

    Attributes:
        cost_s: CPU seconds that each job is taken to cost.
    """

    cost_s = 0.02

    def __init__(self, options: Options, done: Callable[[Result], None]) -> None:
        self._analyst = Analyst(options)
        self._done = done

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return False

    def start(self, job: Job) -> None:
        """Runs a job."""
        result = self._analyst.run(job)
        self._done(replace(result, analysis_s=self.cost_s, cost_s=self.cost_s))

    def check(self) -> None:
        """Nothing can hang here."""

    def stop(self) -> None:
        """Nothing is left to stop."""


def watching(
    roots: list[Path],
    out: Path,
    state: Path,
    *,
    clock: FakeClock,
    worker: Any = Inline,
    **look: Any,
) -> Daemon:
    """A daemon on some folders, which are made where they are missing."""
    for folder in (*roots, state):
        folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        roots=roots,
        out=out,
        state=state,
        scanner=Scanner(own=(out, state)),
        look=Options(str(state), **look),
    )
    return Daemon(settings, clock=clock, make_worker=worker)
