"""When each run is analysed and plotted, and what its results mean for its state."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from watcher.clock import Clock
from watcher.daemon.jobs import Job, Result
from watcher.daemon.pool import JobRunner, Pool
from watcher.daemon.priority import Priority
from watcher.daemon.progress import Progress
from watcher.daemon.run_state import RunState
from watcher.daemon.settings import Settings
from watcher.daemon.state_names import REPLACED
from watcher.daemon.states import Alerts, States
from watcher.files import distinct_names, stamp
from watcher.ingest.tail import Tail
from watcher.outputs.report.artifacts import file_name
from watcher.storage.database import Database
from watcher.storage.rows import Row


LOGGER: Final = logging.getLogger("gptwatch")
_RETRY_S: Final = 10.0
# Missed plots that one job draws: other runs wait for it.
_MISSED: Final = 3


class Scheduler:
    """Chooses the next job, and stores its result.

    `worker`: for runs that somebody may wait for; `pool`: for those that are over.

    Attributes:
        runs: by their number in the database.
        states: their states.
        behind: how many runs the last scheduled drawing left undrawn.
    """

    def __init__(
        self,
        store: Database,
        worker: JobRunner,
        pool: Pool,
        clock: Clock,
        *,
        settings: Settings,
        alerts: Alerts,
    ) -> None:
        self._store = store
        self._worker = worker
        self._pool = pool
        self._clock = clock
        self._labels = {str(r): n for r, n in distinct_names(settings.roots).items()}
        self._out = settings.out
        self._priority = Priority(
            clock.uptime(), every=settings.every, keep=settings.look.keep
        )
        self._jobs: dict[int, tuple[RunState, Job]] = {}
        self._urgent: int | None = None
        self._progress = Progress(clock)
        self._open: dict[int, None] = {}
        self.states = States(
            store,
            clock,
            alerts,
            settings=settings.rules.stalled,
            lang=settings.look.lang,
            on_end=self._on_end,
        )
        self.runs: dict[int, RunState] = {}
        self.behind = 0

    @property
    def error(self) -> str:
        """Why a job failed, "" while all is well."""
        return next((r.error for r in self.runs.values() if r.error), "")

    def restore(self, tails: Iterable[Tail]) -> None:
        """Goes on from what the database holds."""
        rows = {row.id: row for row in self._store.current_runs()}
        for tail in tails:
            if tail.run in rows:
                self._add(tail, rows[tail.run])

    def grew(self, tails: Iterable[Tail]) -> None:
        """Marks the runs of logs that grew, or began a generation."""
        for tail in tails:
            if tail.run is None:
                continue
            run = self.runs.get(tail.run)
            if run is None:
                row = self._store.run(tail.run)
                self.replace(tail)
                run = self._add(tail, row)
            run.changed = run.undrawn = True
            if (run.adopted or run.is_over) and tail.is_recent(self._clock.now()):
                run.adopted, run.resumed = False, run.is_over
            self._open[run.run] = None

    def replace(self, tail: Tail) -> None:
        """Ends the runs whose path another file took; their last plot is due."""
        for run in list(self.runs.values()):
            if run.tail is tail and run.state != REPLACED:
                run.ending = not run.is_over and not run.adopted
                run.due = run.undrawn
                run.state = REPLACED
                self._open[run.run] = None
                self._drop(run)

    def draw(self) -> None:
        """A scheduled drawing: a plot is due of every run that grew."""
        for run in self.runs.values():
            if run.undrawn:
                run.due = True
                run.missed_draws += 1
                self._open[run.run] = None
        self.behind = sum(run.missed_draws > 1 for run in self.runs.values())

    def start_next(self) -> None:
        """Starts the most urgent jobs that may run now."""
        now = self._clock.uptime()
        self._priority.refill(now)
        if self._open and self._urgent is None and not self._worker.busy:
            self._start_urgent(now)
        if self._open and not self._pool.busy:
            self._start_background(now)

    def finish(self, result: Result) -> None:
        """Stores the result of a job.

        Raises:
            StorageUnavailableError: it cannot be stored now; it will be analysed again.
        """
        run, job = self._jobs.pop(result.run)
        self._store.cut_wal()  # before a worker reads from it again
        if self._urgent == result.run:
            self._urgent = None
            self._priority.took(result.cost_s)
        else:
            self._note_progress()
        run.analysed_at = self._clock.uptime()
        run.analysis_s, run.cost_s = result.analysis_s, result.cost_s
        if result.error and not run.error and self._is_new(result.error):
            LOGGER.error("%s", result.error)
        run.error = result.error
        if job.folder:
            self._drawn(run, job, failed=bool(result.error))
        if result.error:
            run.retry_at = run.analysed_at + _RETRY_S
            self._open[run.run] = None
        if result.error and not result.bytes:
            run.changed = True
            return
        run.summary, run.findings = result.summary, result.findings
        self._save(run, job, result)
        self.states.update(run)
        self._drop(run)

    def _note_progress(self) -> None:
        """One more of the logs that are over is done; without any, none has to work."""
        opened = [self.runs[number] for number in self._open if number in self.runs]
        left = sum(run.is_background for run in opened) + len(self._jobs)
        left -= self._urgent is not None
        self._progress.note(left)
        if not left:
            self._pool.rest()

    def drain(self) -> None:
        """The daemon shuts down: what is urgent skips the throttle."""
        self._priority.draining = True

    def is_pressed(self) -> bool:
        """Whether something urgent, or the files of a run that ended, are not done."""
        now = self._clock.uptime()
        opened = [self.runs[number] for number in self._open if number in self.runs]
        waiting = [run for run in opened if now >= run.retry_at]
        return self._urgent is not None or any(r.ending or r.is_urgent for r in waiting)

    def _add(self, tail: Tail, row: Row) -> RunState:
        run = self.runs[row.id] = RunState.restore(tail, row)
        if run.changed or run.undrawn or run.ending:
            self._open[row.id] = None
        return run

    def _ready(self, now: float, *, background: bool) -> list[RunState]:
        """Runs that may have a job now, the most urgent first."""
        found = []
        for number in list(self._open):
            run = self.runs.get(number)
            if run is None or self._priority.is_done(run):
                del self._open[number]
            elif number in self._jobs or run.is_background != background:
                continue
            elif self._priority.is_ready(run, now):
                found.append(run)
        return sorted(found, key=self._priority.rank)

    def _start_urgent(self, now: float) -> None:
        """Starts the most urgent job of a run that somebody may wait for."""
        for run in self._ready(now, background=False):
            if self._urgent is not None or self._worker.busy:
                return
            self._urgent = run.run
            self._worker.start(self._job(run))

    def _start_background(self, now: float) -> None:
        """Starts jobs of runs that are over, the newest first."""
        for run in self._ready(now, background=True):
            if self._pool.busy:
                return
            self._pool.start(self._job(run))

    def _job(self, run: RunState) -> Job:
        """The next job of a run, which is done once it has started."""
        row = self._store.run(run.run)
        tail = run.tail
        may = run.ending or self._priority.may_draw(run, self._clock.uptime())
        steps = self._priority.crossed(run) if may else []
        draw = may and (run.due or run.ending or bool(steps))
        if len(steps) > _MISSED + 1 and not run.ending:
            missed, step = steps[:_MISSED], None  # the next job goes on
        else:
            missed, step = steps[:-1], steps[-1] if steps else None
        job = Job(
            run=run.run,
            name=row.name,
            path=str(Path(row.root) / row.path),
            changed_at=tail.cursor.mtime_ns / 1e9 if tail.cursor else None,
            ended=run.is_over,
            folder=str(self._folder(row)) if draw else "",
            step=step,
            missed=missed,
            final=run.ending,
            stamp=stamp(self._clock.now()),
        )
        run.changed = run.resumed = False
        tail.nonfinite_pending = tail.eval_pending = False
        if draw:
            run.due = run.undrawn = run.ending = False
            run.missed_draws = 0
        self._open.pop(run.run, None)
        self._jobs[run.run] = run, job
        return job

    def _folder(self, row: Row) -> Path:
        """A run's output directory; below one for its root, where there are several."""
        below = self._labels.get(row.root, "") if len(self._labels) > 1 else ""
        return self._out / below / file_name(row.local_name)

    def _drawn(self, run: RunState, job: Job, *, failed: bool) -> None:
        """Notes that the files of a job were written, or are due again."""
        run.drawn_at = run.analysed_at
        run.due, run.undrawn = run.due or failed, run.undrawn or failed
        run.ending = run.ending or (job.final and failed)
        run.drawn_step = max([*job.missed, job.step or 0]) or run.drawn_step
        if self._priority.crossed(run):
            self._open[run.run] = None

    def _save(self, run: RunState, job: Job, result: Result) -> None:
        diagnosis = {
            "bytes": result.bytes,
            "lines": result.lines,
            "metrics": result.metrics,
            "headline": result.headline,
            "summary": dict(result.summary),
            "findings": [dict(finding) for finding in result.findings],
        }
        state = self._store.state(run.run) | run.saved()
        if job.folder and not result.error:
            state["drawn"] = result.bytes
        if result.made:
            state["made"] = dict(result.made)
        run.row = None
        with self._store.transaction():
            self._store.set(run.run, diagnosis=diagnosis, state=state)

    def _on_end(self, run: RunState) -> None:
        """A run that was watched is over: its dated files are due."""
        run.ending = run.due = True
        self._open[run.run] = None

    def _is_new(self, error: str) -> bool:
        """Whether no other run has the same error: a full disk fails all."""
        reasons = {r.error.partition(": ")[2] for r in self.runs.values()}
        return error.partition(": ")[2] not in reasons

    def _drop(self, run: RunState) -> None:
        """Forgets a run that was replaced, when nothing of it is due any more."""
        if run.state == REPLACED and not run.due and not run.ending:
            self.runs.pop(run.run, None)
            self._open.pop(run.run, None)
            self.states.forget(run)
