"""The pipeline of an analysis: curves, segments, rules, then summary and verdict."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from parsers.parser import Parser
from watcher.analysis import rules
from watcher.analysis.curves import measure
from watcher.analysis.model import Analysis, Measured
from watcher.analysis.summary import summary
from watcher.ingest import decompress
from watcher.storage.columns import Run


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A log that was read to its end.

    Attributes:
        analysis: what is known of the run.
        parser: what read it, for questions about how.
        bytes: size of the file.
    """

    analysis: Analysis
    parser: Parser
    bytes: int


def read(
    path: Path,
    *,
    window: int | None = None,
    settings: rules.Settings | None = None,
    parser: Parser | None = None,
    ended: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Reading:
    """Reads a whole log; `progress` gets the bytes read, `ended` is as in `Measured`.

    Raises:
        InputError: it cannot be read.
    """
    parser, run, size = parser or Parser(), Run(), 0
    for chunk, size in decompress.chunks(path):
        run.add(parser.feed(chunk))
        progress(size)
    run.add(parser.flush())
    analysis = analyse(
        run,
        name="stdin" if path == decompress.STDIN else path.stem,
        path=str(path),
        window=window,
        changed_at=time.time() if path == decompress.STDIN else path.stat().st_mtime,
        ended=ended,
        settings=settings,
    )
    return Reading(analysis, parser, size)


def analyse(
    run: Run,
    *,
    name: str,
    path: str,
    window: int | None = None,
    changed_at: float | None = None,
    ended: bool = False,
    settings: rules.Settings | None = None,
) -> Analysis:
    """All that is known of a run.

    `window`: points in the moving average; default min(50, n // 10) of the log.
    `ended`: as in `Measured`.
    """
    # A value near the largest float has an infinite variance: no rule is sure of it.
    with np.errstate(over="ignore", invalid="ignore"):
        measured = measure(
            run, name=name, path=path, window=window, changed_at=changed_at, ended=ended
        )
        findings = rules.findings(measured, settings)
        figures = summary(measured, findings)
    shared = {f.name: getattr(measured, f.name) for f in fields(Measured)}
    return Analysis(**shared, findings=findings, summary=figures)
