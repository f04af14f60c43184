"""A rule on validation, followed for each of several validation sets by name."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Generic, TypeVar

from parsers import metrics
from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.state import RuleState


S = TypeVar("S")


class EachSetState(Generic[S]):
    """What a rule finds in each set: there is no best over several.

    The main one first, then the others in the order of the log.
    """

    def __init__(self, rule: Callable[[S], RuleState], settings: S) -> None:
        self._rule, self._settings = rule, settings
        self._states: dict[str, RuleState] = {}

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        for name, run in _sets(new):
            if name not in self._states:
                self._states[name] = self._rule(self._settings)
            self._states[name].update(run)

    def findings(self, run: Measured) -> list[Finding]:
        """Those of all sets, with the name of each in its evidence."""
        return [
            _named(metrics.validation_set(name), finding)
            for name, one in _sets(run)
            if name in self._states
            for finding in self._states[name].findings(one)
        ]


def _sets(run: Measured) -> Iterator[tuple[str, Measured]]:
    """The run with each of its validation sets as the only one."""
    yield "" if run.val is None else run.val.metric, run
    for val, beside in run.other_sets:
        yield val.metric, replace(run, val=val, val_train=beside)


def _named(name: str, finding: Finding) -> Finding:
    if not name:
        return finding
    return replace(finding, evidence={**finding.evidence, "set": name})
