"""The figures of a run that grows: losses, typical times, costs, how it ended."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from parsers import metrics
from parsers.batch import Floats
from watcher.analysis.blocks import Blocks
from watcher.analysis.distribution import Distribution
from watcher.analysis.finding import Finding
from watcher.analysis.model import Clock, Curve, Measured, Summary, ValidationSet
from watcher.analysis.outcome import Outcome, OutcomeState
from watcher.analysis.rules.cost import Costs, times_are_means
from watcher.analysis.times import Times


_MS: Final = 1000.0
# The user's rule of thumb: a validation loss of more than twice the training loss.
_SUSPICIOUS_RATIO: Final = 2.0
# Fewer evaluations do not show a minimum.
_MIN_EVALUATIONS: Final = 4
# The slope of the training loss shows between the last two tenths of the run, a slow
# one between the last two quarters.
_TENTH: Final = 10
_QUARTER: Final = 4
_MIN_RECORDS: Final = 5
_BLOCKS: Final = 512
# Standard errors: a rise, which runs seldom have, needs more.
_FALL: Final = -2.0
_RISE: Final = 3.0


class Figures:
    """Figures of the records so far.

    Attributes:
        times: of iterations.
        records: of the training loss, or else of validation.
    """

    def __init__(self) -> None:
        self.times = Times()
        self._outcome = OutcomeState()
        self.records = 0
        self._first_step: int | None = None
        self._losses = _Losses()
        self._validation = _Validation()
        self._sets: dict[str, _Validation] = {}
        self._costs = Costs()
        self._rates = _Rates()
        self._clock_steps: int | None = None  # as the log's own clock counts them
        self._clock_first: tuple[int, float] | None = None  # its first step and ms
        self._clock_last = 0
        self._bad = 0
        self._first_bad: int | None = None
        self._checkpoints = 0
        self._saved: int | None = None

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        self._outcome.update(new)
        main = new.val if new.train is None else new.train
        if main is not None and len(main):
            if self._first_step is None:
                self._first_step = int(main.steps[0])
            self.records += len(main)
            self._note_bad(main)
        losses = new.curves.get("train_loss") if new.train is None else new.train
        self._losses.update(losses)
        if new.val is not None and new.val_train is not None:
            self._validation.update(new.val, new.val_train)
        for val, beside in new.other_sets:
            self._sets.setdefault(val.metric, _Validation()).update(val, beside)
        self.times.update(new)
        self._costs.ms.add(self._costs.add(new)[1])
        self._rates.update(new)
        clock = new.curves.get("train_time_ms")
        if clock is not None and len(clock):
            self._count_clocked(clock)
        saved = [m for m in new.milestones if m.kind == "checkpoint"]
        self._checkpoints += len(saved)
        self._saved = saved[-1].step if saved else self._saved

    def summary(
        self, run: Measured, findings: Sequence[Finding], spent: Clock
    ) -> Summary:
        """Every figure that the log states, None for the others, and the verdict.

        `run`: what the log states by now; `spent`: time until its end.
        """
        end = self._outcome.outcome(run.info)
        planned = run.info.get("max_iters")
        val = self._validation.figures(comparable=run.comparable)
        return Summary(
            records=self.records,
            first_step=self._first_step,
            last_step=self._outcome.last_step,
            max_steps=planned if isinstance(planned, int) and not run.table else None,
            verdict=None if run.table or run.adversarial else _verdict(findings, val),
            outcome=end.name,
            outcome_text=end.text,
            nonfinite=self._bad,
            first_nonfinite_step=self._first_bad,
            checkpoints=self._checkpoints,
            last_checkpoint_step=self._saved,
            **self._losses.figures(),
            slope=None if run.adversarial else self._losses.slope(),
            **val,
            **self._times(run, end, spent, findings),
            validation_sets=self._validation_sets(run),
            times_seen=run.seen,
        )

    def levels(self) -> Curve:
        """The mean training loss of some hundred parts of the run, by line."""
        return self._losses.levels()

    def _count_clocked(self, clock: Curve) -> None:
        """Counts the steps that the clock passed, those trained again, too."""
        if self._clock_first is None:
            self._clock_first = int(clock.steps[0]), float(clock.values[0])
            self._clock_steps = self._clock_last = int(clock.steps[0])
        passed = np.diff(clock.steps, prepend=self._clock_last)
        self._clock_steps = (self._clock_steps or 0) + int(passed[passed > 0].sum())
        self._clock_last = int(clock.steps[-1])

    def _validation_sets(self, run: Measured) -> tuple[ValidationSet, ...]:
        """Where the log has several, the figures of each."""
        if run.val is None or not self._sets:
            return ()
        every = {run.val.metric: self._validation, **self._sets}
        found = (one.of_set(metric) for metric, one in every.items())
        return tuple(one for one in found if one is not None)

    def _note_bad(self, main: Curve) -> None:
        """Counts the losses that are not finite, validation without a training loss."""
        bad = np.flatnonzero(~np.isfinite(main.values))
        if len(bad) and self._first_bad is None:
            self._first_bad = int(main.steps[bad[0]])
        self._bad += len(bad)

    def _times(
        self, run: Measured, end: Outcome, spent: Clock, findings: Sequence[Finding]
    ) -> dict[str, Any]:
        every = self._validation.every()
        found: dict[str, Any] = {
            "eval_every": every,
            "tokens_per_step": _tokens_per_step(run),
            "mean_mfu": self._rates.mean_mfu(),
            "typical_mfu": self._rates.typical_mfu(run, self.times),
            "tokens_per_s": self._rates.tokens.median(),
            "rate": self._rates.throughput.median(),
            "pauses": self.times.pauses,
            "slow_ms": self.times.slow_ms,
        }
        found |= self._total(spent)
        typical = self.times.typical_ms
        if typical is None:
            return found
        found["typical_ms"] = typical
        tokens = found["tokens_per_step"]
        if found["tokens_per_s"] is None and tokens:
            found["tokens_per_s"] = tokens / typical * _MS
        pause_ms, cost = 0.0, self._eval_ms(run, typical)
        if cost is not None and every:
            pause_ms = cost / every
            found["eval_ms"] = cost
            found["eval_share"] = pause_ms / (typical + pause_ms)
        found["eta_s"] = self._eta(run, end, _pace_ms(findings, typical) + pause_ms)
        return found

    def _total(self, spent: Clock) -> dict[str, Any]:
        """Time in all, and its mean over all steps."""
        usual, steps = self.times.usual_ms, self._clocked() or self.times.steps
        if not self.records or (self._clock_steps is None and math.isnan(usual)):
            return {}
        total = float(spent.seconds(0.0 if math.isnan(usual) else usual)[0])
        total += self._rates.stated_ms / _MS
        return {"training_s": total, "mean_ms": total * _MS / steps if steps else None}

    def _clocked(self) -> int | None:
        """Steps that the log's clock covers: of a resumed run not those before."""
        usual, last = self.times.usual_ms, self._clock_steps
        if last is None or self._clock_first is None or not usual > 0:
            return last
        step, ms = self._clock_first
        if ms >= step * usual / 2:
            return last
        return last - step + max(1, round(ms / usual))

    def _eval_ms(self, run: Measured, typical: float) -> float | None:
        """What one evaluation takes: the median of all."""
        cost = self._costs.ms.median()
        if cost is not None:
            # Within the noise of iterations it is unknown, not negative.
            return cost if cost > 0 else None
        if run.time is None or times_are_means(run):
            return None
        pause = self.times.pause_ms
        return None if pause is None or pause <= typical else pause - typical

    def _eta(self, run: Measured, end: Outcome, ms: float) -> float | None:
        planned, last = run.info.get("max_iters"), self._outcome.last_step
        if not isinstance(planned, int) or last is None or end.name:
            return None
        return max(0, planned - last) * ms / _MS


