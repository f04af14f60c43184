"""A chart of letters, for a terminal."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints


_AXIS: Final = 8


def chart(
    curves: Sequence[tuple[str, Ints, Floats]], *, width: int, height: int
) -> list[str]:
    """Lines of text in which each curve is drawn by its mark, later ones on top.

    `curves`: of each its mark (one character), steps and values, shape (n,); values
    that are not finite are left out.  Empty where there is nothing to draw.
    """
    kept = [(mark, steps[ok], values[ok]) for mark, steps, values, ok in _known(curves)]
    kept = [curve for curve in kept if len(curve[1])]
    if not kept:
        return []
    low, high = _span([values for _, _, values in kept])
    first, last = _span([steps.astype(np.float64) for _, steps, _ in kept])
    columns = max(1, width - _AXIS - 1)
    rows = [[" "] * columns for _ in range(height)]
    for mark, steps, values in kept:
        x = np.rint((steps - first) / (last - first) * (columns - 1)).astype(int)
        y = np.rint((high - values) / (high - low) * (height - 1)).astype(int)
        for column, row in zip(x.tolist(), y.tolist(), strict=True):
            rows[row][column] = mark
    labels = {0: f"{high:.4g}", height - 1: f"{low:.4g}"}
    return [
        f"{labels.get(n, ''):>{_AXIS}}│" + "".join(row).rstrip()
        for n, row in enumerate(rows)
    ]


def _known(
    curves: Sequence[tuple[str, Ints, Floats]],
) -> list[tuple[str, Ints, Floats, np.ndarray]]:
    return [(mark, s, v, np.isfinite(v)) for mark, s, v in curves]


def _span(columns: Sequence[Floats]) -> tuple[float, float]:
    """Least and greatest, apart even where all are equal."""
    low = min(float(column.min()) for column in columns)
    high = max(float(column.max()) for column in columns)
    return low, high if high > low else low + 1.0
