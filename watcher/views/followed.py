"""A run that is followed, as its picture and report read it: not all of its points."""

from collections.abc import Sequence
from typing import Final

from parsers import metrics
from parsers.format import Format
from watcher.analysis.curves import analysis, moving_window
from watcher.analysis.follow import Follower
from watcher.analysis.model import Analysis, Curve
from watcher.views import decimated
from watcher.views.series import Series


# Evaluations are few: all of them are shown.
_EVALUATIONS: Final = 1 << 13


def analysed(
    follower: Follower,
    series: Series,
    formats: Sequence[Format],
    *,
    window: int | None,
    log_x: bool,
) -> Analysis:
    """All that is known of a run, with as many points as a picture can show."""
    row, course = follower.row, follower.course
    assert row is not None, "update it first"
    form = next((f for f in formats if f.name == row.format), None)
    units = form.units if form else {}

    def curve(name: str, width: int, smooth: int = 0) -> Curve | None:
        return decimated.curve(
            series,
            row.id,
            name,
            parts=course.segments,
            unit=units.get(metrics.plain(name), metrics.unit(name)),
            width=width,
            smooth=smooth,
            log=log_x,
        )

    found = {name: curve(name, _width(name)) for name in course.metrics}
    curves = {name: c for name, c in found.items() if c is not None}
    smooth = None
    if "loss" in curves and len(curves["loss"]) < course.records:
        smooth = (
            curve("loss", _width("loss"), moving_window(course, window))
            if course.records < _LONG
            else course.levels()
        )
    return analysis(
        course,
        curves,
        follower.milestones,
        lines=row.lines,
        window=window,
        smooth=smooth,
    )


def _width(name: str) -> int:
    of_validation = name in metrics.VALIDATION or metrics.validation_set(name)
    return _EVALUATIONS // decimated.PER_PIXEL if of_validation else _PIXELS


# Of a longer curve a pixel shows more points than the moving average has.
_LONG: Final = 1 << 20
# The widest panel has some 1,250 pixels, and draws one stroke for two of them.
_PIXELS: Final = 600
