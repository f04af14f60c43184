"""Every end of a run: with an error, or as planned."""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

import numpy as np

from parsers.batch import Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Measured
from watcher.analysis.outcome import ENDS, cause, last_step, outcome, quoted


_BEGINNINGS: Final = frozenset({"start", "resumed"})


def ended(run: Measured) -> list[Finding]:
    """Crashed or finished, where the log states it; resolves when the run goes on.

    A run that a person interrupted is no finding.
    """
    return [*_survived(run), *_last(run)]


def _last(run: Measured) -> Iterator[Finding]:
    """How it ended as far as the log goes."""
    end, step = outcome(run), last_step(run)
    if end.name == "finished" and step is not None:
        evidence = {"outcome": end.name, "text": end.text}
        yield Finding("finished", "info", step, evidence=evidence)
    elif end.name not in {None, "finished", "interrupted"}:
        yield _crash(str(end.name), end.text, step)


def _survived(run: Measured) -> Iterator[Finding]:
    """Ends after which the run was started again; not errors that it survived."""
    if not any(m.kind in ENDS for m in run.milestones):
        return
    lines, steps = _records(run)
    # A milestone on a record's own line comes after the record.
    ends = np.searchsorted(lines, [m.line for m in run.milestones], side="right")
    pairs = zip(ends.tolist(), run.milestones, strict=True)
    for at, group in groupby(pairs, key=lambda pair: pair[0]):
        between = [m for _, m in group]
        why = cause([m for m in between if m.kind in ENDS])
        if at == len(lines) or why is None or why.kind in {"finished", "interrupted"}:
            continue
        restarted = any(m.kind in _BEGINNINGS and m.line > why.line for m in between)
        if restarted or (at and steps[at] <= steps[at - 1]):
            before = int(steps[at - 1]) if at else None
            yield _crash(ENDS[why.kind], quoted(why.text), before, int(steps[at]))


def _records(run: Measured) -> tuple[Ints, Ints]:
    """Lines and steps of the losses, in the order of the log."""
    curves = [c for c in (run.train, run.val) if c is not None]
    if not curves:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    lines = np.concatenate([c.lines for c in curves])
    order = lines.argsort(kind="stable")
    return lines[order], np.concatenate([c.steps for c in curves])[order]


def _crash(
    outcome: str, text: str | None, step: int | None, cleared: int | None = None
) -> Finding:
    evidence: dict[str, float | int | str | None] = {"outcome": outcome, "text": text}
    if step is None:
        evidence["records"] = 0  # it ended before its first step
    return Finding(
        "crashed", "critical", step or 0, evidence=evidence, cleared_step=cleared
    )
