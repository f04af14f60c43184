"""A rule on validation, for each of several validation sets."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from parsers import metrics
from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.state import RuleState


class EachSet:
    """What a rule finds in each validation set, which is named."""

    def __init__(self, make: Callable[[], RuleState]) -> None:
        self._make = make
        self._states: dict[str, RuleState] = {}

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        for name, run in _sets(new):
            if name not in self._states:
                self._states[name] = self._make()
            self._states[name].update(run)

    def findings(self, run: Measured) -> list[Finding]:
        """What was found, the first set first."""
        return [
            _named(name, finding)
            for name, one in _sets(run)
            if name in self._states
            for finding in self._states[name].findings(one)
        ]


def _sets(run: Measured) -> Iterator[tuple[str, Measured]]:
    """Each set by its metric, with the run as if there were no other."""
    if run.val is not None:
        yield run.val.metric, run
    for val, beside in run.other_sets:
        yield val.metric, replace(run, val=val, val_train=beside)


def _named(metric: str, finding: Finding) -> Finding:
    name = metrics.validation_set(metric)
    if not name:
        return finding
    return replace(finding, evidence={**finding.evidence, "set": name})
