"""A run as event files in a directory, for TensorBoard."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.model import Analysis
from watcher.export import events
from watcher.export.tags import tag
from watcher.files import write_atomically
from watcher.outputs.text.findings import sentence
from watcher.outputs.text.headline import headline


NAME: Final = "events.out.tfevents.0.gptwatch"
TEXT_TAG: Final = "gptwatch/run"
# Points whose times are in memory at once.
_POINTS: Final = 1 << 18


def write(analysis: Analysis, folder: Path, *, superseded: str) -> list[Path]:
    """Writes the event files of a run; where they are.

    `superseded`: "drop" leaves out points whose steps were trained again; "keep" gives
    each segment a directory of its own, as TensorBoard shows one curve a directory.

    Raises:
        OutputError: they cannot be written.
    """
    if superseded == "drop" or len(analysis.segments) < 2:  # noqa: PLR2004
        parts = [analysis]
    else:
        parts = list(_segments(analysis))
    made = []
    for number, part in enumerate(parts, 1):
        below = folder / f"segment-{number}" if number > 1 else folder
        write_atomically(below / NAME, _parts(part))
        made.append(below / NAME)
    return made


def _segments(analysis: Analysis) -> Iterator[Analysis]:
    """One analysis a segment, each with all its points."""
    starts = [segment.first_line for segment in analysis.segments]
    for first, after in zip(starts, [*starts[1:], None], strict=True):
        curves = {}
        for name, curve in analysis.curves.items():
            inside = curve.lines >= (first if first != starts[0] else 0)
            if after is not None:
                inside &= curve.lines < after
            if inside.any():
                curves[name] = curve.take(inside)
        yield replace(analysis, curves=curves)


def _parts(analysis: Analysis) -> Iterator[bytes]:
    times = Times(analysis)
    yield events.header(times.start)
    yield events.text(times.start, TEXT_TAG, _markdown(analysis))
    for name, curve in analysis.curves.items():
        for start in range(0, len(curve), _POINTS):
            part = slice(start, start + _POINTS)
            lines, steps = curve.lines[part], curve.steps[part]
            columns = times.at(lines), steps, curve.values[part]
            yield from events.scalars(tag(name), *columns)


class Times:
    """When the points of a log were written, as far as the log shows it.

    The last point was written when the log was last changed; the others before it, by
    the times that the log states.  Without any, all points have the time of the last.
    """

    def __init__(self, analysis: Analysis) -> None:
        main = analysis.train or analysis.val
        self._end = analysis.changed_at or 0.0
        self._lines: Ints = np.zeros(1, np.int64) if main is None else main.lines
        elapsed = analysis.elapsed_s
        known = elapsed is not None and main is not None and len(elapsed) == len(main)
        passed: Floats = elapsed if known and elapsed is not None else np.zeros(1)
        if len(passed) != len(self._lines):
            self._lines = np.zeros(1, np.int64)
        self._seconds = passed

    @property
    def end(self) -> float:
        """Of the last point."""
        return self._end

    @property
    def start(self) -> float:
        """Of the first point."""
        return self._end - float(self._seconds[-1] - self._seconds[0])

    def at(self, lines: Ints) -> Floats:
        """Seconds since 1970 of some rising lines, shape (n,)."""
        first, last = np.searchsorted(self._lines, lines[[0, -1]])
        known = slice(max(first - 1, 0), last + 1)
        passed = np.interp(lines, self._lines[known], self._seconds[known])
        times: Floats = self._end + (passed - self._seconds[-1])
        return times


def _markdown(analysis: Analysis) -> str:
    """What the run is and what was found, for the tab Text."""
    figures = {k: v for k, v in asdict(analysis.summary).items() if v is not None}
    rows = {"log": analysis.path, "format": analysis.format, **analysis.info, **figures}
    table = "".join(f"| {_cell(name)} | {_cell(rows[name])} |\n" for name in rows)
    findings = "".join(f"- {_cell(sentence(f))}\n" for f in analysis.findings)
    title = _cell(headline(analysis, "en"))
    return f"**{title}**\n\n{findings}\n| | |\n|---|---|\n{table}"


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())
