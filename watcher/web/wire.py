"""Curves as a browser takes them: a small JSON head, then columns of float64.

uint32   length of the head, a multiple of 8 less 4
JSON     {"curves": [{"metric", "records", "last_line", "span", "parts": [...]}]}
float64  for each part: x0, x1, first, low, high, last; little-endian
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson

from watcher.views.clock import Clock
from watcher.views.pyramid import Cells
from watcher.views.series import Curve
from watcher.views.source import Points


_ALIGNED: Final = 8


def encoded(
    curves: Sequence[Curve],
    axis: str,
    extra: Mapping[str, Any],
    clock: Clock | None = None,
) -> bytes:
    """Curves in one window; `extra` goes into the head.

    `clock`: gives the keys of an axis of time.
    """
    head = {**extra, "curves": [_head(curve) for curve in curves]}
    text = orjson.dumps(head)
    text += b" " * (-(len(text) + 4) % _ALIGNED)
    columns = [
        column
        for curve in curves
        for _, cells in curve.parts
        for column in _columns(cells, axis, clock)
    ]
    body = np.concatenate(columns) if columns else np.empty(0)
    return len(text).to_bytes(4, "little") + text + body.astype("<f8").tobytes()


def points(found: Mapping[str, Points]) -> dict[str, list[list[float | None]]]:
    """Points of each metric as lists of line, step and value."""
    return {
        name: [
            [line, step, value if np.isfinite(value) else None]
            for line, step, value in zip(
                p.lines.tolist(), p.steps.tolist(), p.values.tolist(), strict=True
            )
        ]
        for name, p in found.items()
    }


def _head(curve: Curve) -> dict[str, Any]:
    return {
        "metric": curve.metric,
        "records": curve.records,
        "last_line": curve.last_line,
        "span": curve.span,
        "smooth": curve.smooth,
        "parts": [
            {
                "cells": len(cells),
                "first_line": stretch.first_line,
                "bad": [[int(i), int(cells.bad[i])] for i in np.flatnonzero(cells.bad)],
            }
            for stretch, cells in curve.parts
        ],
    }


def _columns(cells: Cells, axis: str, clock: Clock | None) -> list[Any]:
    keys = [cells.key(axis, end) for end in ("first", "last")]
    return [
        *(keys if clock is None else map(clock.at, keys)),
        *(cells.first, cells.low, cells.high, cells.last),
    ]
