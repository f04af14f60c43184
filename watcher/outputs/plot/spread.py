"""Labels at the end of lines, pushed apart."""

import math
from collections.abc import Sequence
from itertools import pairwise

from watcher.outputs.plot.canvas import Box


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Push rising heights apart, moving as little as needed; all stay in bounds.

    Where there are too many for the room, they are spaced as far as it allows.
    """
    if len(wanted) > 1:
        gap = min(gap, (high - low) / (len(wanted) - 1))
    groups = [[height] for height in wanted]
    while True:
        centres = [_centre(group, gap, low, high) for group in groups]
        near = _first_collision(groups, centres, gap)
        if near is None:
            break
        groups[near : near + 2] = [groups[near] + groups[near + 1]]
    return [
        centre + (place - (len(group) - 1) / 2) * gap
        for group, centre in zip(groups, centres, strict=True)
        for place in range(len(group))
    ]


def _centre(group: Sequence[float], gap: float, low: float, high: float) -> float:
    half = (len(group) - 1) / 2 * gap
    return min(max(sum(group) / len(group), low + half), high - half)


def _first_collision(
    groups: Sequence[Sequence[float]], centres: Sequence[float], gap: float
) -> int | None:
    """Find the first group that is too near to the next."""
    reach = [(len(group) - 1) / 2 * gap for group in groups]
    tops = [centre + half for centre, half in zip(centres, reach, strict=True)]
    bottoms = [centre - half for centre, half in zip(centres, reach, strict=True)]
    # A billionth of an inch: groups that just touch after being pushed are fine.
    gaps = pairwise(range(len(groups)))
    return next((a for a, b in gaps if bottoms[b] - tops[a] < gap - 1e-9), None)


def between(y: float, box: Box) -> float:
    """Clip a height to the box; a non-finite one becomes the bottom."""
    return min(max(y, box.bottom), box.top) if math.isfinite(y) else box.bottom
