"""The records of an analysis: curves, segments, figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints, Milestone
from watcher.analysis.finding import Finding


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One metric of a run, every point of the log, in the log's order.

    Attributes:
        metric: its name in `parsers.metrics`.
        unit: of the values.
        steps: int64, shape (n,); goes back where the run was restarted.
        values: float64, shape (n,); not finite where the log has NaN or inf.
        lines: line number of each point, rising, shape (n,).
        current: False where a later restart trained the same steps again.
    """

    metric: str
    unit: str
    steps: Ints
    values: Floats
    lines: Ints
    current: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.steps)

    def take(self, which: slice | NDArray[np.bool_] | Ints) -> "Curve":
        """Some of the points; those of a slice share the arrays."""
        return Curve(
            self.metric,
            self.unit,
            self.steps[which],
            self.values[which],
            self.lines[which],
            self.current[which],
        )


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of a run between two (re)starts.

    Attributes:
        first_step, last_step: of its records.
        first_line: where it begins in the log.
        reason: "start", "resumed" (goes on from a checkpoint) or "restarted"
            (a training from the beginning again).
    """

    first_step: int
    last_step: int
    first_line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """The figures of one of several validation sets, as those of `Summary`."""

    name: str
    evaluations: int
    final_val: float
    best_val: float
    best_val_step: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Every figure of the report; None where the log does not state it.

    Losses are in the unit that the log prints; times in ms; shares from 0 to 1.
    `first_loss`, `final_loss`: first and last finite per-iteration training loss;
    without one, the training loss at evaluations.  `improvement`: first / final.
    `typical_ms`: median iteration without pauses; `mean_ms`: total time over steps;
    `eval_ms`: what one evaluation costs beyond a typical iteration; `eval_share`:
    share of the time that evaluations take; `mean_mfu`, `typical_mfu` in %.
    `ratio`: last validation loss / training loss at it, None if units differ.
    `rise`: (last - best) / best of validation.  `eta_s`: seconds to `max_steps`.
    `outcome`: "finished", "crashed", "out of memory", "killed", "cancelled",
    "interrupted", or None where the log does not state how the run ended.
    `outcome_text`: the line that states it.  `verdict`: "overfitting", "possible",
    "none" or None (no validation).  `validation_sets`: where a log has several, each
    with its own best; `final_val` and the like are of the first.
    `pauses`: how many times hold more than an
    iteration; `slow_ms`: what one in twenty of the others exceeds; `rate`: median
    throughput, in the unit of the log.  `times_seen`: whether the log states no time,
    and all are those at which its lines were seen.  `slope`: where the training loss
    goes at the end: "falling", "rising", "flat" or None (too few records).
    """

    records: int = 0
    first_step: int | None = None
    last_step: int | None = None
    max_steps: int | None = None
    first_loss: float | None = None
    final_loss: float | None = None
    improvement: float | None = None
    best_loss: float | None = None
    first_val: float | None = None
    final_val: float | None = None
    final_val_step: int | None = None
    train_at_final_val: float | None = None
    best_val: float | None = None
    best_val_step: int | None = None
    evaluations: int = 0
    evaluations_since_best: int = 0
    rise: float | None = None
    ratio: float | None = None
    gap: float | None = None
    verdict: str | None = None
    typical_ms: float | None = None
    mean_ms: float | None = None
    eval_ms: float | None = None
    eval_every: int | None = None
    eval_share: float | None = None
    training_s: float | None = None
    typical_mfu: float | None = None
    mean_mfu: float | None = None
    tokens_per_s: float | None = None
    tokens_per_step: int | None = None
    eta_s: float | None = None
    nonfinite: int = 0
    first_nonfinite_step: int | None = None
    checkpoints: int = 0
    last_checkpoint_step: int | None = None
    outcome: str | None = None
    outcome_text: str | None = None
    validation_sets: tuple[ValidationSet, ...] = ()
    pauses: int = 0
    slow_ms: float | None = None
    rate: float | None = None
    slope: str | None = None
    times_seen: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Clock:
    """Time spent until some places of a log.

    Attributes:
        known: ms of the iterations that the log states, shape (n,).
        missing: iterations that it does not state; each takes the typical time.
    """

    known: Floats
    missing: Floats

    def seconds(self, typical_ms: float) -> Floats:
        """The time in s."""
        return np.asarray((self.known + typical_ms * self.missing) / 1000)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """The curves of a run and what its log states: all that rules read.

    Attributes:
        name: of the run.  path: of its log.  format: who wrote it ("" unknown).
        info: facts and settings that the log states, by nanoGPT's names
            (`parameters`, `n_layer`, `n_head`, `n_embd`, `block_size`, `vocab_size`,
            `dataset`, `batch_size`, `gradient_accumulation_steps`, `learning_rate`,
            `dropout`, `max_iters`, `eval_interval`, ...): int, float, str or bool.
        train: per-iteration training loss.  train_smooth: its centred mean over
            `window` points within a segment, shape of `train`.
        val: validation figure.  val_train: training loss at each evaluation (from
            the log, else `train_smooth` there), NaN where unknown, shape of `val`.
        other_sets: of the further validation sets of the log each as `val` and
            `val_train`, in the order of the log.
        comparable: whether `val` and `val_train` are in one unit.
        time: iteration time in ms.  pause: True where it holds an evaluation, a
            checkpoint or a compilation, shape of `time`.
        mfu, throughput: % and tokens/s (or samples/s, it/s), cleaned of -100 %.
        curves: every metric of the log by name, the ones above among them.
        elapsed_s: training time at each point of `train` (or of `val` without it),
            where the log states it, else None.
        smoothed_loss, averaged_mfu: whether those of the log are averages already.
        clocks: time spent until each evaluation, by validation metric; where it is not
            known there is none.  usual_ms: median of all times, NaN without any.
        ended: whether nothing writes the log any more, whatever the log says.
        seen: whether times are those at which its lines were seen.
        epochs: whether the steps of the log are epochs.
        table: whether each record is the result of another run, and none a training.
    """

    name: str
    path: str
    format: str
    info: Mapping[str, int | float | str | bool]
    train: Curve | None
    train_smooth: Floats | None
    window: int
    val: Curve | None
    val_train: Floats | None
    comparable: bool
    time: Curve | None
    pause: NDArray[np.bool_] | None
    mfu: Curve | None
    throughput: Curve | None
    curves: Mapping[str, Curve]
    elapsed_s: Floats | None
    smoothed_loss: bool
    segments: tuple[Segment, ...]
    milestones: tuple[Milestone, ...]
    lines: int = 0
    other_sets: tuple[tuple[Curve, Floats], ...] = ()
    changed_at: float | None = None  # log's last change, seconds since 1970
    ended: bool = False
    seen: bool = False
    epochs: bool = False
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    usual_ms: float = float("nan")
    averaged_mfu: bool = False
    table: bool = False

    @property
    def adversarial(self) -> bool:
        """Whether two losses work against each other (GAN): neither ought to fall."""
        return "discriminator_loss" in self.curves


@dataclass(frozen=True, slots=True, eq=False)
class Analysis(Measured):
    """All that is known of a run: what outputs and alerts read.

    Attributes:
        findings: of the rules, the most severe first, then by step.
        summary: every figure of the report, with the verdict on overfitting.
    """

    findings: tuple[Finding, ...] = ()
    summary: Summary = field(default_factory=Summary)
