"""The lines of losses: decimated, broken where the run was, labelled at their end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Curve, Segment
from watcher.analysis.segments import restarts, went_back
from watcher.outputs.plot.axis_range import FEW, Points, last
from watcher.outputs.plot.decimate import Mask, averages, decimate
from watcher.outputs.plot.theme import Theme
from watcher.outputs.plot.ticks import Scale
from watcher.outputs.plot.view import End, Trace
from watcher.outputs.text.catalog import tr
from watcher.outputs.text.findings import in_epochs
from watcher.outputs.text.numbers import loss


# Above this many evaluations marks touch one another on the large panel.
DOTS = 120
# On a small one marks touch above this many.
FEW_DOTS = 30


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is wanted: its colours, its language, its scale of steps."""

    theme: Theme
    lang: str
    x: Scale
    epochs: bool = False

    def tr(self, text: str, **values: object) -> str:
        """The text in the picture's language, with epochs where steps are epochs."""
        shown = tr(self.lang, text, **values)
        return in_epochs(shown) if self.epochs else shown


def kept(curve: Curve) -> Mask | None:
    """Mask of the points that no restart superseded, None for all."""
    return None if curve.current.all() else curve.current


def decimated(curve: Curve, values: Floats, keep: Mask | None, x: Scale) -> Points:
    """Decimate a column of a curve."""
    at = decimate(values, keep=keep, log=x.log)
    return broken(curve.steps[at].astype(np.float64), values[at])


def broken(steps: Floats, values: Floats) -> Points:
    """Insert NaN where steps go back, so that matplotlib breaks the line."""
    back = went_back(steps)
    return np.insert(steps, back, np.nan), np.insert(values, back, np.nan)


def superseded(curve: Curve, parts: Sequence[Segment], x: Scale) -> Points:
    """Decimate the points that a restart superseded, with gaps between segments."""
    at = decimate(curve.values, keep=~curve.current, log=x.log)
    cuts = np.flatnonzero(np.diff(curve.current)) + 1
    cuts = np.union1d(cuts, restarts(curve.lines, parts))
    return lifted(at, curve.steps, curve.values[at], cuts)


def lifted(at: Ints, steps: Ints, values: Floats, cuts: Ints) -> Points:
    """Break a line of the points `at` before each of the indices `cuts`."""
    gaps = np.flatnonzero(np.diff(np.searchsorted(cuts, at, side="right"))) + 1
    across = np.insert(steps[at].astype(np.float64), gaps, np.nan)
    return broken(across, np.insert(values, gaps, np.nan))


def end(
    values: Floats,
    text: str,
    colour: str,
    look: Look,
    *,
    at: Floats | None = None,
    shown: float | None = None,
) -> tuple[End, ...]:
    """Label a line with its name and its last value; none without values.

    `shown`: the figure of the report instead of where a smoothed line ends.
    """
    value = last(values)
    if value is None:
        return ()
    where = None if at is None else float(at[np.flatnonzero(np.isfinite(values))[-1]])
    figure = loss(value if shown is None else shown, look.lang)
    return (End(value, f"{text} {figure}".strip(), colour, where),)


def final_loss(analysis: Analysis) -> float | None:
    """The one training loss of a run that every label and text names."""
    return analysis.summary.final_loss


def name(trace: Trace, look: Look) -> str:
    """Name a line by its hue."""
    return look.tr("validation" if trace.colour == look.theme.val else "train")


def raw_line(analysis: Analysis, look: Look) -> Iterator[Trace]:
    """Draw the loss of every iteration as a thin line."""
    train = analysis.train
    if train is not None and len(train):
        points = decimated(train, train.values, kept(train), look.x)
        yield Trace(*points, look.theme.train, width=0.6, alpha=0.3)


def validation_line(analysis: Analysis, look: Look) -> Iterator[Trace]:
    """Draw validation as a bold line, each evaluation a mark while they are few."""
    val = analysis.val
    if val is not None and len(val):
        points = decimated(val, val.values, kept(val), look.x)
        yield Trace(*points, look.theme.val, dots=len(points[0]) <= DOTS)


def moving(analysis: Analysis, train: Curve, look: Look) -> Trace:
    """Draw the centred moving average of the training loss."""
    smooth = train.values if analysis.train_smooth is None else analysis.train_smooth
    at, means = averages(smooth, keep=kept(train), log=look.x.log)
    # At the end a centred window shrinks to one noisy value, which would be read as
    # where training stands: the last quarter of a window holds the mean before it.
    settled = len(smooth) - 1 - analysis.window // 4
    if settled > 0 and np.isfinite(smooth[settled:]).all():
        means = np.where(at > settled, smooth[settled], means)
    cuts = restarts(train.lines, analysis.segments)
    points = lifted(at, train.steps, means, cuts)
    return Trace(*points, look.theme.train, dots=len(train) <= FEW_DOTS)


def averaged(analysis: Analysis) -> bool:
    """Whether the large panel holds the moving average of the training loss."""
    if not shows_validation(analysis):
        return True
    train, beside = analysis.train, analysis.val_train
    known = 0 if beside is None else int(np.isfinite(beside).sum())
    return train is not None and len(train) > known and known < FEW


def overfitting(analysis: Analysis) -> Finding | None:
    """Find the overfitting that lasts."""
    lasting = (f for f in analysis.findings if f.cleared_step is None)
    return next((f for f in lasting if f.rule == "overfitting"), None)


def shows_validation(analysis: Analysis) -> bool:
    """Whether the large panel holds validation: beside training, or instead of it."""
    return analysis.comparable or not _trains_alone(analysis)


def _trains_alone(analysis: Analysis) -> bool:
    """Whether training is the story: validation has other units, or no points."""
    train, val = analysis.train, analysis.val
    if train is None or np.isfinite(train.values).sum() < FEW:
        return val is None or not len(val)
    return not analysis.comparable and overfitting(analysis) is None


def best(analysis: Analysis) -> tuple[int, float] | None:
    """Give step and value of the best evaluation."""
    summary, val = analysis.summary, analysis.val
    if summary.best_val is not None and summary.best_val_step is not None:
        return summary.best_val_step, summary.best_val
    if val is None or not (usable := np.isfinite(val.values) & val.current).any():
        return None
    at = int(np.where(usable, val.values, np.inf).argmin())
    return int(val.steps[at]), float(val.values[at])
