"""Inhibition: one event gives one finding, the one that names its cause."""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from watcher.analysis.finding import Finding


# rule: the rules whose findings follow from it while it is firing.  Alerts use this
# table, too; `stalled` is a rule of theirs alone.
INHIBITS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        rule: frozenset(others.split())
        for rule, others in {
            "resume_jump": "divergence spike rising_loss validation_jump"
            " gradient_spike",
            "not_finite": "gradient_not_finite skipped_steps zero_loss spike"
            " overfitting plateau divergence",
            "zero_loss": "gradient_not_finite no_movement plateau skipped_steps",
            "divergence": "spike rising_loss validation_jump gradient_spike plateau",
            "skipped_steps": "no_movement plateau gradient_not_finite",
            "zero_learning_rate": "no_movement plateau",
            "no_movement": "plateau",
            "crashed": "stalled slowdown",
        }.items()
    }
)
_NAN: Final = re.compile(r"(?i)\bnan\b|\bnon-?finite\b|\binf(?:inite)?\b")


def inhibit(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without those that follow from another."""
    found = list(findings)
    nan = any(f.rule == "not_finite" and f.cleared_step is None for f in found)
    named = {f.evidence.get("end_step") for f in found if f.rule == "resume_jump"}
    return [
        f
        for f in found
        if not any(map(_followed_by(f), found))
        # A jump at a resume names the end of the process before.
        and not (f.rule == "crashed" and f.cleared_step is not None and f.step in named)
        # A program that gives up at NaN adds nothing to the loss that is NaN.
        and not (nan and f.rule == "crashed" and _NAN.search(str(f.evidence["text"])))
    ]


def _followed_by(finding: Finding) -> Callable[[Finding], bool]:
    """Whether a finding is a consequence of a given one.

    It is if it fired while that one was firing: what fired before was reported, and
    stays.
    """

    def follows(source: Finding) -> bool:
        if finding.rule not in INHIBITS.get(source.rule, ()):
            return False
        end = source.cleared_step
        return source.step <= finding.step and (
            end is None or finding.step <= max(end, source.step)
        )

    return follows
