"""Runs by their name, and their points by step."""

import difflib
from collections.abc import Sequence
from typing import Final

from parsers import metrics
from parsers.metrics import VALIDATION
from watcher.errors import InputError
from watcher.storage.rows import Row
from watcher.views.series import Series


# A step is looked up in the first of these that a run has.
_MAIN: Final = ("loss", "train_loss", *VALIDATION)


def find(rows: Sequence[Row], name: str) -> Row:
    """The run of a name, or the only one whose name ends with it or holds it.

    Raises:
        InputError: there is none, or several.
    """
    for fits in (str.__eq__, str.endswith, str.__contains__):
        found = [row for row in rows if fits(row.name, name)]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(row.name for row in found[:5])
            raise InputError(
                "{name} is the name of several runs: {names}",
                name=repr(name),
                names=names,
            )
    near = difflib.get_close_matches(name, [row.name for row in rows], n=3)
    text = "no run named {name}; see gptwatch status"
    if near:
        text = "no run named {name}; did you mean {near}?"
    raise InputError(text, name=repr(name), near=", ".join(near))


def line_of(series: Series, run: int, step: float) -> int | None:
    """The line of the point that is nearest to a step; None without any point."""
    known = series.metrics(run)
    metric = next((name for name in _MAIN if name in known), next(iter(known), None))
    if metric is None:
        return None
    point = series.near(run, [metric], "steps", step)[metric]
    return int(point.lines[0])


def unit(row: Row, metric: str) -> str:
    """The unit of a metric in a run, by the format of its log."""
    from parsers.formats import FORMATS  # many modules, for some screens only

    form = next((form for form in FORMATS if form.name == row.format), None)
    known = form.units if form else {}
    return known.get(metrics.plain(metric), metrics.unit(metric))
