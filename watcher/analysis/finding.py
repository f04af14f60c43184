"""The result of a rule: a plain record, the same for every rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field


# From the least to the most severe.
SEVERITIES = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Finding:
    """One event in a run, with its evidence.

    Attributes:
        rule: the rule's name, as in `[rules]` of the configuration.
        severity: one of SEVERITIES.
        step: at which the rule fired, online.
        since_step: where it began (for overfitting: the best evaluation).
        evidence: the numbers behind it, by name; finite floats, ints or strings.
        confirmed_step: where a warning was confirmed, None if it was not.
        cleared_step: where it resolved, None while it is firing.
    """

    rule: str
    severity: str
    step: int
    since_step: int | None = None
    evidence: Mapping[str, float | int | str | None] = field(default_factory=dict)
    confirmed_step: int | None = None
    cleared_step: int | None = None
