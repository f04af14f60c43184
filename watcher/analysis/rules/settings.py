"""Settings of the rules, from the tables `[rules.NAME]` of the configuration."""

from dataclasses import dataclass, field
from typing import Any, Final

from watcher.settings import Where, choice, from_table


# Probabilities above which a single evaluation and a mean of eight count.
CONFIRMED: Final = (0.90, 0.995)
LEVELS: Final = {"low": CONFIRMED, "normal": (0.80, 0.99), "high": (0.70, 0.98)}


@dataclass(frozen=True, slots=True)
class Overfitting:
    """Validation loss is past its minimum.

    Attributes:
        sensitivity: "low" (p > 0.90), "normal" (p > 0.80) or "high" (p > 0.70).
        rise: minimum relative rise above the best.
        train_fall: minimum relative fall of the training loss since the best.
        evaluations: minimum number of evaluations before a warning.
    """

    sensitivity: str = choice("normal", LEVELS)
    rise: float = 0.01
    train_fall: float = 0.02
    evaluations: int = 4


@dataclass(frozen=True, slots=True)
class Divergence:
    """Training loss goes back up.

    Attributes:
        share: of the way from the best loss back to the first one.
        factor: minimum multiple of the best loss.
    """

    share: float = 0.5
    factor: float = 1.2


@dataclass(frozen=True, slots=True)
class Spike:
    """A few training losses stand out.

    Attributes:
        deviations: standard deviations above the mean of the last 64 logarithms.
        rise: minimum relative rise above that mean.
    """

    deviations: float = 5.0
    rise: float = 0.10


@dataclass(frozen=True, slots=True)
class Plateau:
    """Neither loss moves any more.

    Attributes:
        change: largest relative change that counts as none.
        evaluations: minimum without change; at least a third of all.
    """

    change: float = 0.005
    evaluations: int = 12


@dataclass(frozen=True, slots=True)
class Slowdown:
    """Iterations take longer than before.

    Attributes:
        factor: of the median of the last 20 against that of the 200 before.
        lines: for so many lines in a row.
    """

    factor: float = 1.15
    lines: int = 10


@dataclass(frozen=True, slots=True)
class EvaluationCost:
    """Evaluations take too much of the time.

    Attributes:
        share: of the time of training.
    """

    share: float = 0.25


@dataclass(frozen=True, slots=True)
class BestCheckpointLost:
    """The checkpoint on disk is worse than the best.

    Attributes:
        rise: minimum relative rise of its validation loss above the best.
    """

    rise: float = 0.01


@dataclass(frozen=True, slots=True)
class ResumeJump:
    """Training loss jumps where the run was resumed.

    Attributes:
        rise: minimum relative rise above the losses before.
    """

    rise: float = 0.10


@dataclass(frozen=True, slots=True)
class RisingLoss:
    """Training loss rises slowly.

    Attributes:
        rise: minimum relative rise of the mean of a fifth of the records.
    """

    rise: float = 0.05


@dataclass(frozen=True, slots=True)
class Gradients:
    """The gradient norm is far above its usual.

    Attributes:
        factor: minimum multiple of the median of the 64 before.
    """

    factor: float = 1000.0


@dataclass(frozen=True, slots=True)
class ValidationJump:
    """Validation loss jumps from one evaluation to the next.

    Attributes:
        factor: minimum multiple of the evaluation before.
        evaluations: minimum number of evaluations before it.
    """

    factor: float = 3.0
    evaluations: int = 3


@dataclass(frozen=True, slots=True)
class Stalled:
    """The log is silent.

    Attributes:
        least_s: minimum timeout in seconds.
        unknown_s: minimum until two long pauses (evaluations) were seen.
        start_s: timeout before a second line came.
    """

    least_s: float = 60.0
    unknown_s: float = 300.0
    start_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of every rule that has some, by the rule's name."""

    overfitting: Overfitting = field(default_factory=Overfitting)
    divergence: Divergence = field(default_factory=Divergence)
    spike: Spike = field(default_factory=Spike)
    plateau: Plateau = field(default_factory=Plateau)
    slowdown: Slowdown = field(default_factory=Slowdown)
    evaluation_cost: EvaluationCost = field(default_factory=EvaluationCost)
    best_checkpoint_lost: BestCheckpointLost = field(default_factory=BestCheckpointLost)
    stalled: Stalled = field(default_factory=Stalled)
    resume_jump: ResumeJump = field(default_factory=ResumeJump)
    rising_loss: RisingLoss = field(default_factory=RisingLoss)
    gradient_spike: Gradients = field(default_factory=Gradients)
    validation_jump: ValidationJump = field(default_factory=ValidationJump)


def settings(tables: Any, where: Where | None = None) -> Settings:
    """Settings from the table `rules` of a configuration file.

    Raises:
        ConfigError: an unknown rule or key, or an invalid value.
    """
    at = where or Where(keys=("rules",))
    return from_table(Settings, tables, at, positive=True)
