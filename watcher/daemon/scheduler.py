"""When each run is measured, judged and drawn, and in which state it is."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final, Protocol

from watcher.analysis import rules
from watcher.analysis.finding import Finding
from watcher.analysis.rules.stalled import stalled, timeout_s
from watcher.clock import Clock
from watcher.daemon.jobs import Job, Result
from watcher.daemon.run_state import (
    OVER,
    QUIET,
    REPLACED,
    RUNNING,
    STALLED,
    STOPPED,
    Signs,
    state,
)
from watcher.files import stamp
from watcher.ingest.reader import Watched
from watcher.outputs.report.artifacts import file_name
from watcher.outputs.text.findings import as_dict
from watcher.storage.database import Database
from watcher.storage.rows import Row


LOGGER: Final = logging.getLogger("gptwatch")
# Share of one CPU that judging may take, and how much may be saved up.
_SHARE: Final = 0.02
_SAVED_S: Final = 2.0
# What it costs here to begin a job and to keep its result.
_KEEPING_S: Final = 0.01
# Between two judgements of a run pass at least so many times the time of one.
_PAUSES: Final = 20.0
_LEAST_S: Final = 0.25
# And, where nothing important happened, so many seconds.
_CALM_S: Final = 2.0
_AFTER_TROUBLE_S: Final = 10.0
# What is only true of a run that is over.
_ENDS: Final = frozenset({"crashed", "finished"})


class Does(Protocol):
    """What does jobs."""

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""

    def start(self, job: Job) -> None:
        """Begins a job."""


class Tells(Protocol):
    """What is told of each judgement."""

    def __call__(
        self,
        row: Row,
        findings: Sequence[Mapping[str, Any]],
        *,
        fresh: bool,
        going: bool,
    ) -> None:
        """Takes in what is found of a run now."""


@dataclass(slots=True, eq=False)
class Case:
    """What is known of a run, and what is due.

    Attributes:
        watched: its log.
        run: in the store.
        state: as in `watcher.daemon.run_state`; "replaced" when another took its path.
        writer: as in `watcher.host.writers`.
        adopted: whether it was over when it was found.
        changed: whether it grew since it was last judged.
        undrawn: whether it grew since its picture was drawn.
        due: whether a picture is wanted now.
        waits: for how many schedules it has been.
        told: whether what is found of it was told since the start.
        ending: whether it ended, and its dated files are not there yet.
        step: of the last dated picture.
        judged_at, drawn_at: by the uptime.
        retry_at: not before this uptime, after something went wrong.
        judge_s, cost_s: CPU of the last job until it was judged, and in all.
        trouble: why that failed, "" when all is well.
        summary, findings: of the last judgement.
    """

    watched: Watched
    run: int
    state: str = RUNNING
    writer: str = "unknown"
    adopted: bool = False
    changed: bool = True
    undrawn: bool = True
    due: bool = True
    waits: int = 0
    told: bool = False
    ending: bool = False
    step: int = 0
    judged_at: float = float("-inf")
    drawn_at: float = float("-inf")
    retry_at: float = float("-inf")
    judge_s: float = 0.0
    cost_s: float = 0.0
    trouble: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)
    findings: Sequence[Mapping[str, Any]] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing more is expected."""
        return self.state in OVER or self.state == REPLACED


