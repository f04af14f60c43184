"""Lines that state a step: later and earlier lines take theirs from them."""

from collections.abc import Sequence

import numpy as np

from parsers.batch import Floats, Ints
from parsers.engine.templates import Raw


def note_left(raws: Sequence[Raw]) -> None:
    """How many steps of the epoch come after each, where a line states N."""
    for raw in raws:
        size = raw.columns.get("per_epoch", raw.columns.get("count_of"))
        step, epoch = raw.columns.get("step"), raw.columns.get("epoch_no")
        if step is not None and epoch is not None and size is not None:
            raw.columns["left"] = np.where(size >= step, size - step, np.nan)


def anchors(
    raws: Sequence[Raw], owned: Sequence[Ints | None]
) -> tuple[Ints, Ints, Floats]:
    """Lines that state a step, with it and what is left, in the order of the log."""
    own = [
        (r.lines, steps, r.columns.get("left", np.full(len(steps), np.nan)))
        for r, steps in zip(raws, owned, strict=True)
        if steps is not None
    ]
    if not own:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    if len(own) == 1:
        return own[0]
    lines, steps, left = (np.concatenate(part) for part in zip(*own, strict=True))
    order = lines.argsort(kind="stable")
    return lines[order], steps[order], left[order]
