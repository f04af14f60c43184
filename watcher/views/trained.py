"""How long a run had trained at each of its lines, by what its log states."""

from typing import Final

import numpy as np

from parsers.batch import Floats
from watcher.views.clock import PAUSE, Clock
from watcher.views.pyramid import BLOCK
from watcher.views.series import Series
from watcher.views.source import Points


TIMES: Final = ("iter_ms", "train_time_ms")
_MS: Final = 1000.0
_CHUNK: Final = 1 << 18


class Trained:
    """Training time by what a log states, in ms: of each iteration, or since the start.

    A pause counts as a usual iteration, and so does one that has no line of its own.
    """

    def __init__(self, metric: str = TIMES[0]) -> None:
        self.metric = metric
        self.records = 0
        self._before = 0.0
        self._usual = 0.0
        self._last = Points(np.array([-1.0]), np.array([np.nan]), np.array([0.0]))
        self._parts: list[tuple[Floats, Floats]] = []

    def grow(self, series: Series, run: int) -> None:
        """Takes in the records that came since."""
        while len(
            new := series.next(run, self.metric, float(self._last.lines[0]), _CHUNK)
        ):
            self._add(new)

    def clock(self) -> Clock | None:
        """What is known, None of less than two records."""
        if self.records < 2:  # noqa: PLR2004 - two ends of an axis
            return None
        lines, seconds = (
            np.concatenate(part) for part in zip(*self._parts, strict=True)
        )
        return Clock(lines, seconds, "log")

    def _add(self, new: Points) -> None:
        is_sum = self.metric == TIMES[1]
        spent = self._since_start(new) if is_sum else self._of_iterations(new)
        seconds = np.cumsum(spent) / _MS + self._last.values[0]
        # One in so many is enough to interpolate between.
        kept = np.unique(np.append(np.arange(0, len(new), BLOCK), len(new) - 1))
        self._parts.append((new.lines[kept], seconds[kept]))
        self._last = Points(new.lines[-1:], new.steps[-1:], seconds[-1:])
        self.records += len(new)

    def _since_start(self, new: Points) -> Floats:
        """What was added to a sum; one that begins again adds nothing."""
        known = np.append(self._before, new.values)
        # Where it is not finite, nothing passed.
        at = np.maximum.accumulate(
            np.where(np.isfinite(known), np.arange(len(known)), 0)
        )
        spent: Floats = np.diff(known[at]).clip(min=0.0)
        self._before = float(known[at][-1])
        return spent

    def _of_iterations(self, new: Points) -> Floats:
        times = np.where(np.isfinite(new.values), new.values, np.nan)
        if not self._usual and np.isfinite(times).any():
            self._usual = float(np.nanmedian(times))
        spent = np.where(times <= PAUSE * self._usual, times, self._usual)
        steps = np.diff(new.steps, prepend=self._last.steps)
        spent += (np.nan_to_num(steps, nan=1.0).clip(min=1) - 1) * self._usual
        return spent
