"""A loss that is NaN or infinite."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured


def not_finite(run: Measured) -> list[Finding]:
    """Fires at the first value that is not finite, resolves when all losses are."""
    curves = [c for c in (run.train, run.val) if c is not None]
    events = sorted(
        (int(c.lines[i]), int(c.steps[i]), c.metric, finite)
        for c in curves
        for i, finite in _changes(c)
    )
    return list(_findings(events))


def _changes(curve: Curve) -> Iterator[tuple[int, bool]]:
    """Indices at which a curve becomes not finite, and finite again."""
    finite = np.isfinite(curve.values)
    changed = np.flatnonzero(np.diff(finite, prepend=np.True_))
    yield from ((int(i), bool(finite[i])) for i in changed)


def _findings(events: list[tuple[int, int, str, bool]]) -> Iterator[Finding]:
    """One finding until all losses are finite: there is one cause."""
    bad: set[str] = set()
    found: Finding | None = None
    for _, step, metric, finite in events:
        if not finite:
            evidence = {"metric": metric}
            bad.add(metric)
            found = found or Finding("not_finite", "critical", step, step, evidence)
            continue
        bad.discard(metric)
        if found and not bad:
            yield replace(found, cleared_step=step)
            found = None
    if found:
        yield found
