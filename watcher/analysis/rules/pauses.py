"""Times of iterations without those that hold an evaluation or a checkpoint."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints
from watcher.analysis.events import Events, event_lines
from watcher.analysis.model import Curve, Measured
from watcher.analysis.tail import Tail


# A time above this many typical ones holds more than an iteration; after an evaluation
# or a checkpoint, this much more is enough.
PAUSE: Final = 3.0
PAUSE_AFTER_EVENT: Final = 1.15
# Times of which one median is the typical one of the next: of the first and of others.
_FIRST_BLOCK: Final = 128
_PAUSE_BLOCK: Final = 1024


class Pauses:
    """Times without the pauses that an event explains.

    What is typical is the median of the block before, of the first block its own: it
    does not change any more, so that neither do the findings.
    """

    def __init__(self) -> None:
        self._events = Events()
        self._waiting = Tail(_FIRST_BLOCK)  # until the first block is complete
        self._eventful = np.empty(0, dtype=bool)  # of those: behind an event
        self._typical = math.nan
        self._block: list[Floats] = []  # of the block that is not complete
        self._left = _FIRST_BLOCK  # times until it is
        self._paused = False  # the last time was a pause

    def without(self, new: Measured, time: Curve) -> tuple[Ints, Floats]:
        """Steps and times that are no pauses, of those that can be judged now."""
        steps, values = time.steps, time.values
        eventful = self._events.behind(event_lines(new), time.lines)
        if math.isnan(self._typical):
            self._waiting.extend(steps, values)
            eventful = self._eventful = np.append(self._eventful, eventful)
            steps, values = self._waiting.steps, self._waiting.values
            if len(values) < _FIRST_BLOCK:
                return steps[:0], values[:0]
            first = values[:_FIRST_BLOCK]
            self._typical = float(np.median(first[np.isfinite(first)]))
            self._waiting, self._eventful = Tail(0), eventful[:0]
        kept = np.ones(len(values), dtype=bool)
        at = 0
        while at < len(values):
            part = slice(at, at + self._left)
            kept[part] = self._judged(values[part], eventful[part])
            at = part.stop
        return steps[kept], values[kept]

    def _judged(self, values: Floats, eventful: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which times of one block count."""
        after = eventful & (values > PAUSE_AFTER_EVENT * self._typical)
        pause = after | (values > PAUSE * self._typical)
        # The first slow iteration in a row, so that what follows need not be known.
        before = np.append(self._paused, pause[:-1])
        self._paused = bool(pause[-1])
        self._block.append(values.copy())  # a view would keep all of them in memory
        self._left -= len(values)
        if not self._left:
            block = np.concatenate(self._block)
            finite = block[np.isfinite(block)]
            self._typical = float(np.median(finite)) if len(finite) else self._typical
            self._block, self._left = [], _PAUSE_BLOCK
        return np.asarray(~pause | before)
