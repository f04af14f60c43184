"""The content of a panel: lines, labels, scales."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from parsers.batch import Floats
from watcher.outputs.plot.ticks import Scale


Dashes = Literal["-"] | tuple[float, Sequence[float]]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One line of a panel.

    Attributes:
        x, y: float64, shape (n,), decimated; a value that is not finite is a gap.
        dots: whether every point has a mark, for curves of few points.

    """

    x: Floats
    y: Floats
    colour: str
    width: float = 2.0
    alpha: float = 1.0
    dots: bool = False
    dashes: Dashes = "-"


@dataclass(frozen=True, slots=True)
class End:
    """A label to the right of a panel, at the height of a value.

    `at`: x of the last point; a line that ends early is labelled where it ends.
    """

    value: float
    text: str
    colour: str
    at: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The content of a panel; without a `y` scale a note that the log lacks it.

    Attributes:
        note: units and how to read it, one line under the title.
        x: scale of its own, None for the one of the sheet; `x_name` names it.
        marks: x of what is above the scale or no part of it, ticked at the top.

    """

    title: str
    note: str = ""
    y: Scale | None = None
    traces: tuple[Trace, ...] = ()
    ends: tuple[End, ...] = ()
    marks: Floats = field(default_factory=lambda: np.empty(0))
    x: Scale | None = None
    x_name: str = ""
