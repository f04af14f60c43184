"""The training loss rises slowly: from the first record on, or after its minimum."""

from dataclasses import replace
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.settings import RisingLoss
from watcher.analysis.rules.state import folded
from watcher.analysis.segments import SegmentCursor


# The means of the fifths of the records so far are compared, each time that the log
# has grown by a quarter or less.  Records stand in blocks of one size, so that a fifth
# is some blocks; so many blocks become half as many of twice the size.
_PARTS: Final = 5
_FIRST: Final = 40
_COMPARED: Final = (_FIRST, 50, 60, 70)
_MOST: Final = 2 * _FIRST
# Parts that must rise, one above the other.
_RISES: Final = 2
_STANDARD_ERRORS: Final = 5.0


class RisingLossState:
    """The means of fifths of a segment rise to its end, beyond their standard errors.

    Of losses above 0 only: others have no scale.  Resolves when the last records
    have come half of the way back.
    """

    def __init__(self, settings: RisingLoss) -> None:
        self._settings = settings
        self._cursor = SegmentCursor()
        self._found: list[Finding] = []
        self._segment = _Segment()

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        curve = new.train
        if curve is None:
            return
        keep = np.isfinite(curve.values)
        steps, values = curve.steps[keep], curve.values[keep]
        for low, high, begun in self._cursor.parts(curve.lines[keep], new.segments):
            if begun:
                self._found += self._segment.findings()
                self._segment = _Segment()
            self._segment.add(steps[low:high], values[low:high], self._settings)

    def findings(self, run: Measured) -> list[Finding]:
        """Every rise, in the order of the log."""
        del run
        return [*self._found, *self._segment.findings()]


def rising_loss(run: Measured, settings: RisingLoss) -> list[Finding]:
    """The findings of a whole run."""
    return folded(RisingLossState(settings), run)


class _Segment:
    """Losses between restarts, in blocks of `_size` records.

    Attributes of a block: its sum, the sum of its squares, its first step.
    """

    def __init__(self) -> None:
        self._size = 1
        self._blocks: list[tuple[float, float, int]] = []
        self._open = (0.0, 0.0, 0)  # the block that is not complete
        self._filled = 0
        self._found: list[Finding] = []
        # What is firing, below which mean it resolves, of how many records.
        self._firing: tuple[Finding, float, int] | None = None
        self._ended = False  # a value was not above 0

    def add(self, steps: Ints, values: Floats, settings: RisingLoss) -> None:
        """Judges new points."""
        bad = np.flatnonzero(values <= 0)
        end = int(bad[0]) if len(bad) else len(values)
        at = 0
        while at < end and not self._ended:
            taken = min(end - at, self._size - self._filled)
            self._extend(steps[at : at + taken], values[at : at + taken])
            at += taken
            if self._filled == self._size:
                self._complete(int(steps[at - 1]), settings)
        self._ended = self._ended or end < len(values)

    def findings(self) -> list[Finding]:
        """Those of this segment."""
        return [*self._found, self._firing[0]] if self._firing else self._found

    def _extend(self, steps: Ints, values: Floats) -> None:
        total, squares, step = self._open
        # One after the other: sums are the same wherever the log was cut.
        total = float(np.cumsum(np.append(total, values))[-1])
        squares = float(np.cumsum(np.append(squares, values * values))[-1])
        self._open = total, squares, step if self._filled else int(steps[0])
        self._filled += len(values)

    def _complete(self, step: int, settings: RisingLoss) -> None:
        """A block is complete; `step`: of its last record."""
        self._blocks.append(self._open)
        self._open, self._filled = (0.0, 0.0, 0), 0
        if len(self._blocks) == _MOST:
            pairs = zip(self._blocks[::2], self._blocks[1::2], strict=True)
            self._blocks = [(a + b, c + d, first) for (a, c, first), (b, d, _) in pairs]
            self._size *= 2
        if self._firing:
            self._resolve(step)
        elif len(self._blocks) in _COMPARED:
            self._compare(step, settings)

    def _resolve(self, step: int) -> None:
        assert self._firing is not None
        finding, limit, width = self._firing
        count = max(1, width // self._size)
        total = sum(block[0] for block in self._blocks[-count:])
        if total / (count * self._size) < limit:
            self._found.append(replace(finding, cleared_step=step))
            self._firing = None

    def _compare(self, step: int, settings: RisingLoss) -> None:
        means, errors = self._fifths()
        low = int(means.argmin())
        rise = float(means[-1] - means[low])
        error = float(np.hypot(errors[-1], errors[low]))
        if _PARTS - 1 - low < _RISES or not (np.diff(means[low:]) > 0).all():
            return
        if rise <= max(settings.rise * means[low], _STANDARD_ERRORS * error):
            return
        before, after = float(means[low]), float(means[-1])
        count = len(self._blocks) // _PARTS
        finding = Finding(
            "rising_loss",
            "warning",
            step,
            since_step=self._blocks[low * count][2],
            evidence={
                "before": before,
                "after": after,
                "rise_share": after / before - 1,
            },
        )
        self._firing = finding, (before + after) / 2, count * self._size // 2

    def _fifths(self) -> tuple[Floats, Floats]:
        """Means of the fifths and their standard errors."""
        count = len(self._blocks) // _PARTS
        records = count * self._size
        sums = np.array([block[:2] for block in self._blocks])
        parts = sums.reshape(_PARTS, count, 2).sum(axis=1) / records
        means, squares = parts[:, 0], parts[:, 1]
        variance = np.maximum(squares - means**2, 0.0)
        return means, np.sqrt(variance / records)
