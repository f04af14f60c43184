"""A log that is read to its end, analysed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from parsers.parser import Parser
from watcher.analysis import rules
from watcher.analysis.course import Course
from watcher.analysis.curves import analysis, curve
from watcher.analysis.model import Analysis
from watcher.analysis.pieces import Log, Records
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
    log = Log(name, path, run.format, _info(run), changed_at=changed_at, ended=ended)
    columns = {metric: run.column(metric) for metric in run.metrics()}
    milestones = run.milestones()
    course = Course(settings)
    whole = Records(columns, milestones, run.lines)
    course.update(log, whole, whole.parts)
    curves = {
        metric: curve(metric, column, run.format, course.segments)
        for metric, column in columns.items()
    }
    return analysis(course, curves, milestones, lines=run.lines, window=window)


def _info(run: Run) -> dict[str, int | float | str | bool]:
    info = dict(run.facts)
    if run.planned is not None:
        info.setdefault("max_iters", run.planned)
    return info
