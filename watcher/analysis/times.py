"""Times of iterations, which of them hold more than that, and MFU."""

from typing import Any, Final

import numpy as np

from watcher.analysis.distribution import (
    Counted,
    Distribution,
    median,
    merged,
    quantile,
)
from watcher.analysis.events import Events, event_lines
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.pauses import PAUSE, PAUSE_AFTER_EVENT
from watcher.analysis.segments import SegmentCursor


# nanoGPT's running mean of MFU: 0.9 of the old, 0.1 of the new.
_MFU_DECAY: Final = 0.9
# Of fewer times no share is slow.
_MIN_TIMES: Final = 40
_SLOW: Final = 0.95


class Times:
    """Times of iterations so far.

    A pause is a time of more than three typical ones, behind an evaluation or a
    checkpoint of 15 % more than one.

    Attributes:
        count: how many there are.
        steps: how many they cover; those trained again count again.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.count = 0
        self._events = Events()
        self._cursor = SegmentCursor()
        # By whether they are behind an event, and the first of a process.
        self._times = {(e, f): Distribution() for e in (0, 1) for f in (0, 1)}
        self._last_step: int | None = None
        self._mfu = _Mfu()
        self._usual: float | None = None
        self._parts_of: dict[tuple[bool, bool], Counted] = {}

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        time = new.time
        if time is None or not (len(time) or len(event_lines(new))):
            return
        self._parts_of, self._usual = {}, None
        eventful = self._events.behind(event_lines(new), time.lines)
        first = np.zeros(len(time), dtype=bool)
        for at, _, begun in self._cursor.parts(time.lines, new.segments):
            first[at] = bool(begun) or (self._last_step is None and not at)
        for (e, f), counted in self._times.items():
            counted.add(time.values[(eventful == e) & (first == f)])
        self.count += len(time)
        if len(time):
            before = time.steps[0] - 1 if self._last_step is None else self._last_step
            gaps = np.diff(time.steps, prepend=before)
            self.steps += int(np.clip(gaps, 1, None).sum())
            self._last_step = int(time.steps[-1])
        self._mfu.update(new.curves.get("mfu"), time)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_parts_of": {}}

    @property
    def usual_ms(self) -> float:
        """The median of all times, with pauses; NaN without any."""
        if self._usual is None:
            found = median([counted.counted() for counted in self._times.values()])
            self._usual = float("nan") if found is None else found
        return self._usual

    @property
    def typical_ms(self) -> float | None:
        """The median without pauses."""
        return median(self._parts(pauses=False))

    @property
    def slow_ms(self) -> float | None:
        """What one in twenty of the times without pauses exceeds."""
        parts = self._parts(pauses=False)
        many = sum(int(counts.sum()) for _, counts in parts) >= _MIN_TIMES
        return quantile(parts, _SLOW) if many else None

    @property
    def pauses(self) -> int:
        """How many pauses there are."""
        return sum(int(counts.sum()) for _, counts in self._parts(pauses=True))

    @property
    def pause_ms(self) -> float | None:
        """The median pause, without the first time of a process: its compilation."""
        return median(self._parts(pauses=True, first=False))

    @property
    def mfu_ms(self) -> float | None:
        """MFU times ms of an iteration, out of nanoGPT's running mean."""
        return self._mfu.constant()

    def _parts(self, *, pauses: bool, first: bool = True) -> list[Counted]:
        """The times that are pauses, or that are none, in one part."""
        key = pauses, first
        if key not in self._parts_of:
            self._parts_of[key] = merged(self._chosen(pauses=pauses, first=first))
        return [self._parts_of[key]]

    def _chosen(self, *, pauses: bool, first: bool) -> list[Counted]:
        usual = self.usual_ms
        found = []
        for (eventful, of_process), counted in self._times.items():
            if of_process and not first:
                continue
            values, counts = counted.counted()
            limit = PAUSE_AFTER_EVENT if eventful else PAUSE
            chosen = (values > limit * usual) == pauses
            found.append((values[chosen], counts[chosen]))
        return found


class _Mfu:
    """nanoGPT's running mean of MFU, undone.

    The mean forgets a pause only after ten lines, which makes a saw-tooth.  MFU is
    some constant over the time of the iteration; the constant is the median of
    what undoing the mean gives, m[t] - 0.9 m[t-1] over 0.1, times the time.
    """

    def __init__(self) -> None:
        self._products = Distribution()
        self._last: float | None = None
        self._paired = True  # MFU and time stand on the same lines

    def update(self, mfu: Curve | None, time: Curve) -> None:
        """Takes in new records."""
        if mfu is None or not self._paired:
            return
        self._paired = len(mfu) == len(time)
        if not self._paired or not len(mfu):
            return
        last = np.nan if self._last is None else self._last
        before = np.append(last, mfu.values[:-1])
        self._last = float(mfu.values[-1])
        with np.errstate(invalid="ignore"):
            fresh = (mfu.values - _MFU_DECAY * before) / (1 - _MFU_DECAY)
            usable = (before > 0) & (fresh > 0) & (time.values > 0)
            self._products.add((fresh * time.values)[usable])

    def constant(self) -> float | None:
        """MFU times ms, None where it is not known."""
        return self._products.median() if self._paired else None
