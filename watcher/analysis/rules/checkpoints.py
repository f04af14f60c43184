"""The best checkpoint was lost: a later, worse one was saved over it.

nanoGPT with `always_save_checkpoint` saves at every evaluation under one name.
Programs that save on improvement only, or under a name for each step, lose nothing.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from parsers.batch import Milestone
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.settings import BestCheckpointLost
from watcher.analysis.segments import replay


@dataclass(slots=True)
class _Disk:
    """Evaluations so far, and which of them the checkpoints on disk hold.

    Attributes:
        steps, values: of the finite evaluations that no restart superseded.
        best: index of the lowest of them so far, at each.
        files: validation loss and step of the checkpoint under each name; NaN where it
            was not saved right after an evaluation.
        saved: the lowest that was ever saved.
    """

    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    best: list[int] = field(default_factory=list)
    files: dict[str, tuple[float, int]] = field(default_factory=dict)
    saved: float = math.inf

    def roll_back(self, step: int) -> None:
        """Drops what is trained again; after a new beginning old files do not count."""
        while self.steps and self.steps[-1] >= step:
            for column in (self.steps, self.values, self.best):
                column.pop()
        if not self.steps:
            self.files.clear()
            self.saved = math.inf

    def evaluate(self, step: int, value: float) -> None:
        """Adds an evaluation."""
        at = len(self.steps)
        lower = not self.best or value <= self.values[self.best[-1]]
        self.best.append(at if lower else self.best[-1])
        self.steps.append(step)
        self.values.append(value)

    def save(self, name: str, *, fresh: bool) -> None:
        """Writes a checkpoint; `fresh`: of the weights that were just evaluated."""
        value = self.values[-1] if fresh else math.nan
        self.files[name] = value, self.steps[-1]
        self.saved = min(self.saved, value) if fresh else self.saved


def best_checkpoint_lost(run: Measured, settings: BestCheckpointLost) -> list[Finding]:
    """Fires when the best was saved once and no checkpoint is as good any more.

    Resolves when a checkpoint is as good as the best again.
    """
    if run.val is None:
        return []
    return list(_replay(run, run.val, settings))


def _replay(
    run: Measured, val: Curve, settings: BestCheckpointLost
) -> Iterator[Finding]:
    disk = _Disk()
    firing: Finding | None = None
    for event in _events(run, val):
        if isinstance(event, Milestone):
            if not disk.steps:
                continue
            name = event.text.rpartition(" to ")[2]
            disk.save(name, fresh=_fresh(run, val, event))
        else:
            point, back = event
            if back is not None:
                disk.roll_back(back)
            if math.isfinite(val.values[point]):
                disk.evaluate(int(val.steps[point]), float(val.values[point]))
        # Hysteresis: once lost, as good within noise is not enough to resolve it.
        lost = _lost(disk, 0.0 if firing else settings.rise, val.unit)
        if firing and not lost:
            yield replace(firing, cleared_step=int(disk.steps[-1]))
        # A finding keeps its step: only its numbers are those of now.
        firing = lost and (
            replace(firing, evidence=lost.evidence, since_step=lost.since_step)
            if firing
            else lost
        )
    if firing:
        yield firing


def _events(run: Measured, val: Curve) -> Iterator[Milestone | tuple[int, int | None]]:
    """Checkpoints, and evaluations as of `replay`, in the order of the log."""
    saved = [m for m in run.milestones if m.kind == "checkpoint"]
    if not saved:
        return
    # A line that states both was saved before it was evaluated.
    events: list[tuple[int, Milestone | tuple[int, int | None]]] = [
        *((m.line, m) for m in saved),
        *((int(val.lines[i]), (i, back)) for i, back in replay(val, run.segments)),
    ]
    for _, event in sorted(events, key=lambda e: e[0]):
        yield event


def _fresh(run: Measured, val: Curve, saved: Milestone) -> bool:
    """Whether nothing was trained between the last evaluation and a checkpoint."""
    at = int(np.searchsorted(val.lines, saved.line)) - 1
    if at < 0 or not math.isfinite(val.values[at]):
        return False
    if run.train is None:
        return True
    ends = np.searchsorted(run.train.lines, [val.lines[at], saved.line], "right")
    return bool(ends[0] == ends[1])


def _lost(disk: _Disk, rise: float, unit: str) -> Finding | None:
    if not disk.files or not disk.steps:
        return None
    files = list(disk.files.values())
    if any(math.isnan(value) for value, _ in files):
        return None
    best, (saved, step) = disk.best[-1], min(files)
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
