"""Which run is analysed or plotted next, and which has to wait."""

from typing import Final

from watcher.daemon.run_state import RunState
from watcher.daemon.state_names import REPLACED
from watcher.daemon.token_bucket import TokenBucket


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


class Priority:
    """Throttles and ranks runs.

    `every`: iterations between dated plots; 0 for none.  `keep`: how many are kept.

    Attributes:
        draining: whether the daemon shuts down: what is urgent skips the throttle.
    """

    def __init__(self, now: float, *, every: int, keep: int) -> None:
        self._every = every
        self._keep = keep
        self._cpu = TokenBucket.full(rate=_CPU_RATE, burst=_CPU_BURST_S, now=now)
        self.draining = False

    def refill(self, now: float) -> None:
        """Time passed: more may be done."""
        self._cpu.refill(now)

    def took(self, cost_s: float) -> None:
        """A job took so much CPU time."""
        self._cpu.take(cost_s + _STORING_S)

    @property
    def filled_at(self) -> float:
        """From when on runs that wait for CPU time may be analysed."""
        return self._cpu.filled_at

    def waits_for_cpu(self, run: RunState) -> bool:
        """Whether only CPU time that is left over is spent on a run."""
        asked_for = run.ending or run.is_urgent or run.is_background
        return not asked_for and not self._wants_plot(run)

    def ready_at(self, run: RunState) -> float:
        """From when on a run that is not done may be analysed or plotted, else."""
        first = max(run.retry_at, run.analysed_at + _MIN_PAUSE_S)
        if run.ending or (run.is_urgent and self.draining):
            return first
        pause = max(_MIN_PAUSE_S, _THROTTLE * run.analysis_s)
        times = []
        if run.is_urgent:
            times.append(run.analysed_at + pause)
        if self._wants_plot(run):
            times.append(self._drawable_at(run))
        elif run.changed and run.is_background:
            times.append(run.analysed_at + _DEBOUNCE_S)
        elif run.changed:
            times.append(run.analysed_at + max(_DEBOUNCE_S, 2 * pause))
        return max(first, min(times, default=float("inf")))

    def is_done(self, run: RunState) -> bool:
        """Whether there is nothing to do for a run, now or later."""
        return not (run.changed or run.ending or run.is_urgent or self._wants_plot(run))

    def may_draw(self, run: RunState, now: float) -> bool:
        """Whether its last plot is long enough ago for what it took."""
        return now >= self._drawable_at(run)

    def rank(self, run: RunState) -> tuple[bool, bool, bool, float, float]:
        """Sorts the most urgent run first."""
        tail = run.tail
        return (
            not tail.nonfinite_pending,
            not (run.ending or tail.eval_pending),
            not self._wants_plot(run),
            run.analysed_at,
            -run.modified_ns,
        )

    def crossed(self, run: RunState) -> list[int]:
        """The round steps that dated plots are due for, as many as are kept."""
        last = run.tail.last_step
        if last is None or run.adopted or run.state == REPLACED or not self._every:
            return []
        run.drawn_step = min(run.drawn_step, last)  # the steps went back
        first = run.drawn_step // self._every + 1
        steps = range(first * self._every, last + 1, self._every)
        return list(steps[-self._keep :])

    def _drawable_at(self, run: RunState) -> float:
        return run.drawn_at + max(_MIN_PAUSE_S, _THROTTLE * run.cost_s)

    def _wants_plot(self, run: RunState) -> bool:
        return run.due or bool(self.crossed(run))
