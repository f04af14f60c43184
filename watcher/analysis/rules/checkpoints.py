"""The best checkpoint was lost: a later, worse one was saved over it.

nanoGPT with `always_save_checkpoint` saves at every evaluation under one name.  Who
saves on improvement alone, or under a name for each step, loses nothing.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from parsers.batch import Milestone
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Curve
from watcher.analysis.rules.settings import BestCheckpointLost


@dataclass(slots=True)
class _Disk:
    """What was evaluated so far, and what the checkpoints on disk hold of it.

    Attributes:
        steps, values: of the finite evaluations that no restart superseded.
        best: index of the lowest of them so far, at each.
        held: validation loss and step of the checkpoint under each name; NaN where it
            was not saved right after an evaluation.
        saved: the lowest that was ever held.
    """

    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    best: list[int] = field(default_factory=list)
    held: dict[str, tuple[float, int]] = field(default_factory=dict)
    saved: float = math.inf

    def evaluate(self, step: int, value: float) -> None:
        """Takes an evaluation in; after a new beginning, old files do not count."""
        while self.steps and self.steps[-1] >= step:
            for column in (self.steps, self.values, self.best):
                column.pop()
        if not self.steps:
            self.held.clear()
            self.saved = math.inf
        at = len(self.steps)
        lower = not self.best or value <= self.values[self.best[-1]]
        self.best.append(at if lower else self.best[-1])
        self.steps.append(step)
        self.values.append(value)

    def save(self, name: str, *, fresh: bool) -> None:
        """Writes a checkpoint; `fresh`: of the weights that were just evaluated."""
        value = self.values[-1] if fresh else math.nan
        self.held[name] = value, self.steps[-1]
        self.saved = min(self.saved, value) if fresh else self.saved


def best_checkpoint_lost(
    analysis: Analysis, settings: BestCheckpointLost
) -> list[Finding]:
    """Each loss of the best, until no better one is missing from disk.

    It is lost when it was saved once and no checkpoint is as good any more.
    """
    if analysis.val is None:
        return []
    return list(_replay(analysis, analysis.val, settings))


def _replay(
    analysis: Analysis, val: Curve, settings: BestCheckpointLost
) -> Iterator[Finding]:
    disk = _Disk()
    lasting: Finding | None = None
    for step, event in _events(analysis, val):
        if isinstance(event, float):
            disk.evaluate(step, event)
        elif disk.steps:
            name = event.text.rpartition(" to ")[2]
            disk.save(name, fresh=_fresh(analysis, val, event))
        # Once lost, as good within noise is not enough: the best must be there again.
        lost = _lost(disk, 0.0 if lasting else settings.rise, val.unit)
        if lasting and not lost:
            yield replace(lasting, cleared_step=disk.steps[-1])
        # What is told stays told: only its numbers are those of now.
        lasting = lost and (
            replace(lasting, evidence=lost.evidence, since_step=lost.since_step)
            if lasting
            else lost
        )
    if lasting:
        yield lasting


def _events(analysis: Analysis, val: Curve) -> Iterator[tuple[int, float | Milestone]]:
    """Finite evaluations and checkpoints in the order of the log, each with a step."""
    saved = [m for m in analysis.milestones if m.kind == "checkpoint"]
    if not saved:
        return
    good = np.flatnonzero(np.isfinite(val.values))
    rows = [(int(val.lines[i]), int(val.steps[i]), float(val.values[i])) for i in good]
    # What one line tells was saved before it was evaluated: so the saved come first.
    events: list[tuple[int, int, float | Milestone]] = [
        *((m.line, m.step or 0, m) for m in saved),
        *rows,
    ]
    for _, step, event in sorted(events, key=lambda e: e[0]):
        yield step, event


def _fresh(analysis: Analysis, val: Curve, saved: Milestone) -> bool:
    """Whether nothing was trained between the last evaluation and a checkpoint."""
    at = int(np.searchsorted(val.lines, saved.line)) - 1
    if at < 0 or not math.isfinite(val.values[at]):
        return False
    if analysis.train is None:
        return True
    ends = np.searchsorted(analysis.train.lines, [val.lines[at], saved.line], "right")
    return bool(ends[0] == ends[1])


def _lost(disk: _Disk, rise: float, unit: str) -> Finding | None:
    if not disk.held or not disk.steps:
        return None
    held = list(disk.held.values())
    if any(math.isnan(value) for value, _ in held):
        return None
    best, (saved, step) = disk.best[-1], min(held)
    low = disk.values[best]
    if disk.saved > low or saved - low <= rise * abs(low):
        return None
    return Finding(
        "best_checkpoint_lost",
        "warning",
        disk.steps[-1],
        since_step=disk.steps[best],
        evidence={"best": low, "saved": saved, "saved_step": step, "unit": unit},
    )
