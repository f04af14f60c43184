"""The rules: one fold each, the same for `once` and for the daemon.

Rules are online: on a finished log they find what was found, or would have been, while
the run went on, at the step at which it was known.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from watcher.analysis.epochs import Epochs
from watcher.analysis.finding import SEVERITIES, Finding
from watcher.analysis.inhibition import inhibit
from watcher.analysis.model import Measured
from watcher.analysis.rules.checkpoints import BestCheckpointLostState
from watcher.analysis.rules.cost import EvaluationCostState
from watcher.analysis.rules.divergence import DivergenceState
from watcher.analysis.rules.each_set import EachSetState
from watcher.analysis.rules.early_slowdown import SlowdownsState
from watcher.analysis.rules.ending import EndedState
from watcher.analysis.rules.gradients import (
    GradientNotFiniteState,
    GradientSpikeState,
    ZeroLossState,
)
from watcher.analysis.rules.no_movement import (
    ConstantMetricState,
    NoMovementState,
    ZeroLearningRateState,
)
from watcher.analysis.rules.not_finite import NotFiniteState
from watcher.analysis.rules.overfitting import OverfittingState
from watcher.analysis.rules.plateau import PlateauState
from watcher.analysis.rules.resume_jump import ResumeJumpState
from watcher.analysis.rules.rising_loss import RisingLossState
from watcher.analysis.rules.settings import Settings, settings
from watcher.analysis.rules.skipped_steps import SkippedStepsState
from watcher.analysis.rules.spike import SpikeState
from watcher.analysis.rules.state import RuleState, folded
from watcher.analysis.rules.validation_jump import ValidationJumpState


__all__ = ["RULES", "STATES", "Rules", "Settings", "findings", "settings"]


STATES: Final = MappingProxyType[str, Callable[[Settings], RuleState]](
    {
        "overfitting": lambda s: EachSetState(OverfittingState, s.overfitting),
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
        "validation_jump": lambda s: EachSetState(
            ValidationJumpState, s.validation_jump
        ),
        "slowdown": SlowdownsState,
        "evaluation_cost": lambda s: EvaluationCostState(s.evaluation_cost),
        "best_checkpoint_lost": lambda s: BestCheckpointLostState(
            s.best_checkpoint_lost
        ),
        "ended": lambda _: EndedState(),
    }
)

# Rules that expect a loss to fall.
_DIRECTED: Final = frozenset(
    {
        *("overfitting", "divergence", "plateau"),
        *("rising_loss", "no_movement", "validation_jump"),
    }
)

Rule = Callable[[Measured, Settings], list[Finding]]


def _whole(make: Callable[[Settings], RuleState]) -> Rule:
    return lambda run, settings: folded(make(settings), run)


# What each finds in a whole run.
RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {name: _whole(make) for name, make in STATES.items()}
)


class Rules:
    """All rules on one run that grows."""

    def __init__(self, settings: Settings | None = None) -> None:
        chosen = settings or Settings()
        self._states = {name: make(chosen) for name, make in STATES.items()}
        self._epochs = Epochs()

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        for state in self._states.values():
            state.update(new)
        self._epochs.update(new)

    def findings(self, run: Measured) -> tuple[Finding, ...]:
        """What every rule has found, the most severe first, then by step.

        `run`: what the log states by now.
        """
        if run.table:  # of runs that have ended: none of them follows from the others
            return ()
        exempt = _DIRECTED if run.adversarial else frozenset()
        found = inhibit(
            finding
            for name, state in self._states.items()
            if name not in exempt
            for finding in state.findings(run)
        )
        found = [self._in_epochs(run, finding) for finding in found]
        key = lambda f: (-SEVERITIES.index(f.severity), f.step)  # noqa: E731
        return tuple(sorted(found, key=key))

    def _in_epochs(self, run: Measured, finding: Finding) -> Finding:
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
            if isinstance(step, int) and (epoch := self._epochs.at(step)) is not None
        }
        return (
            replace(finding, evidence={**finding.evidence, **known})
            if known
            else finding
        )


def findings(run: Measured, settings: Settings | None = None) -> tuple[Finding, ...]:
    """What every rule finds in a whole run."""
    rules = Rules(settings)
    rules.update(run)
    return rules.findings(run)
