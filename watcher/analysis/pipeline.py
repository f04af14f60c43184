"""One analysis of one log, now: reads, measures, judges."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from parsers.parser import Parser
from watcher.analysis import rules
from watcher.analysis.curves import analyse
from watcher.analysis.model import Analysis
from watcher.analysis.summary import verdict
from watcher.ingest import decompress
from watcher.storage.columns import Run


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A log that was read to its end.

    Attributes:
        analysis: what is known of the run, with findings.
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
    progress: Callable[[int], None] = lambda _: None,
) -> Reading:
    """Reads a whole log; `progress` is told the bytes of the file read so far.

    Raises:
        InputError: it cannot be read.
    """
    parser, run, size = parser or Parser(), Run(), 0
    for chunk, size in decompress.chunks(path):
        run.add(parser.feed(chunk))
        progress(size)
    run.add(parser.flush())
    changed_at = path.stat().st_mtime
    plain = analyse(
        run, name=path.stem, path=str(path), window=window, changed_at=changed_at
    )
    return Reading(judged(plain, settings or rules.Settings()), parser, size)


def judged(plain: Analysis, settings: rules.Settings) -> Analysis:
    """The analysis with what the rules find, and the verdict that follows."""
    found = replace(plain, findings=rules.findings(plain, settings))
    if found.val is None or found.summary.final_val is None:
        return found
    word = verdict(found, found.summary.ratio, found.summary.evaluations)
    return replace(found, summary=replace(found.summary, verdict=word))
