"""The rules: one pure function each, the same for `once` and for the daemon.

Rules are online: on a finished log they find what was found, or would have been, while
the run went on, at the step at which it was known.
"""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from watcher.analysis.epochs import epoch_at
from watcher.analysis.finding import SEVERITIES, Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.checkpoints import BestCheckpointLostState
from watcher.analysis.rules.cost import evaluation_cost
from watcher.analysis.rules.divergence import DivergenceState
from watcher.analysis.rules.each_set import EachSetState, in_each_set
from watcher.analysis.rules.early_slowdown import SlowdownsState
from watcher.analysis.rules.ending import EndedState
from watcher.analysis.rules.gradients import (
    GradientNotFiniteState,
    GradientSpikeState,
    ZeroLossState,
)
from watcher.analysis.rules.inhibition import inhibit
from watcher.analysis.rules.no_movement import (
    ConstantMetricState,
    NoMovementState,
    ZeroLearningRateState,
)
from watcher.analysis.rules.not_finite import NotFiniteState
from watcher.analysis.rules.overfitting import overfitting
from watcher.analysis.rules.plateau import PlateauState
from watcher.analysis.rules.resume_jump import ResumeJumpState
from watcher.analysis.rules.rising_loss import RisingLossState
from watcher.analysis.rules.settings import Settings, settings
from watcher.analysis.rules.skipped_steps import SkippedStepsState
from watcher.analysis.rules.spike import SpikeState
from watcher.analysis.rules.state import RuleState, folded
from watcher.analysis.rules.validation_jump import ValidationJumpState


__all__ = ["RULES", "Settings", "findings", "settings"]


def _jumps(settings: Settings) -> RuleState:
    return EachSetState(lambda: ValidationJumpState(settings.validation_jump))


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
        "validation_jump": _jumps,
        "slowdown": SlowdownsState,
        "best_checkpoint_lost": lambda s: BestCheckpointLostState(
            s.best_checkpoint_lost
        ),
        "ended": lambda _: EndedState(),
    }
)

Rule = Callable[[Measured, Settings], list[Finding]]


def _folded(name: str) -> Rule:
    """A rule on a whole run, from its state."""
    return lambda run, settings: folded(STATES[name](settings), run)


_WHOLE: Final = MappingProxyType[str, Rule](
    {
        "overfitting": lambda a, s: in_each_set(
            a, lambda run: overfitting(run, s.overfitting)
        ),
        "evaluation_cost": lambda a, s: evaluation_cost(a, s.evaluation_cost),
    }
)
# In this order findings of one severity and step are listed.
_NAMES: Final = (
    *("overfitting", "not_finite", "divergence", "spike", "plateau", "resume_jump"),
    *("rising_loss", "zero_loss", "gradient_not_finite", "gradient_spike"),
    *("skipped_steps", "no_movement", "constant_metric", "zero_learning_rate"),
    *("validation_jump", "slowdown", "evaluation_cost", "best_checkpoint_lost"),
    "ended",
)
RULES: Final = MappingProxyType[str, Rule](
    {name: _WHOLE[name] if name in _WHOLE else _folded(name) for name in _NAMES}
)


def findings(run: Measured, settings: Settings | None = None) -> tuple[Finding, ...]:
    """What every rule finds in a run, the most severe first, then by step."""
    if run.table:  # of runs that have ended: none of them follows from the others
        return ()
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
