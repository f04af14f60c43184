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
        # Runs with something to do, and before when none of them may do it; the second
        # time is of those that wait for CPU time besides.
        self._open: dict[int, None] = {}
        self._next_at = [float("-inf")] * 2
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
            self._enqueue(run)

    def replace(self, tail: Tail) -> None:
        """Ends the runs whose path another file took; their last plot is due."""
        for run in list(self.runs.values()):
            if run.tail is tail and run.state != REPLACED:
                run.ending = not run.is_over and not run.adopted
                run.due = run.undrawn
                run.state = REPLACED
                self._enqueue(run)
                self._drop(run)

    def draw(self) -> None:
        """A scheduled drawing: a plot is due of every run that grew."""
        for run in self.runs.values():
            if run.undrawn:
                run.due = True
                run.missed_draws += 1
                self._enqueue(run)
        self.behind = sum(run.missed_draws > 1 for run in self.runs.values())

    def start_next(self) -> None:
        """Starts the most urgent jobs that may run now."""
        now = self._clock.uptime()
        self._priority.refill(now)
        soon, later = self._next_at
        if now < min(soon, max(later, self._priority.filled_at)):
            return
        if self._pool.busy and not self._is_free():
            return
        waited_for, background = self._ready(now)
        for run in waited_for:
            if not self._is_free():
                break
            self._urgent = run.run
            self._worker.start(self._job(run))
        for run in background:  # the newest first
            if self._pool.busy:
                break
            self._pool.start(self._job(run))

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
        if run.run in self._open:  # it grew meanwhile
            self._enqueue(run)
        if result.error and not run.error and self._is_new(result.error):
            LOGGER.error("%s", result.error)
        run.error = result.error
        if job.folder:
            self._drawn(run, job, failed=bool(result.error))
        if result.error:
            run.retry_at = run.analysed_at + _RETRY_S
            self._enqueue(run)
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
        self._next_at = [float("-inf")] * 2

    def is_pressed(self) -> bool:
        """Whether something urgent, or the files of a run that ended, are not done."""
        now = self._clock.uptime()
        opened = [self.runs[number] for number in self._open if number in self.runs]
        waiting = [run for run in opened if now >= run.retry_at]
        return self._urgent is not None or any(r.ending or r.is_urgent for r in waiting)

    def _add(self, tail: Tail, row: Row) -> RunState:
        run = self.runs[row.id] = RunState.restore(tail, row)
        if run.changed or run.undrawn or run.ending:
            self._enqueue(run)
        return run

    def _enqueue(self, run: RunState) -> None:
        """There is something to do for a run."""
        self._open[run.run] = None
        self._is_ready(run, float("-inf"))

    def _is_ready(self, run: RunState, now: float) -> bool:
        """Whether a run may have a job now; if not, it is looked at again in time."""
        ready_at = self._priority.ready_at(run)
        waits = self._priority.waits_for_cpu(run)
        self._next_at[waits] = min(self._next_at[waits], ready_at)
        return now >= (max(ready_at, self._priority.filled_at) if waits else ready_at)

    def _is_free(self) -> bool:
        return self._urgent is None and not self._worker.busy

    def _ready(self, now: float) -> tuple[list[RunState], list[RunState]]:
        """Runs that may have a job now, the most urgent first.

        First those that somebody may wait for, then those that are over.
        """
        found: tuple[list[RunState], list[RunState]] = [], []
        self._next_at = [float("inf")] * 2
        for number in list(self._open):
            run = self.runs.get(number)
            if run is None or self._priority.is_done(run):
                del self._open[number]
            elif number not in self._jobs and self._is_ready(run, now):
                found[run.is_background].append(run)
        for runs in found:
            runs.sort(key=self._priority.rank)
        return found

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
            self._enqueue(run)

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
        self._enqueue(run)

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
