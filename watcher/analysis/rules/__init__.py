"""The rules: one pure function each, the same for `once` and for the daemon.

Rules are online: on a finished log they find what was found, or would have been, while
the run went on, at the step at which it was known.
"""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from parsers import metrics
from watcher.analysis.epochs import epoch_at
from watcher.analysis.finding import SEVERITIES, Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.checkpoints import (
    BestCheckpointLostState,
    best_checkpoint_lost,
)
from watcher.analysis.rules.cost import evaluation_cost
from watcher.analysis.rules.divergence import DivergenceState, divergence
from watcher.analysis.rules.early_slowdown import early_slowdown
from watcher.analysis.rules.ending import EndedState, ended
from watcher.analysis.rules.gradients import (
    GradientNotFiniteState,
    GradientSpikeState,
    ZeroLossState,
    gradient_not_finite,
    gradient_spike,
    zero_loss,
)
from watcher.analysis.rules.inhibition import inhibit
from watcher.analysis.rules.no_movement import (
    ConstantMetricState,
    NoMovementState,
    ZeroLearningRateState,
    constant_metric,
    no_movement,
    zero_learning_rate,
)
from watcher.analysis.rules.not_finite import NotFiniteState, not_finite
from watcher.analysis.rules.overfitting import overfitting
from watcher.analysis.rules.plateau import PlateauState, plateau
from watcher.analysis.rules.resume_jump import ResumeJumpState, resume_jump
from watcher.analysis.rules.rising_loss import RisingLossState, rising_loss
from watcher.analysis.rules.settings import Settings, settings
from watcher.analysis.rules.skipped_steps import SkippedStepsState, skipped_steps
from watcher.analysis.rules.slowdown import SlowdownState, slowdown
from watcher.analysis.rules.spike import SpikeState, spike
from watcher.analysis.rules.state import RuleState
from watcher.analysis.rules.validation_jump import ValidationJumpState, validation_jump


__all__ = ["RULES", "Settings", "findings", "settings"]

# The rules that follow a log: what they know of it is a state, updated as it grows.
STATES: Final = MappingProxyType[str, Callable[[Settings], RuleState]](
    {
        "not_finite": lambda _: NotFiniteState(),
        "divergence": lambda s: DivergenceState(s.divergence),
        "spike": lambda s: SpikeState(s.spike),
        "plateau": lambda s: PlateauState(s.plateau),
        "resume_jump": lambda s: ResumeJumpState(s.resume_jump),
        "rising_loss": lambda s: RisingLossState(s.rising_loss),
        "zero_loss": lambda _: ZeroLossState(),
        "gradient_not_finite": lambda _: GradientNotFiniteState(),
        "gradient_spike": lambda s: GradientSpikeState(s.gradient_spike),
        "skipped_steps": lambda _: SkippedStepsState(),
        "no_movement": lambda _: NoMovementState(),
        "constant_metric": lambda _: ConstantMetricState(),
        "zero_learning_rate": lambda _: ZeroLearningRateState(),
        "validation_jump": lambda s: ValidationJumpState(s.validation_jump),
        "slowdown": lambda s: SlowdownState(s.slowdown),
        "best_checkpoint_lost": lambda s: BestCheckpointLostState(
            s.best_checkpoint_lost
        ),
        "ended": lambda _: EndedState(),
    }
)

Rule = Callable[[Measured, Settings], list[Finding]]


def _of_each_set(
    run: Measured, judge: Callable[[Measured], list[Finding]]
) -> list[Finding]:
    """What a rule on validation finds in each of several sets, which is named."""
    found = [_named(run, f) for f in judge(run)]
    for val, beside in run.other_sets:
        one = replace(run, val=val, val_train=beside)
        found += [_named(one, finding) for finding in judge(one)]
    return found


def _named(run: Measured, finding: Finding) -> Finding:
    name = metrics.validation_set(run.val.metric) if run.val else ""
    if not name:
        return finding
    return replace(finding, evidence={**finding.evidence, "set": name})


def _slowdown(run: Measured, settings: Settings) -> list[Finding]:
    """Slowdowns of a short log, and those that medians show later."""
    early = early_slowdown(run)
    lasting = [f for f in early if f.cleared_step is None]
    if lasting:
        return early
    last = max((f.cleared_step or 0 for f in early), default=-1)
    return [*early, *(f for f in slowdown(run, settings.slowdown) if f.step > last)]


RULES: Final = MappingProxyType[str, Rule](
    {
        "overfitting": lambda a, s: _of_each_set(
            a, lambda run: overfitting(run, s.overfitting)
        ),
        "not_finite": lambda a, _: not_finite(a),
        "divergence": lambda a, s: divergence(a, s.divergence),
        "spike": lambda a, s: spike(a, s.spike),
        "plateau": lambda a, s: plateau(a, s.plateau),
        "resume_jump": lambda a, s: resume_jump(a, s.resume_jump),
        "rising_loss": lambda a, s: rising_loss(a, s.rising_loss),
        "zero_loss": lambda a, _: zero_loss(a),
        "gradient_not_finite": lambda a, _: gradient_not_finite(a),
        "gradient_spike": lambda a, s: gradient_spike(a, s.gradient_spike),
        "skipped_steps": lambda a, _: skipped_steps(a),
        "no_movement": lambda a, _: no_movement(a),
        "constant_metric": lambda a, _: constant_metric(a),
        "zero_learning_rate": lambda a, _: zero_learning_rate(a),
        "validation_jump": lambda a, s: _of_each_set(
            a, lambda run: validation_jump(run, s.validation_jump)
        ),
        "slowdown": _slowdown,
        "evaluation_cost": lambda a, s: evaluation_cost(a, s.evaluation_cost),
        "best_checkpoint_lost": lambda a, s: best_checkpoint_lost(
            a, s.best_checkpoint_lost
        ),
        "ended": lambda a, _: ended(a),
    }
)


def findings(run: Measured, settings: Settings | None = None) -> tuple[Finding, ...]:
    """What every rule finds in a run, the most severe first, then by step."""
    chosen = settings or Settings()
    found = inhibit(f for rule in RULES.values() for f in rule(run, chosen))
    found = [_in_epochs(run, finding) for finding in found]
    return tuple(sorted(found, key=lambda f: (-SEVERITIES.index(f.severity), f.step)))


def _in_epochs(run: Measured, finding: Finding) -> Finding:
    """The finding with epochs: as what steps are, or beside them."""
    if run.epochs:
        return replace(finding, evidence={**finding.evidence, "counts": "epoch"})
    places = {
        "epoch": finding.step,
        "since_epoch": finding.since_step,
        "task_epoch": finding.evidence.get("task_step"),
    }
    known = {
        name: epoch
        for name, step in places.items()
        if isinstance(step, int) and (epoch := epoch_at(run, step)) is not None
    }
    return (
        replace(finding, evidence={**finding.evidence, **known}) if known else finding
    )