class Judge:
    """Chooses the next job, keeps what comes of it, and knows every run's state.

    Attributes:
        cases: by run.
        hurries: whether there is little time left: urgent things wait for nothing.
        behind: how many pictures the last schedule left undrawn.
    """

    def __init__(
        self,
        store: Database,
        worker: Does,
        clock: Clock,
        *,
        out: Path,
        every: int,
        settings: rules.Settings,
        lang: str,
        tell: Tells,
    ) -> None:
        self._store = store
        self._worker = worker
        self._clock = clock
        self._out = out
        self._every = every
        self._settings = settings
        self._lang = lang
        self._tell = tell
        self._started = self._counted_at = clock.uptime()
        self._budget = _SAVED_S
        self._job: tuple[Case, Job] | None = None
        self._open: dict[int, None] = {}
        self.cases: dict[int, Case] = {}
        self.hurries = False
        self.behind = 0

    @property
    def trouble(self) -> str:
        """Why something could not be done, "" while all is well."""
        return next((c.trouble for c in self.cases.values() if c.trouble), "")

    def take_up(self, logs: Iterable[Watched]) -> None:
        """Takes up where the store left off."""
        rows = {row.id: row for row in self._store.current_runs()}
        for watched in logs:
            if watched.log.run in rows:
                self._add(watched, rows[watched.log.run])

    def grew(self, changed: Iterable[Watched]) -> None:
        """Notes that logs changed."""
        for watched in changed:
            run = watched.log.run
            if run is None:
                continue
            case = self.cases.get(run)
            if case is None:
                self._retire(watched)
                case = self._add(watched, self._store.run(run))
            case.changed = case.undrawn = True
            if case.adopted and watched.is_fresh(self._clock.now()):
                case.adopted = False
            self._open[run] = None

    def schedule(self) -> None:
        """The time for pictures has come: of those that changed."""
        for case in self.cases.values():
            if case.undrawn:
                case.due = True
                case.waits += 1
                self._open[case.run] = None
        self.behind = sum(case.waits > 1 for case in self.cases.values())

    def next(self) -> None:
        """Begins the job that is due most, where one is."""
        now = self._clock.uptime()
        self._budget += _SHARE * (now - self._counted_at)
        self._budget = min(self._budget, _SAVED_S)
        self._counted_at = now
        while self._open and self._job is None and not self._worker.busy:
            ready = [c for c in map(self.cases.get, self._open) if c is not None]
            ready = [c for c in ready if self._is_ready(c, now)]
            if not ready:
                return
            self._begin(min(ready, key=self._rank))

    def finish(self, result: Result) -> None:
        """Keeps what came of a job.

        Raises:
            StorageUnavailableError: it cannot be kept now; it will be judged again.
        """
        assert self._job is not None
        (case, job), self._job = self._job, None
        self._budget -= result.cost_s + _KEEPING_S
        case.judged_at = self._clock.uptime()
        case.judge_s, case.cost_s = result.judge_s, result.cost_s
        if result.trouble and not case.trouble and self._is_new(result.trouble):
            LOGGER.error("%s", result.trouble)
        case.trouble = result.trouble
        if job.folder:
            case.drawn_at = case.judged_at
            case.due = case.due or bool(result.trouble)
            case.undrawn = case.undrawn or bool(result.trouble)
            case.ending = case.ending or (job.final and bool(result.trouble))
            case.step = job.step if job.step is not None else case.step
        if result.trouble:
            case.retry_at = case.judged_at + _AFTER_TROUBLE_S
            self._open[case.run] = None
        if not result.bytes and result.trouble:
            return
        case.summary, case.findings = result.summary, result.findings
        self._keep(case, job, result)
        self._refresh(case)
        self._drop(case)

    def _drop(self, case: Case) -> None:
        """Forgets a run that another replaced, when nothing of it is due any more."""
        if case.state == REPLACED and not case.due and not case.ending:
            self.cases.pop(case.run, None)
            self._open.pop(case.run, None)

    def _is_new(self, trouble: str) -> bool:
        """Whether no other run has the same trouble: a full disk troubles all."""
        reasons = {c.trouble.partition(": ")[2] for c in self.cases.values()}
        return trouble.partition(": ")[2] not in reasons

    def refresh(self, writers: Callable[[Watched], str]) -> None:
        """Finds out how every run is that is not over."""
        for case in list(self.cases.values()):
            if case.is_over and not case.changed:
                if not case.told:
                    self._inform(case)  # the last word may have been lost
                continue
            case.writer = writers(case.watched)
            self._refresh(case)

    def silence_s(self, watched: Watched) -> float:
        """Seconds since a log grew, as far as that is known."""
        if watched.grown_at is not None:
            return self._clock.uptime() - watched.grown_at
        cursor = watched.log.cursor
        since_start = self._clock.uptime() - self._started
        if cursor is None or not cursor.mtime_ns:
            return since_start
        # A time of change in the future says nothing.
        return max(since_start, self._clock.now() - cursor.mtime_ns / 1e9)

    def remember(self) -> None:
        """Keeps the beat of the logs, which a restart would forget."""
        known = {row.id: row.state for row in self._store.runs()}
        with self._store.transaction():
            for run, case in self.cases.items():
                if case.watched.gaps and not case.is_over:
                    self._store.set(run, state=known[run] | self._state(case))

    def _add(self, watched: Watched, row: Row) -> Case:
        case = Case(watched, row.id, adopted=row.adopted)
        kept, diagnosis = row.state, row.diagnosis or {}
        case.state = kept.get("state", RUNNING)
        # What was there before anybody looked gets no dated pictures.
        case.step = kept.get("step") or row.latest.get("step") or 0
        case.changed = diagnosis.get("bytes") != row.bytes
        case.undrawn = case.due = kept.get("drawn") != row.bytes
        case.ending = bool(kept.get("ending"))
        case.summary = diagnosis.get("summary", {})
        case.findings = diagnosis.get("findings", [])
        if not watched.gaps:
            watched.gaps.extend(kept.get("gaps", []))
        self.cases[row.id] = case
        if case.changed or case.undrawn or case.ending:
            self._open[row.id] = None
        return case

    def _retire(self, watched: Watched) -> None:
        """Ends the runs whose path another took; their last picture is due."""
        for case in list(self.cases.values()):
            if case.watched is watched and case.state != REPLACED:
                case.ending = not case.is_over and not case.adopted
                case.due = case.undrawn
                case.state = REPLACED
                self._open[case.run] = None
                self._drop(case)

    def _is_ready(self, case: Case, now: float) -> bool:
        waited = now - case.judged_at
        if now < case.retry_at or waited < _LEAST_S:
            return False
        pause = max(_LEAST_S, _PAUSES * case.judge_s)
        if case.ending or (self._is_urgent(case) and (self.hurries or waited >= pause)):
            return True
        if self._wants_picture(case):
            return self._may_draw(case, now)
        if not case.changed:
            self._open.pop(case.run, None)
            return False
        return self._budget > 0 and waited >= max(_CALM_S, 2 * pause)

    def _is_urgent(self, case: Case) -> bool:
        """Whether something may have to be told; the first bad loss, not each."""
        log = case.watched.log
        return log.news or (log.alarm and not case.summary.get("nonfinite"))

    def _wants_picture(self, case: Case) -> bool:
        return case.due or self._crossed(case) is not None

    def _may_draw(self, case: Case, now: float) -> bool:
        return now - case.drawn_at >= max(_LEAST_S, _PAUSES * case.cost_s)

    def is_pressed(self) -> bool:
        """Whether something that must be told or written last is not done yet."""
        cases = [c for c in map(self.cases.get, self._open) if c is not None]
        now = self._clock.uptime()
        pressing = (c.ending or self._is_urgent(c) for c in cases if now >= c.retry_at)
        return self._job is not None or any(pressing)

    def _rank(self, case: Case) -> tuple[bool, bool, bool, float, float]:
        log = case.watched.log
        changed_at = log.cursor.mtime_ns if log.cursor is not None else 0
        return (
            not log.alarm,
            not (case.ending or log.news),
            not self._wants_picture(case),
            case.judged_at,
            -changed_at,
        )

    def _crossed(self, case: Case) -> int | None:
        """The round step that a dated picture is due for, None where none is."""
        last = case.watched.log.step
        if last is None or case.adopted or case.state == REPLACED or not self._every:
            return None
        case.step = min(case.step, last)  # the training began again
        at = last // self._every * self._every
        return at if at > case.step else None

    def _begin(self, case: Case) -> None:
        row = self._store.run(case.run)
        log = case.watched.log
        may = case.ending or self._may_draw(case, self._clock.uptime())
        step = self._crossed(case) if may else None
        draw = may and (case.due or case.ending or step is not None)
        job = Job(
            run=case.run,
            name=row.name,
            path=str(Path(row.root) / row.path),
            changed_at=log.cursor.mtime_ns / 1e9 if log.cursor else None,
            ended=case.is_over,
            folder=str(self._out / file_name(row.name)) if draw else "",
            step=step,
            final=case.ending,
            stamp=stamp(self._clock.now()),
        )
        case.changed = log.alarm = log.news = False
        if draw:
            case.due = case.undrawn = case.ending = False
            case.waits = 0
        self._open.pop(case.run, None)
        self._job = case, job
        self._worker.start(job)

    def _keep(self, case: Case, job: Job, result: Result) -> None:
        diagnosis = {
            "bytes": result.bytes,
            "lines": result.lines,
            "metrics": result.metrics,
            "headline": result.headline,
            "summary": dict(result.summary),
            "findings": [dict(finding) for finding in result.findings],
        }
        row = self._store.run(case.run)
        drawn = job.folder and not result.trouble
        state = self._state(case) | {
            "drawn": result.bytes if drawn else row.state.get("drawn"),
            "made": dict(result.made) or row.state.get("made", {}),
        }
        with self._store.transaction():
            self._store.set(case.run, diagnosis=diagnosis, state=state)

    def _refresh(self, case: Case) -> None:
        """Finds a run's state, and tells what it means."""
        if case.state != REPLACED and case.summary:
            before, case.state = case.state, state(self._signs(case))
            if before != case.state:
                self._turn(case, before)
        self._inform(case)

    def _inform(self, case: Case) -> None:
        """Tells what is found of a run."""
        row = self._store.run(case.run)
        found = self.findings(case)
        self._tell(row, found, fresh=not case.adopted, going=not case.is_over)
        case.told = True

    def _turn(self, case: Case, before: str) -> None:
        """Notes a change of state."""
        if not case.adopted and {before, case.state} != {RUNNING, QUIET}:
            step = case.summary.get("last_step")
            where = "" if step is None else f" at step {step:,}"
            LOGGER.info(
                "%s: %s%s (was %s)", case.watched.log.name, case.state, where, before
            )
        if case.is_over and not case.adopted:
            case.ending = case.due = True
            self._open[case.run] = None
        with self._store.transaction():
            row = self._store.run(case.run)
            self._store.set(case.run, state=row.state | self._state(case))

    def findings(self, case: Case) -> list[Mapping[str, Any]]:
        """What is found of a run, with what only its life tells."""
        found = [
            finding
            for finding in case.findings
            if finding["rule"] not in _ENDS
            or finding["cleared_step"] is not None
            or case.is_over
        ]
        step = case.summary.get("last_step") or 0
        extra: Finding | None = None
        if case.state == STALLED:
            silent = self.silence_s(case.watched)
            gaps = list(case.watched.gaps)
            extra = stalled(gaps, silent, step, self._settings.stalled)
        elif case.state == STOPPED and self._is_unexplained(case):
            extra = Finding("crashed", "critical", step, evidence={"outcome": "gone"})
        return found if extra is None else [*found, as_dict(extra, self._lang)]

    def _is_unexplained(self, case: Case) -> bool:
        """Whether a run that means to go on further lost its process."""
        return (
            case.writer == "gone"
            and case.summary.get("outcome") is None
            and bool(case.summary.get("max_steps"))
        )

    def _signs(self, case: Case) -> Signs:
        gaps = list(case.watched.gaps)
        return Signs(
            outcome=case.summary.get("outcome"),
            writer=case.writer,
            silent_s=self.silence_s(case.watched),
            wait_s=timeout_s(gaps, self._settings.stalled),
            usual_s=median(gaps) if gaps else 1.0,
            last_step=case.summary.get("last_step"),
            max_steps=case.summary.get("max_steps"),
        )

    def _state(self, case: Case) -> dict[str, Any]:
        gaps = [round(gap, 3) for gap in case.watched.gaps]
        return {
            "state": case.state,
            "writer": case.writer,
            "step": case.step,
            "ending": case.ending,
            "gaps": gaps,
        }
