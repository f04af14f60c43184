"""Which of several runs are coloured: the best ones, in a common unit."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from watcher.analysis.model import Analysis
from watcher.outputs.plot.axis_range import (
    last,
)
from watcher.outputs.plot.lines import Look, best
from watcher.outputs.plot.theme import printable
from watcher.outputs.plot.view import Dashes


# From the fifth run on lines are dashed: a second mark beside the hue.
_SOLID = 4


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A run with its colour, None for grey."""

    analysis: Analysis
    colour: str | None
    dashes: Dashes

    @property
    def name(self) -> str:
        """Give the name as the font can show it."""
        return printable(self.analysis.name)


def coloured(analyses: Sequence[Analysis], look: Look) -> list[Run]:
    """Colour the best runs in the order given; the grey ones come first, behind."""
    hues = look.theme.runs
    unit = common_unit(analyses)
    ranked = sorted(range(len(analyses)), key=lambda i: rank(analyses[i], unit))
    chosen = sorted(ranked[: len(hues)])
    grey = [a for i, a in enumerate(analyses) if i not in chosen]
    return [
        *(Run(analysis, None, "-") for analysis in grey),
        *(
            Run(analyses[i], hues[place], "-" if place < _SOLID else (0, (4, 1.2)))
            for place, i in enumerate(chosen)
        ),
    ]


def rank(analysis: Analysis, unit: str) -> tuple[int, float]:
    """Order runs: by best validation in the common unit, else by training loss."""
    found = best(analysis)
    if found is not None and analysis.val is not None and analysis.val.unit == unit:
        return 0, found[1]
    value = None if analysis.train_smooth is None else last(analysis.train_smooth)
    return (1, value) if value is not None else (2, 0.0)


def common_unit(analyses: Sequence[Analysis]) -> str:
    """Find the unit in which most runs are validated; "" without validation."""
    units = Counter(a.val.unit for a in analyses if a.val is not None and len(a.val))
    return units.most_common(1)[0][0] if units else ""
