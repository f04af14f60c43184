"""What a rule says of a run: a plain record, the same for every rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field


# From the mildest to the gravest.
SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule saw, with its evidence.

    Attributes:
        rule: the rule's name, as in `[rules]` of the configuration.
        severity: one of SEVERITIES.
        step: the step at which the rule first said so, online.
        since_step: where the matter began (for overfitting: the best evaluation).
        evidence: the numbers behind it, by name; finite floats, ints or strings.
        confirmed_step: where a warning became certain, None if it did not.
        cleared_step: where it ended by itself, None while it lasts.
    """

    rule: str
    severity: str
    step: int
    since_step: int | None = None
    evidence: Mapping[str, float | int | str | None] = field(default_factory=dict)
    confirmed_step: int | None = None
    cleared_step: int | None = None
