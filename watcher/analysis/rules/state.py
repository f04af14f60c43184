"""The state of a rule: all that it needs of the records so far.

A rule is a fold: `update` takes in new records, `findings` is what they amount to.
However a log is cut into pieces, the state after the last one is the same, and a whole
run is one piece.
"""

from typing import Protocol

from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured


class RuleState(Protocol):
    """What a rule knows of a run."""

    def update(self, new: Measured) -> None:
        """Takes in new records.

        Curves and milestones hold only those; a curve that the run has and that has no
        new point is empty.  What the log states and the segments are those of the run.
        """

    def findings(self, run: Measured) -> list[Finding]:
        """What was found so far; `run`: what the log states by now."""


def folded(state: RuleState, run: Measured) -> list[Finding]:
    """What is found in a whole run."""
    state.update(run)
    return state.findings(run)
