"""The training loss rises slowly: from the first record on, or after its minimum."""

from dataclasses import replace
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.blocks import Blocks
from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.rules.between_restarts import BetweenRestarts
from watcher.analysis.rules.settings import RisingLoss
from watcher.analysis.rules.state import folded


# The means of the fifths of the records so far are compared, each time that the log
# has grown by a quarter or less.  Records stand in blocks of one size, so that a fifth
# is some blocks; so many blocks become half as many of twice the size.
_PARTS: Final = 5
_FIRST: Final = 40
_COMPARED: Final = (_FIRST, 50, 60, 70)
# Parts that must rise, one above the other.
_RISES: Final = 2
_STANDARD_ERRORS: Final = 5.0
# The level of now is that of so small a part.
_LATEST: Final = 20


class RisingLossState(BetweenRestarts[RisingLoss]):
    """The means of fifths of a segment rise to its end, beyond their standard errors.

    Of losses above 0 only: others have no scale.  Resolves when the last records
    have come half of the way back.
    """

    def _begin(self) -> "_Segment":
        return _Segment()


def rising_loss(run: Measured, settings: RisingLoss) -> list[Finding]:
    """The findings of a whole run."""
    return folded(RisingLossState(settings), run)


class _Segment:
    """Losses between restarts."""

    def __init__(self) -> None:
        self._blocks = Blocks(2 * _FIRST)
        self._found: list[Finding] = []
        # What is firing, below which mean it resolves, of how many records.
        self._firing: tuple[Finding, float, int] | None = None
        self._ended = False  # a value was not above 0

    def add(self, steps: Ints, values: Floats, settings: RisingLoss) -> None:
        """Judges new points."""
        if self._ended:
            return
        bad = np.flatnonzero(values <= 0)
        self._ended = bool(len(bad))
        end = int(bad[0]) if len(bad) else len(values)
        for step in self._blocks.add(steps[:end], values[:end]):
            if self._firing:
                self._resolve(step)
            elif len(self._blocks) in _COMPARED:
                self._compare(step, settings)

    def findings(self) -> list[Finding]:
        """Those of this segment."""
        if self._firing is None:
            return self._found
        return [*self._found, self._as_of_now(self._firing[0])]

    def _as_of_now(self, finding: Finding) -> Finding:
        """The finding with the level of the last twentieth of the records."""
        count = max(1, len(self._blocks) // _LATEST)
        total = float(self._blocks.sums(count)[:, 0].sum())
        after = total / (count * self._blocks.size)
        before = float(finding.evidence["before"] or 0)
        level = {"after": after, "rise_share": after / before - 1}
        return replace(finding, evidence={**finding.evidence, **level})

    def _resolve(self, step: int) -> None:
        assert self._firing is not None
        finding, limit, width = self._firing
        count = max(1, width // self._blocks.size)
        total = float(self._blocks.sums(count)[:, 0].sum())
        if total / (count * self._blocks.size) < limit:
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
            since_step=self._blocks.first_step(low * count),
            evidence={
                "before": before,
                "after": after,
                "rise_share": after / before - 1,
            },
        )
        self._firing = finding, (before + after) / 2, count * self._blocks.size // 2

    def _fifths(self) -> tuple[Floats, Floats]:
        """Means of the fifths and their standard errors."""
        count = len(self._blocks) // _PARTS
        records = count * self._blocks.size
        sums = self._blocks.sums(len(self._blocks))
        parts = sums.reshape(_PARTS, count, 2).sum(axis=1) / records
        means, squares = parts[:, 0], parts[:, 1]
        variance = np.maximum(squares - means**2, 0.0)
        return means, np.sqrt(variance / records)
