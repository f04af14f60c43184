"""What reading yields: columns of records, and lines that matter without a number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Records of one pattern, in the order of the log.

    Attributes:
        pattern: name of the line pattern that read them.
        lines: number of each record's line, from 1, int64, rising, shape (n,).
        steps: what the log calls the step, int64, shape (n,).
        values: metric name to float64 of shape (n,); NaN is a NaN in the log.
    """

    pattern: str
    lines: Ints
    steps: Ints
    values: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.lines)

    def take(self, where: Any) -> "Batch":
        """The records at an index array, a mask or a slice."""
        return Batch(
            self.pattern,
            self.lines[where],
            self.steps[where],
            {name: column[where] for name, column in self.values.items()},
        )


@dataclass(frozen=True, slots=True)
class Milestone:
    """A line that matters and has no metric.

    Attributes:
        kind: "start" (a new training begins), "checkpoint", "resumed", "traceback",
            "error" (the last line of a traceback), "out of memory", "killed",
            "cancelled", "interrupted", "nan" (the log itself states so), "finished",
            "skipped" (an optimizer step).
        line: its number in the log, from 1.
        step: the last step seen before it, None before the first.
        text: the line, without control characters, at most 300 characters.
    """

    kind: str
    line: int
    step: int | None
    text: str
