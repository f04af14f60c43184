"""What gptwatch says by itself: one pure function a rule, the same everywhere.

Rules are online: on a finished log they say what was said, or would have been, while
the run went on, at the step at which it was known.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from watcher.analysis.finding import SEVERITIES, Finding
from watcher.analysis.model import Analysis
from watcher.analysis.rules import losses
from watcher.analysis.rules.checkpoints import best_checkpoint_lost
from watcher.analysis.rules.cost import evaluation_cost
from watcher.analysis.rules.ending import ended
from watcher.analysis.rules.overfitting import overfitting
from watcher.analysis.rules.settings import Settings, settings
from watcher.analysis.rules.slowdown import slowdown


__all__ = ["RULES", "Settings", "findings", "settings"]

Rule = Callable[[Analysis, Settings], list[Finding]]

RULES: Final = MappingProxyType[str, Rule](
    {
        "overfitting": lambda a, s: overfitting(a, s.overfitting),
        "not_finite": lambda a, _: losses.not_finite(a),
        "divergence": lambda a, s: losses.divergence(a, s.divergence),
        "spike": lambda a, s: losses.spike(a, s.spike),
        "plateau": lambda a, s: losses.plateau(a, s.plateau),
        "slowdown": lambda a, s: slowdown(a, s.slowdown),
        "evaluation_cost": lambda a, s: evaluation_cost(a, s.evaluation_cost),
        "best_checkpoint_lost": lambda a, s: best_checkpoint_lost(
            a, s.best_checkpoint_lost
        ),
        "ended": lambda a, _: ended(a),
    }
)


def findings(
    analysis: Analysis, settings: Settings | None = None
) -> tuple[Finding, ...]:
    """What every rule finds in a run, the gravest first, then by step."""
    chosen = settings or Settings()
    found = [f for rule in RULES.values() for f in rule(analysis, chosen)]
    return tuple(sorted(found, key=lambda f: (-SEVERITIES.index(f.severity), f.step)))
