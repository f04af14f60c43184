"""The line of a step, looked up from the end of a run."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from watcher.storage.database import Database
from watcher.storage.spans import Columns, Span, with_metric


_BLOCK: Final = 1 << 16


def line_of(
    database: Database, run: int, step: int, metrics: Sequence[str]
) -> int | None:
    """The last line with a step, or the last one before it, of the first known metric.

    None where the run has no such record.  Only steps behind it are read: alerts
    are of what was just read.
    """
    columns = Columns(database.connection)
    try:
        spans = columns.spans(run)
        metric = next((m for m in metrics if with_metric(spans, m)), None)
        if metric is None:
            return None
        groups = with_metric(spans, metric)
        found = [_in_group(columns, group, step) for group in groups]
        exact = [line for line, known in filter(None, found) if known == step]
        return max(exact or [line for line, _ in filter(None, found)], default=None)
    finally:
        columns.close()


def _in_group(
    columns: Columns, group: Sequence[Span], step: int
) -> tuple[int, int] | None:
    """Line and step of the last record that is not behind a step."""
    for span, start, stop in _backwards(group):
        steps = columns.read(span, "steps", start, stop)
        before = np.flatnonzero(steps <= step)
        if len(before):
            at = start + int(before[-1])
            line = columns.read(span, "lines", at, at + 1)
            return int(line[0]), int(steps[before[-1]])
    return None


def _backwards(group: Sequence[Span]) -> Iterator[tuple[Span, int, int]]:
    for span in reversed(group):
        for stop in range(span.records, 0, -_BLOCK):
            yield span, max(0, stop - _BLOCK), stop
