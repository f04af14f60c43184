"""The state of a run: running, quiet, stalled, finished, crashed, stopped or replaced.

This is the one place that decides it: from how the log says that it ended, how long it
has been silent, and whether a process has it open for writing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from watcher.analysis.finding import Finding
from watcher.analysis.rules.settings import Stalled
from watcher.analysis.rules.stalled import stalled, timeout_s
from watcher.daemon.state_names import (
    CRASHED,
    FINISHED,
    OVER,
    QUIET,
    REPLACED,
    RUNNING,
    STALLED,
    STOPPED,
)
from watcher.ingest.tail import Tail
from watcher.storage.rows import Row


_FAILURES: Final = frozenset({"crashed", "out of memory", "killed"})
# Rules whose findings hold only for a run that is over.
_END_RULES: Final = frozenset({"crashed", "finished"})
# A process that just ended may be restarting: nothing is concluded for this long.
_RESTART_S: Final = 20.0
# Without knowing who writes, a run that was silent for this long has stopped.
_ABANDONED_S: Final = 86_400.0
# This many median gaps are shown as "quiet" (probably an evaluation), not alerted.
_QUIET_GAPS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Signs:
    """What a run's state is decided from.

    Attributes:
        outcome: how the log says that it ended, as in `Summary.outcome`.
        writer: "alive", "gone" or "unknown".
        silent_s: seconds without new bytes, up to the last look that read to the end.
        timeout_s: seconds of silence after which it is stalled.
        usual_s: the median gap between lines.
        last_step, max_steps: where it is, and where it is planned to end.
        complete: whether all bytes were read after the writer was looked for, and
            analysed.
        before: its state so far.
    """

    outcome: str | None
    writer: str
    silent_s: float
    timeout_s: float
    usual_s: float
    last_step: int | None
    max_steps: int | None
    complete: bool = True
    before: str = RUNNING

    def wait_s(self) -> float:
        """Seconds after which silence alone may make the state another."""
        quiet_s = _QUIET_GAPS * max(self.usual_s, 1.0)
        limits = (quiet_s, self.timeout_s, _RESTART_S, _ABANDONED_S)
        left = [limit - self.silent_s for limit in limits]
        return min([wait for wait in left if wait >= 0], default=_ABANDONED_S)


def decide(signs: Signs) -> str:
    """The run's state; in doubt the less severe one.

    A process that is alive is never called crashed: a traceback may have been caught.
    Nothing ends while bytes are unread: they may say how it ended.
    """
    if signs.before == REPLACED or (signs.before in OVER and not signs.complete):
        return signs.before
    end = _end(signs) if signs.complete else None
    if end is not None:
        return end
    if signs.silent_s > signs.timeout_s:
        return STALLED
    quiet_s = _QUIET_GAPS * max(signs.usual_s, 1.0)
    return QUIET if signs.silent_s > quiet_s else RUNNING


def _end(signs: Signs) -> str | None:
    """How the run ended, None while it goes on."""
    if signs.writer == "alive":
        done = signs.outcome == "finished" and signs.silent_s >= _RESTART_S
        return FINISHED if done else None  # its process does something else by now
    if signs.outcome in _FAILURES:
        return CRASHED
    if signs.outcome == "finished" or _is_at_last_step(signs):
        return FINISHED
    wait_s = _RESTART_S if signs.writer == "gone" else _ABANDONED_S
    stopped = signs.outcome is not None or signs.silent_s >= wait_s
    return STOPPED if stopped else None


def _is_at_last_step(signs: Signs) -> bool:
    """Whether the last planned step was reached; steps count from 0 or from 1."""
    if signs.last_step is None or not signs.max_steps:
        return False
    if signs.writer == "unknown" and signs.silent_s < _RESTART_S:
        return False
    return signs.last_step >= signs.max_steps - 1


@dataclass(slots=True, eq=False)
class RunState:
    """What the daemon knows of a run, and what is due.  Times are uptimes.

    Attributes:
        tail: its log.  After a replacement that holds the next run.
        run: in the database.
        state: as decided above.
        writer, writer_at: whether its log is being written, and when that was asked:
            infinity before it was.
        adopted: whether it had ended when it was found.
        changed: whether it grew since it was last analysed.
        undrawn: whether it grew since its plot was drawn.
        due: whether a plot is wanted now.
        missed_draws: scheduled draws since it became due.
        notified: whether its findings were passed on since the daemon started.
        ending: whether it ended, and its dated files are not written yet.
        resumed: whether it grew lately, after it was over.
        drawn_step: of the last dated plot.
        check_at: when its state may be another, though nothing happened.
        saved_at: when its log had last grown when its gaps were stored.
        analysed_at, drawn_at: of the last job.
        retry_at: not before this, after an error.
        analysis_s, cost_s: CPU time of the last job's analysis, and in all.
        error: why that failed, "" when all is well.
        row: of the database, without what is large; None where it has to be read.
        pauses: the gaps' number and last one, the timeout and the median that follow.
        summary, findings: of the last analysis.
    """

    tail: Tail
    run: int
    state: str = RUNNING
    writer: str = "unknown"
    writer_at: float = float("inf")
    adopted: bool = False
    changed: bool = True
    undrawn: bool = True
    due: bool = True
    missed_draws: int = 0
    notified: bool = False
    ending: bool = False
    resumed: bool = False
    drawn_step: int = 0
    check_at: float = float("-inf")
    saved_at: float | None = None
    analysed_at: float = float("-inf")
    drawn_at: float = float("-inf")
    retry_at: float = float("-inf")
    analysis_s: float = 0.0
    cost_s: float = 0.0
    error: str = ""
    row: Row | None = None
    pauses: tuple[int, float, float, float] = (-1, 0.0, 0.0, 0.0)
    summary: Mapping[str, Any] = field(default_factory=dict)
    findings: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def restore(cls, tail: Tail, row: Row) -> "RunState":
        """A run as the database knows it."""
        saved, diagnosis = row.state, row.diagnosis or {}
        undrawn = saved.get("drawn") != row.bytes
        if not tail.gaps:
            tail.gaps.extend(saved.get("gaps", []))
        return cls(
            tail,
            row.id,
            state=saved.get("state", RUNNING),
            adopted=row.adopted,
            changed=diagnosis.get("bytes") != row.bytes,
            undrawn=undrawn,
            due=undrawn,
            ending=bool(saved.get("ending")),
            # What was there before it was watched gets no dated plots.
            drawn_step=saved.get("step") or row.latest.get("step") or 0,
            summary=diagnosis.get("summary", {}),
            findings=diagnosis.get("findings", []),
        )

    def saved(self) -> dict[str, Any]:
        """What a restart must know, of plain JSON types."""
        return {
            "state": self.state,
            "writer": self.writer,
            "step": self.drawn_step,
            "ending": self.ending,
            "gaps": [round(gap, 3) for gap in self.tail.gaps],
        }

    @property
    def is_over(self) -> bool:
        """Whether nothing more is expected."""
        return self.state in OVER

    @property
    def is_background(self) -> bool:
        """Whether nobody waits for it: it had ended before, and all cores may work."""
        waited_for = self.ending or self.resumed
        return (self.adopted or self.is_over) and not waited_for

    @property
    def modified_ns(self) -> int:
        """When its log was modified, since 1970."""
        return self.tail.cursor.mtime_ns if self.tail.cursor is not None else 0

    @property
    def is_urgent(self) -> bool:
        """Whether it bypasses the debounce: the first bad loss does, not each."""
        tail = self.tail
        return tail.eval_pending or (
            tail.nonfinite_pending and not self.summary.get("nonfinite")
        )

    @property
    def is_complete(self) -> bool:
        """Whether what is known of it stands on all bytes its writer left."""
        tail = self.tail
        seen = tail.read_at is not None and tail.read_at >= self.writer_at
        return (seen or tail.is_closed) and tail.is_at_end and not self.changed

    def silence_s(self, now: float, wall: float, started: float) -> float:
        """Seconds without new bytes, up to the last look that read to the end.

        `now`, `started`: uptimes, now and of the daemon's start; `wall`: the time.
        """
        tail = self.tail
        seen_at = now if tail.is_closed else tail.read_at
        if seen_at is None:
            return 0.0
        if tail.grown_at is not None:
            return max(0.0, seen_at - tail.grown_at)
        if tail.cursor is None or not tail.cursor.mtime_ns:
            return seen_at - started
        # An mtime in the future says nothing.
        age = wall - tail.cursor.mtime_ns / 1e9
        return max(seen_at - started, age - (now - seen_at))

    def signs(self, silent_s: float, settings: Stalled) -> Signs:
        """What its state is decided from now."""
        timeout, usual = self._usual(settings)
        return Signs(
            outcome=self.summary.get("outcome"),
            writer=self.writer,
            silent_s=silent_s,
            timeout_s=timeout,
            usual_s=usual,
            last_step=self.summary.get("last_step"),
            max_steps=self.summary.get("max_steps"),
            complete=self.is_complete,
            before=self.state,
        )

    def _usual(self, settings: Stalled) -> tuple[float, float]:
        """Silence after which it is stalled, and the median pause of its log."""
        gaps = self.tail.gaps
        seen = len(gaps), gaps[-1] if gaps else 0.0
        if self.pauses[:2] != seen:
            usual = median(gaps) if gaps else 1.0
            self.pauses = (*seen, timeout_s(list(gaps), settings), usual)
        return self.pauses[2:]

    def confirmed(self) -> list[Mapping[str, Any]]:
        """Findings of the analysis, without an end that its process has survived."""
        return [
            finding
            for finding in self.findings
            if finding["rule"] not in _END_RULES
            or finding["cleared_step"] is not None
            or self.is_over
        ]

    def finding(self, silent_s: float, settings: Stalled) -> Finding | None:
        """What its state adds to them: a stall, or an end without an error message."""
        step = self.summary.get("last_step") or 0
        if self.state == STALLED:
            if self.changed and not self.error:
                return None  # lines are not analysed yet: its step would be wrong
            return stalled(list(self.tail.gaps), silent_s, step, settings)
        unexplained = (
            self.state == STOPPED
            and self.writer == "gone"
            and self.summary.get("outcome") is None
            and bool(self.summary.get("max_steps"))
        )
        if unexplained:
            return Finding("crashed", "critical", step, evidence={"outcome": "gone"})
        return None
