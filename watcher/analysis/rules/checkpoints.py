"""The best checkpoint was lost: a later, worse one was saved over it.

nanoGPT with `always_save_checkpoint` saves at every evaluation under one name.
Programs that save on improvement only, or under a name for each step, lose nothing.
"""

import math
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

import numpy as np

from parsers.batch import Ints, Milestone
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.settings import BestCheckpointLost
from watcher.analysis.rules.state import folded
from watcher.analysis.segments import Replay


class _Files:
    """Which evaluations the checkpoints on disk hold, the lowest of them at once."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[float, int]] = {}
        self._lowest: list[tuple[float, int, str]] = []  # a heap; overwritten ones stay
        self._unknown = 0

    def __len__(self) -> int:
        return len(self._held)

    def write(self, name: str, value: float, step: int) -> None:
        """Writes a checkpoint; NaN where it was not saved right after an evaluation."""
        before = self._held.get(name)
        self._unknown -= before is not None and math.isnan(before[0])
        self._held[name] = value, step
        if math.isnan(value):
            self._unknown += 1
        else:
            heappush(self._lowest, (value, step, name))

    def best(self) -> tuple[float, int] | None:
        """Loss and step of the best one, None where that is not known."""
        if self._unknown or not self._held:
            return None
        while self._held.get(self._lowest[0][2]) != self._lowest[0][:2]:
            heappop(self._lowest)
        return self._lowest[0][:2]


@dataclass(slots=True)
class _Disk:
    """Evaluations so far, and which of them the checkpoints on disk hold.

    Attributes:
        steps, values: of the finite evaluations that no restart superseded.
        best: index of the lowest of them so far, at each.
        files: the checkpoint under each name.
        saved: the lowest that was ever saved.
    """

    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    best: list[int] = field(default_factory=list)
    files: _Files = field(default_factory=_Files)
    saved: float = math.inf

    def roll_back(self, step: int) -> None:
        """Drops what is trained again; after a new beginning old files do not count."""
        while self.steps and self.steps[-1] >= step:
            for column in (self.steps, self.values, self.best):
                column.pop()
        if not self.steps:
            self.files = _Files()
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
        self.files.write(name, value, self.steps[-1])
        self.saved = min(self.saved, value) if fresh else self.saved


class BestCheckpointLostState:
    """Fires when the best was saved once and no checkpoint is as good any more.

    Resolves when a checkpoint is as good as the best again.
    """

    def __init__(self, settings: BestCheckpointLost) -> None:
        self._settings = settings
        self._replay = Replay()
        self._disk = _Disk()
        self._begun = False  # a checkpoint was saved: before that nothing is lost
        self._fresh = False  # nothing was trained since the last evaluation
        self._evaluated = 0  # its line
        self._unit = ""
        self._found: list[Finding] = []
        self._firing: Finding | None = None

    def update(self, new: Measured) -> None:
        """Takes in new evaluations and checkpoints."""
        if new.val is None:
            return
        self._unit = new.val.unit
        trained = new.train.lines if new.train is not None else new.val.lines[:0]
        for event in _events(new, self._replay):
            if isinstance(event, Milestone):
                self._note_training(trained, event.line)
                self._save(event)
            else:
                self._evaluate(new.val, *event)
            self._judge()
        if len(trained):
            self._note_training(trained, int(trained[-1]))

    def findings(self, run: Measured) -> list[Finding]:
        """Every loss of the best, in the order of the log."""
        del run
        return [*self._found, self._firing] if self._firing else self._found

    def _note_training(self, lines: Ints, line: int) -> None:
        """Notes whether records of training stand behind the last evaluation."""
        ends = np.searchsorted(lines, [self._evaluated, line], "right")
        self._fresh = self._fresh and bool(ends[0] == ends[1])

    def _save(self, saved: Milestone) -> None:
        self._begun = True
        if self._disk.steps:
            name = saved.text.rpartition(" to ")[2]
            self._disk.save(name, fresh=self._fresh)

    def _evaluate(self, val: Curve, point: int, back: int | None) -> None:
        if back is not None:
            self._disk.roll_back(back)
        finite = math.isfinite(val.values[point])
        if finite:
            self._disk.evaluate(int(val.steps[point]), float(val.values[point]))
        self._fresh, self._evaluated = finite, int(val.lines[point])

    def _judge(self) -> None:
        if not self._begun or not self._disk.steps:
            return
        # Hysteresis: once lost, as good within noise is not enough to resolve it.
        rise = 0.0 if self._firing else self._settings.rise
        firing, lost = self._firing, _lost(self._disk, rise, self._unit)
        if firing and not lost:
            cleared = int(self._disk.steps[-1])
            self._found.append(replace(firing, cleared_step=cleared))
        # A finding keeps its step: only its numbers are those of now.
        self._firing = lost and (
            replace(firing, evidence=lost.evidence, since_step=lost.since_step)
            if firing
            else lost
        )


def best_checkpoint_lost(run: Measured, settings: BestCheckpointLost) -> list[Finding]:
    """The findings of a whole run."""
    return folded(BestCheckpointLostState(settings), run)


def _events(run: Measured, replay: Replay) -> list[Milestone | tuple[int, int | None]]:
    """Checkpoints, and evaluations as of `replay`, in the order of the log."""
    assert run.val is not None
    # A line that states both was saved before it was evaluated.
    events: list[tuple[int, Milestone | tuple[int, int | None]]] = [
        *((m.line, m) for m in run.milestones if m.kind == "checkpoint"),
        *(
            (int(run.val.lines[i]), (i, back))
            for i, back in replay.points(run.val, run.segments)
        ),
    ]
    return [event for _, event in sorted(events, key=lambda e: e[0])]


def _lost(disk: _Disk, rise: float, unit: str) -> Finding | None:
    held = disk.files.best() if disk.steps else None
    if held is None:
        return None
    best, (saved, step) = disk.best[-1], held
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
