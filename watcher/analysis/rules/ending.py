"""Every end of a run: with an error, or as planned."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np

from parsers.batch import Ints, Milestone
from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.outcome import BEGINNINGS, ENDS, OutcomeState, cause, quoted
from watcher.analysis.rules.state import folded


class EndedState:
    """Crashed or finished, where the log states it; resolves when the run goes on.

    A run that a person interrupted is no finding.
    """

    def __init__(self) -> None:
        self._state = OutcomeState()
        self._survived: list[Finding] = []

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        waiting = self._state.after
        ends = [*waiting, *new.milestones]
        if any(m.kind in ENDS for m in ends):
            self._survived += self._survivors(ends, *_records(new))
        self._state.update(new)

    def findings(self, run: Measured) -> list[Finding]:
        """Ends that the run survived, and how it ended as far as the log goes."""
        end, step = self._state.outcome(run.info), self._state.last_step
        last: list[Finding] = []
        if end.name == "finished" and step is not None:
            evidence = {"outcome": end.name, "text": end.text}
            last = [Finding("finished", "info", step, evidence=evidence)]
        elif end.name not in {None, "finished", "interrupted"}:
            last = [_crash(str(end.name), end.text, step)]
        return [*self._survived, *last]

    def _survivors(
        self, milestones: Sequence[Milestone], lines: Ints, steps: Ints
    ) -> Iterator[Finding]:
        """Ends after which the run was started again; not errors that it survived."""
        # A milestone on a record's own line comes after the record.
        ends = np.searchsorted(lines, [m.line for m in milestones], side="right")
        pairs = zip(ends.tolist(), milestones, strict=True)
        for at, group in groupby(pairs, key=lambda pair: pair[0]):
            between = [m for _, m in group]
            why = cause([m for m in between if m.kind in ENDS])
            if at == len(lines) or why is None:
                continue
            if why.kind in {"finished", "interrupted"}:
                continue
            before = int(steps[at - 1]) if at else self._state.last_step
            again = any(m.kind in BEGINNINGS and m.line > why.line for m in between)
            if again or (before is not None and steps[at] <= before):
                yield _crash(ENDS[why.kind], quoted(why.text), before, int(steps[at]))


def ended(run: Measured) -> list[Finding]:
    """The findings of a whole run."""
    return folded(EndedState(), run)


def _records(run: Measured) -> tuple[Ints, Ints]:
    """Lines and steps of the losses, in the order of the log."""
    curves = [c for c in (run.train, run.val) if c is not None]
    if not curves:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    lines = np.concatenate([c.lines for c in curves])
    order = lines.argsort(kind="stable")
    return lines[order], np.concatenate([c.steps for c in curves])[order]


def _crash(
    outcome: str, text: str | None, step: int | None, cleared: int | None = None
) -> Finding:
    evidence: dict[str, float | int | str | None] = {"outcome": outcome, "text": text}
    if step is None:
        evidence["records"] = 0  # it ended before its first step
    return Finding(
        "crashed", "critical", step or 0, evidence=evidence, cleared_step=cleared
    )
