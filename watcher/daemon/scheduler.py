"""When each run is analysed and plotted, and what its results mean for its state."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from watcher.analysis import rules
from watcher.clock import Clock
from watcher.daemon.jobs import Job, Result
from watcher.daemon.run_state import QUIET, REPLACED, RUNNING, RunState, decide
from watcher.daemon.token_bucket import TokenBucket
from watcher.files import distinct_names, stamp
from watcher.ingest.tail import Tail
from watcher.outputs.report.artifacts import file_name
from watcher.outputs.text.findings import as_dict
from watcher.storage.database import Database
from watcher.storage.rows import Row


LOGGER: Final = logging.getLogger("gptwatch")
# Token bucket of CPU seconds for analyses that nothing urgent asks for.
_CPU_RATE: Final = 0.02
_CPU_BURST_S: Final = 2.0
# What it costs in this process to start a job and to store its result.
_STORING_S: Final = 0.01
# Throttle: between two jobs of a run pass this many times the CPU time of one.
_THROTTLE: Final = 20.0
_MIN_PAUSE_S: Final = 0.25
# Debounce: a run where nothing urgent happened waits for this.
_DEBOUNCE_S: Final = 2.0
_RETRY_S: Final = 10.0
# Missed plots that one job draws: other runs wait for it.
_MISSED: Final = 3


class JobRunner(Protocol):
    """Runs jobs, one at a time."""

    @property
    def busy(self) -> bool:
        """Whether a job is running."""

    def start(self, job: Job) -> None:
        """Starts a job."""


class Alerts(Protocol):
    """Takes the findings of each analysis."""

    def update(
        self,
        row: Row,
        findings: Sequence[Mapping[str, Any]],
        *,
        fresh: bool,
        going: bool,
    ) -> None:
        """Takes in what is found of a run now."""

    def forget(self, run: int) -> None:
        """Nothing more is found of a run."""


class Scheduler:
    """Chooses the next job, stores its result, and keeps every run's state.

    Attributes:
        runs: by their number in the database.
        draining: whether the daemon shuts down: what is urgent skips the throttle.
        behind: how many runs the last scheduled drawing left undrawn.
    """

    def __init__(
        self,
        store: Database,
        worker: JobRunner,
        clock: Clock,
        *,
        roots: Sequence[Path],
        out: Path,
        every: int,
        keep: int,
        settings: rules.Settings,
        lang: str,
        alerts: Alerts,
    ) -> None:
        self._store = store
        self._worker = worker
        self._clock = clock
        self._labels = {str(r): name for r, name in distinct_names(roots).items()}
        self._out = out
        self._every = every
        self._keep = keep
        self._settings = settings
        self._lang = lang
        self._alerts = alerts
        self._started = clock.uptime()
        self._cpu = TokenBucket.full(
            rate=_CPU_RATE, burst=_CPU_BURST_S, now=self._started
        )
        self._job: tuple[RunState, Job] | None = None
        self._open: dict[int, None] = {}
        self.runs: dict[int, RunState] = {}
        self.draining = False
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
            if run.adopted and tail.is_recent(self._clock.now()):
                run.adopted = False
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
        """Starts the most urgent job that may run now."""
        now = self._clock.uptime()
        self._cpu.refill(now)
        while self._open and self._job is None and not self._worker.busy:
            ready = [r for r in self._opened() if self._is_ready(r, now)]
            if not ready:
                return
            self._start(min(ready, key=self._rank))

    def finish(self, result: Result) -> None:
        """Stores the result of a job.

        Raises:
            StorageUnavailableError: it cannot be stored now; it will be analysed again.
        """
        assert self._job is not None
        (run, job), self._job = self._job, None
        self._cpu.take(result.cost_s + _STORING_S)
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
        self._update(run)
        self._drop(run)

    def update(self, writer: Callable[[Tail], tuple[str, float]]) -> None:
        """Decides the state of every run that is not over.

        `writer`: whether a log is being written, and when that was asked; what was
        read since then is known to be all there is.
        """
        for run in list(self.runs.values()):
            if run.is_over and not run.changed:
                if not run.notified:
                    self._notify(run)  # a crash may have come before the last one
                continue
            run.writer, run.writer_at = writer(run.tail)
            self._update(run)

    def save_gaps(self) -> None:
        """Stores how often the logs grow, which a restart would forget."""
        grown = [
            run
            for run in self.runs.values()
            if not run.is_over and run.tail.grown_at != run.saved_at
        ]
        with self._store.transaction():
            for run in grown:
                self._store.merge_state(run.run, run.saved())
        for run in grown:
            run.saved_at = run.tail.grown_at

    def is_pressed(self) -> bool:
        """Whether something urgent, or the files of a run that ended, are not done."""
        now = self._clock.uptime()
        waiting = (r for r in self._opened() if now >= r.retry_at)
        return self._job is not None or any(r.ending or r.is_urgent for r in waiting)

    def findings(self, run: RunState) -> list[Mapping[str, Any]]:
        """What is found of a run, with what its state adds."""
        extra = run.finding(self._silence_s(run), self._settings.stalled)
        found = run.confirmed()
        return found if extra is None else [*found, as_dict(extra, self._lang)]

    def _add(self, tail: Tail, row: Row) -> RunState:
        run = self.runs[row.id] = RunState.restore(tail, row)
        if run.changed or run.undrawn or run.ending:
            self._open[row.id] = None
        return run

    def _opened(self) -> list[RunState]:
        return [self.runs[number] for number in self._open if number in self.runs]

    def _is_ready(self, run: RunState, now: float) -> bool:
        waited = now - run.analysed_at
        if now < run.retry_at or waited < _MIN_PAUSE_S:
            return False
        pause = max(_MIN_PAUSE_S, _THROTTLE * run.analysis_s)
        if run.ending or (run.is_urgent and (self.draining or waited >= pause)):
            return True
        if self._wants_plot(run):
            return self._may_draw(run, now)
        if not run.changed:
            self._open.pop(run.run, None)
            return False
        return self._cpu.has_tokens and waited >= max(_DEBOUNCE_S, 2 * pause)

    def _wants_plot(self, run: RunState) -> bool:
        return run.due or bool(self._crossed(run))

    def _may_draw(self, run: RunState, now: float) -> bool:
        return now - run.drawn_at >= max(_MIN_PAUSE_S, _THROTTLE * run.cost_s)

    def _rank(self, run: RunState) -> tuple[bool, bool, bool, float, float]:
        tail = run.tail
        modified = tail.cursor.mtime_ns if tail.cursor is not None else 0
        return (
            not tail.nonfinite_pending,
            not (run.ending or tail.eval_pending),
            not self._wants_plot(run),
            run.analysed_at,
            -modified,
        )

    def _crossed(self, run: RunState) -> list[int]:
        """The round steps that dated plots are due for, as many as are kept."""
        last = run.tail.last_step
        if last is None or run.adopted or run.state == REPLACED or not self._every:
            return []
        run.drawn_step = min(run.drawn_step, last)  # the steps went back
        first = run.drawn_step // self._every + 1
        steps = range(first * self._every, last + 1, self._every)
        return list(steps[-self._keep :])

    def _start(self, run: RunState) -> None:
        row = self._store.run(run.run)
        tail = run.tail
        may = run.ending or self._may_draw(run, self._clock.uptime())
        steps = self._crossed(run) if may else []
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
        run.changed = tail.nonfinite_pending = tail.eval_pending = False
        if draw:
            run.due = run.undrawn = run.ending = False
            run.missed_draws = 0
        self._open.pop(run.run, None)
        self._job = run, job
        self._worker.start(job)

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
        if self._crossed(run):
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
        row = self._store.run(run.run)
        drawn = job.folder and not result.error
        state = run.saved() | {
            "drawn": result.bytes if drawn else row.state.get("drawn"),
            "made": dict(result.made) or row.state.get("made", {}),
        }
        with self._store.transaction():
            self._store.set(run.run, diagnosis=diagnosis, state=state)

    def _update(self, run: RunState) -> None:
        """Decides a run's state, and passes on what that means."""
        if run.summary:
            signs = run.signs(self._silence_s(run), self._settings.stalled)
            before, run.state = run.state, decide(signs)
            if before != run.state:
                self._on_change(run, before)
        self._notify(run)

    def _notify(self, run: RunState) -> None:
        """Passes the findings of a run to the alerts."""
        row = self._store.run(run.run)
        found = self.findings(run)
        self._alerts.update(row, found, fresh=not run.adopted, going=not run.is_over)
        run.notified = True

    def _on_change(self, run: RunState, before: str) -> None:
        if not run.adopted and {before, run.state} != {RUNNING, QUIET}:
            step = run.summary.get("last_step")
            where = "" if step is None else f" at step {step:,}"
            LOGGER.info("%s: %s%s (was %s)", run.tail.name, run.state, where, before)
        if run.is_over and not run.adopted:
            run.ending = run.due = True
            self._open[run.run] = None
        with self._store.transaction():
            self._store.merge_state(run.run, run.saved())

    def _silence_s(self, run: RunState) -> float:
        return run.silence_s(self._clock.uptime(), self._clock.now(), self._started)

    def _is_new(self, error: str) -> bool:
        """Whether no other run has the same error: a full disk fails all."""
        reasons = {r.error.partition(": ")[2] for r in self.runs.values()}
        return error.partition(": ")[2] not in reasons

    def _drop(self, run: RunState) -> None:
        """Forgets a run that was replaced, when nothing of it is due any more."""
        if run.state == REPLACED and not run.due and not run.ending:
            self.runs.pop(run.run, None)
            self._open.pop(run.run, None)
            self._alerts.forget(run.run)
