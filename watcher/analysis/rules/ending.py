"""How a run ended, each time that it did: with an error, or as it was meant to."""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

import numpy as np

from parsers.batch import Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.analysis.summary import ENDS, cause, quoted


_BEGINNINGS: Final = frozenset({"start", "resumed"})


def ended(analysis: Analysis) -> list[Finding]:
    """Crashed or finished, where the log says so; a crash is over when it goes on.

    Who interrupts a run knows it: that is no finding.
    """
    return [*_survived(analysis), *_last(analysis)]


def _last(analysis: Analysis) -> Iterator[Finding]:
    """How it ended as far as the log goes."""
    s = analysis.summary
    if s.outcome == "finished" and s.last_step is not None:
        evidence = {"outcome": s.outcome, "text": s.outcome_text}
        yield Finding("finished", "info", s.last_step, evidence=evidence)
    elif s.outcome not in {None, "finished", "interrupted"}:
        yield _crash(str(s.outcome), s.outcome_text, s.last_step)


def _survived(analysis: Analysis) -> Iterator[Finding]:
    """Ends behind which the run was started again; not errors that it outlived."""
    if not any(m.kind in ENDS for m in analysis.milestones):
        return
    lines, steps = _records(analysis)
    # What a record's own line says comes after it.
    ends = np.searchsorted(lines, [m.line for m in analysis.milestones], side="right")
    pairs = zip(ends.tolist(), analysis.milestones, strict=True)
    for at, said in groupby(pairs, key=lambda pair: pair[0]):
        between = [m for _, m in said]
        why = cause([m for m in between if m.kind in ENDS])
        if at == len(lines) or why is None or why.kind in {"finished", "interrupted"}:
            continue
        begun = any(m.kind in _BEGINNINGS and m.line > why.line for m in between)
        if begun or (at and steps[at] <= steps[at - 1]):
            before = int(steps[at - 1]) if at else None
            yield _crash(ENDS[why.kind], quoted(why.text), before, int(steps[at]))


def _records(analysis: Analysis) -> tuple[Ints, Ints]:
    """Lines and steps of the losses, in the order of the log."""
    curves = [c for c in (analysis.train, analysis.val) if c is not None]
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
