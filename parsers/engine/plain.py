"""Steps of a few lines of one pattern that state all that their records need.

A look at a growing log mostly yields such lines.  `Steps.settle` finds the same in them
with arrays, which cost ten times as much for a few lines.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from parsers.batch import Batch
from parsers.engine import stamps
from parsers.engine.templates import Raw
from parsers.format import WORDS


# More lines cost less by arrays.
_FEW: Final = 64
# Differences of larger steps may be no int64.
_LARGE: Final = float(1 << 53)
_TELL_MORE: Final = frozenset({*WORDS, *stamps.WORDS}) - {"step"}


def is_plain(raw: Raw) -> bool:
    """Whether the records are what the lines state, each with its step."""
    pattern, columns = raw.pattern, raw.columns
    if not 0 < len(raw.lines) <= _FEW or "step" not in columns or len(columns) == 1:
        return False
    if pattern.step == "none" or pattern.stands_in or pattern.restates >= 0:
        return False
    if pattern.repeats or not _TELL_MORE.isdisjoint(columns):
        return False
    steps = columns["step"].tolist()
    return all(-_LARGE < step < _LARGE for step in steps)  # not of NaN


def batch(raw: Raw) -> Batch:
    """The records of plain lines."""
    values = {name: column for name, column in raw.columns.items() if name != "step"}
    steps = raw.columns["step"].astype(np.int64)
    if raw.pattern.shift:
        steps += raw.pattern.shift
    return Batch(raw.pattern.name, raw.lines, steps, values)


def interval(before: int, steps: Sequence[int]) -> float:
    """Between the last two steps that rise; 0 where none does."""
    found = 0
    for step in steps:
        if step > before:
            found = step - before
        before = step
    return float(found)