class _Losses:
    """Training losses that no restart superseded."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._last = self._best = 0.0
        self._blocks = Blocks(_BLOCKS)

    def update(self, curve: Curve | None) -> None:
        """Takes in new losses."""
        if curve is None:
            return
        kept = np.isfinite(curve.values) & curve.current
        values = curve.values[kept]
        if not len(values):
            return
        low = float(values.min())
        if self._first is None:
            self._first, self._best = float(values[0]), low
        self._last, self._best = float(values[-1]), min(self._best, low)
        for _ in self._blocks.add(curve.lines[kept], values):
            pass

    def figures(self) -> dict[str, Any]:
        """First, last and best."""
        first, last = self._first, self._last
        if first is None:
            return {}
        return {
            "first_loss": first,
            "final_loss": last,
            "improvement": first / last if first > 0 and last > 0 else None,
            "best_loss": self._best,
        }

    def levels(self) -> Curve:
        """The mean of each block at its first line."""
        n = len(self._blocks)
        lines = np.array([self._blocks.first_step(i) for i in range(n)], dtype=np.int64)
        means = self._blocks.sums(n)[:, 0] / self._blocks.size
        return Curve("loss", "", lines, means, lines, np.ones(n, dtype=bool))

    def slope(self) -> str | None:
        """Whether the loss falls or rises at the end, beyond noise."""
        if len(self._blocks) < 2 * _MIN_RECORDS:
            return None
        late, slow = (self._difference(parts) for parts in (_TENTH, _QUARTER))
        if slow > _RISE and late > _FALL:
            return "rising"
        return "falling" if min(late, slow) < _FALL else "flat"

    def _difference(self, parts: int) -> float:
        """Mean of the last part minus that of the part before, in standard errors."""
        count = max(_MIN_RECORDS, len(self._blocks) // parts)
        n = count * self._blocks.size
        sums = self._blocks.sums(2 * count).reshape(2, count, 2).sum(axis=1) / n
        (before, squares_before), (now, squares_now) = sums.tolist()
        variance = squares_now - now * now + squares_before - before * before
        error = math.sqrt(max(variance, 0.0) / n)
        change = float(now - before)
        if error == 0:
            return math.copysign(math.inf, change) if change else 0.0
        return change / error


class _Validation:
    """Evaluations: the first, the last and the best that no restart superseded."""

    def __init__(self) -> None:
        self._evaluations = self._usable = self._best_at = 0
        self._first = self._last = self._low = math.nan
        self._step = self._best_step = 0
        self._train = math.nan
        self._gaps = Distribution()
        self._evaluated: int | None = None

    def update(self, val: Curve, beside: Floats) -> None:
        """Takes in new evaluations, with the training loss at each."""
        if not len(val):
            return
        before = val.steps[0] if self._evaluated is None else self._evaluated
        gaps = np.diff(val.steps, prepend=before)
        self._gaps.add(gaps[gaps > 0].astype(np.float64))
        self._evaluated = int(val.steps[-1])
        self._evaluations += len(val)
        usable = np.flatnonzero(np.isfinite(val.values) & val.current)
        if not len(usable):
            return
        values = val.values[usable]
        best = int(values.argmin())
        if not self._usable:
            self._first = float(values[0])
        if not self._usable or values[best] < self._low:
            self._low, self._best_at = float(values[best]), self._usable + best
            self._best_step = int(val.steps[usable[best]])
        self._usable += len(usable)
        self._last, self._step = float(values[-1]), int(val.steps[usable[-1]])
        self._train = float(beside[usable[-1]])

    def of_set(self, metric: str) -> ValidationSet | None:
        """The figures as those of one of several sets, None without any."""
        if not self._usable:
            return None
        return ValidationSet(
            metrics.validation_set(metric) or metric,
            evaluations=self._usable,
            final_val=self._last,
            best_val=self._low,
            best_val_step=self._best_step,
        )

    def every(self) -> int | None:
        """Steps from one to the next, the median."""
        found = self._gaps.median()
        return None if found is None else int(found)

    def figures(self, *, comparable: bool) -> dict[str, Any]:
        """The figures of `Summary` on validation."""
        if not self._usable:
            return {"evaluations": self._evaluations} if self._evaluations else {}
        last, low, train = self._last, self._low, self._train
        known = comparable and math.isfinite(train)
        return {
            "evaluations": self._usable,
            "first_val": self._first,
            "final_val": last,
            "final_val_step": self._step,
            "train_at_final_val": train if math.isfinite(train) else None,
            "best_val": low,
            "best_val_step": self._best_step,
            "evaluations_since_best": self._usable - 1 - self._best_at,
            "rise": (last - low) / low if low > 0 else None,
            "ratio": last / train if known and train > 0 else None,
            "gap": last - train if known else None,
        }


class _Rates:
    """MFU, throughput, and times of evaluations, as the log states them.

    Attributes:
        tokens: tokens/s.  throughput: in the unit of the log.
        stated_ms: of all evaluations.
    """

    def __init__(self) -> None:
        self.tokens = Distribution()
        self.throughput = Distribution()
        self.stated_ms = 0.0
        self._mfu = Distribution()
        self._sum, self._count = 0.0, 0

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        self.tokens.add(_usable(new.curves.get("tokens_per_s")))
        if new.throughput is not None:
            self.throughput.add(new.throughput.values)
        mfu = _usable(new.curves.get("mfu"))
        mfu = mfu[mfu >= 0]
        self._mfu.add(mfu)
        self._sum = float(np.append(self._sum, mfu).cumsum()[-1])
        self._count += len(mfu)
        stated = _usable(new.curves.get("eval_ms"))
        self.stated_ms = float(np.append(self.stated_ms, stated).cumsum()[-1])

    def mean_mfu(self) -> float | None:
        """The mean in %, pauses included."""
        return self._sum / self._count if self._count else None

    def typical_mfu(self, run: Measured, times: Times) -> float | None:
        """MFU of a typical iteration in %."""
        typical, constant = times.typical_ms, times.mfu_ms
        if run.averaged_mfu and typical and constant is not None:
            return float(constant / typical)
        return self._mfu.median()


def _pace_ms(findings: Sequence[Finding], typical: float) -> float:
    """Time of an iteration from now on: that of a slowdown that is firing."""
    now = [
        f.evidence.get("now_ms")
        for f in findings
        if f.rule == "slowdown" and f.cleared_step is None
    ]
    return max([typical, *(ms for ms in now if isinstance(ms, float))])


def _usable(curve: Curve | None) -> Floats:
    if curve is None:
        return np.empty(0)
    return curve.values[np.isfinite(curve.values) & curve.current]


def _verdict(findings: Sequence[Finding], val: dict[str, Any]) -> str | None:
    """The verdict on overfitting from findings and ratio; None: too few evaluations."""
    if "final_val" not in val:
        return None
    firing = [f for f in findings if f.rule == "overfitting" and f.cleared_step is None]
    if any(f.confirmed_step is not None for f in firing):
        return "overfitting"
    ratio = val["ratio"]
    if firing or (ratio is not None and ratio > _SUSPICIOUS_RATIO):
        return "possible"
    return "none" if val["evaluations"] >= _MIN_EVALUATIONS else None


def _tokens_per_step(run: Measured) -> int | None:
    info = run.info
    stated = info.get("tokens_per_iter")
    if isinstance(stated, int):
        return stated
    batch, block = info.get("batch_size"), info.get("block_size")
    if not isinstance(batch, int) or not isinstance(block, int):
        return None
    if run.format not in {"nanogpt", "llama2c"}:
        return None  # elsewhere a batch may be one device's or all devices'
    accumulation = info.get("gradient_accumulation_steps", 1)
    return batch * block * (accumulation if isinstance(accumulation, int) else 1)
