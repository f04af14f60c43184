"""The picture of a run: one large panel with the finding, three small ones, the facts.

The finding, the zone and the best step come from the analysis, which the alerts read
too: the picture and the alert cannot disagree.
"""

from typing import Literal

import matplotlib as mpl
import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Curve
from watcher.outputs.plot.axis_range import steps_scale
from watcher.outputs.plot.canvas import HEIGHT, WIDTH, Box, Sheet, TextStyle
from watcher.outputs.plot.captions import hyperparameters, source
from watcher.outputs.plot.loss_panels import Look, best, detail, hero
from watcher.outputs.plot.panels import Panel, Spot
from watcher.outputs.plot.side_panels import beside
from watcher.outputs.plot.theme import THEMES, printable, rc
from watcher.outputs.text.catalog import message
from watcher.outputs.text.numbers import integer, loss


# Left of the axes: tick labels of five digits; right of them: "validation 1.3661".
LEFT, RIGHT = 0.62, 1.48
# The last small panel ends with the large one, its value beside it.
_VALUE = RIGHT
# Between two small panels: a value at the end of one, numbers of the other.
_BETWEEN = 1.12
# Above a small panel: tick labels of the large one, its title and its note;
# below it its numbers and "step".
_SMALL_HEAD, _SMALL_FOOT = 0.9, 0.48
# The large panel takes 1.9 parts of the height, the small ones 1 (STYLE).
_SHARE = 0.68
# Of the model and settings, and of the source; more would take the plot its room.
_CAPTION_LINES = 3
_HEADLINES = 2
# Between the headline and the large panel: its note.
_NOTE = 0.4
# Restarts beyond this are a comb, not marks.
_RESTARTS = 40


def figure(
    analysis: Analysis,
    *,
    headline: str,
    theme: str = "light",
    lang: str = "en",
    log_x: bool = False,
    drawn_by: str,
    to: Literal["png", "svg"] = "png",
) -> bytes:
    """Draw a run and give the file's bytes, equal for equal analyses.

    `headline`, what the run has come to, is the title of the large panel; `drawn_by`,
    program and version, goes into the caption; `log_x` asks for a logarithmic scale of
    steps.
    """
    colours = THEMES[theme]
    look = Look(colours, lang, steps_scale([analysis], log=log_x))
    with mpl.rc_context(rc(colours)):
        return draw(analysis, look, headline=headline, drawn_by=drawn_by).render(to)


def draw(analysis: Analysis, look: Look, *, headline: str, drawn_by: str) -> Sheet:
    """Draw a run on a sheet; call inside `rc_context(rc(look.theme))`."""
    sheet = Sheet(look.theme)
    origin = source(analysis, drawn_by, look.lang)
    below = caption(sheet, hyperparameters(analysis, look.lang), origin)
    above = heading(sheet, analysis.name, headline)
    views = (hero(analysis, look), detail(analysis, look), *beside(analysis, look))
    boxes = frames(below=below, above=above)
    panels = [Panel(sheet, *pair, look.x) for pair in zip(boxes, views, strict=True)]
    for panel in panels:
        finish(panel, look, title=panel is not panels[0])
    _annotate(panels, analysis, look)
    return sheet


def heading(sheet: Sheet, name: str, headline: str) -> float:
    """Write the run's name and the headline; give the height they leave below."""
    width = WIDTH - LEFT - 0.3
    title = TextStyle(15, sheet.theme.ink, bold=True)
    sheet.write(LEFT, HEIGHT - 0.33, sheet.fit(printable(name), title, width), title)
    style = TextStyle(11, sheet.theme.ink, bold=True)
    lines = sheet.wrap(printable(headline).split(), style, width)
    if len(lines) > _HEADLINES:
        lines = [lines[0], sheet.fit(" ".join(lines[1:]), style, width)]
    heights = [HEIGHT - 0.7 - row * style.line for row in range(max(1, len(lines)))]
    for height, line in zip(heights, lines, strict=False):
        sheet.write(LEFT, height, line, style)
    return heights[-1]


def caption(sheet: Sheet, *groups: list[str]) -> float:
    """Write the facts below, each group on lines of its own; give their top."""
    style = TextStyle(8, sheet.theme.muted)
    width = WIDTH - LEFT - 0.3
    wrapped = (sheet.wrap(group, style, width, between=" · ") for group in groups)
    lines = [line for group in wrapped for line in group[:_CAPTION_LINES]]
    for row, line in enumerate(reversed(lines)):
        sheet.write(LEFT, 0.16 + row * style.line, line, style)
    return 0.16 + len(lines) * style.line


def frames(*, below: float, above: float, right: float = RIGHT) -> list[Box]:
    """Divide what heading and caption leave: one large panel, three small below it."""
    top, bottom = above - _NOTE, below + _SMALL_FOOT
    free = top - bottom - _SMALL_HEAD
    large = Box(LEFT, top - _SHARE * free, WIDTH - LEFT - right, _SHARE * free)
    width = (WIDTH - LEFT - _VALUE - 2 * _BETWEEN) / 3
    lefts = [LEFT + column * (width + _BETWEEN) for column in range(3)]
    return [large, *(Box(left, bottom, width, (1 - _SHARE) * free) for left in lefts)]


def finish(
    panel: Panel, look: Look, *, title: bool, absent: str = message("not in this log")
) -> None:
    """Write what surrounds a panel and draw its traces, or that there are none."""
    theme, box = look.theme, panel.box
    panel.head(title=title)
    middle = box.left + box.width / 2
    if panel.view.y is None:
        style = TextStyle(9, theme.muted, italic=True)
        height = box.bottom + box.height / 2
        text = look.tr("nothing but NaN or inf" if panel.view.traces else absent)
        panel.sheet.write(middle, height, text, style, ha="center")
        return
    panel.draw()
    if title:
        style = TextStyle(8.5, theme.muted)
        name = panel.view.x_name or look.tr("step")
        panel.sheet.write(middle, box.bottom - 0.33, name, style, ha="center")


def _annotate(panels: list[Panel], analysis: Analysis, look: Look) -> None:
    """Mark events: overfitting, restarts, non-finite losses."""
    steps = [p for p in panels if p.view.x is None and p.view.y is not None]
    if panels[0] not in steps:
        return
    finding = _overfitting(analysis)
    if finding is not None:
        _zone(steps, finding, look)
        _best(steps[0], analysis, look)
    _restarts(steps, analysis, look)
    _nonfinite(steps, analysis, look)


def _overfitting(analysis: Analysis) -> Finding | None:
    """Find the overfitting that lasts."""
    lasting = (f for f in analysis.findings if f.cleared_step is None)
    return next((f for f in lasting if f.rule == "overfitting"), None)


def _zone(panels: list[Panel], finding: Finding, look: Look) -> None:
    since = finding.step if finding.since_step is None else finding.since_step
    for panel in panels:
        panel.shade(max(since, look.x.low), look.x.high, look.theme.val, 0.07)
    large = panels[0]
    style = TextStyle(9.5, look.theme.val, italic=True)
    left, box = large.place(since, 0)[0], large.box
    rows = (box.top - 0.14, box.top - 0.4, box.bottom + 0.14)
    inside: list[Spot] = [(box.right - 0.1, row, "right") for row in rows]
    beside: list[Spot] = [(left - 0.08, row, "right") for row in rows]
    width = large.sheet.width(look.tr("overfitting"), style)
    fits = box.right - left > width + 0.2
    large.label(look.tr("overfitting"), style, inside if fits else beside)


def _best(panel: Panel, analysis: Analysis, look: Look) -> None:
    """Mark and label the best evaluation."""
    found = best(analysis)
    if found is None:
        return
    step, value = found
    panel.ring(step, value, look.theme.val)
    x, y = panel.place(step, value)
    text = look.tr(
        "best {loss} at step {step}",
        loss=loss(value, look.lang),
        step=integer(step, look.lang),
    )
    # 17 points above the ring; 9 grazed the line (STYLE).
    spots: list[Spot] = [
        (x + 0.1, y + 0.24, "left"),
        (x - 0.1, y + 0.24, "right"),
        (x + 0.1, y - 0.24, "left"),
        (x - 0.1, y - 0.24, "right"),
        (x + 0.1, y + 0.5, "left"),
        (x - 0.1, y + 0.5, "right"),
    ]
    panel.label(text, TextStyle(9, look.theme.val, bold=True), spots)


def _restarts(panels: list[Panel], analysis: Analysis, look: Look) -> None:
    """Draw and label a line at each restart."""
    style = TextStyle(8, look.theme.muted)
    pairs = zip(analysis.segments, analysis.segments[1:], strict=False)
    for before, segment in [*pairs][-_RESTARTS:]:
        # Restarted from step 0: the line is where the attempt before ended.
        restarted = segment.reason == "restarted"
        step = before.last_step if restarted else segment.first_step
        for panel in panels:
            panel.rule(step, look.theme.muted, dashes=(0, (6, 2)))
        box, x = panels[0].box, panels[0].place(step, 1)[0]
        rows = (box.top - 0.14, box.top - 0.32)
        spots = [spot for y in rows for spot in _sides(x, y)]
        panels[0].label(look.tr(segment.reason), style, spots)


def _nonfinite(panels: list[Panel], analysis: Analysis, look: Look) -> None:
    """Label where the loss became NaN or infinite, and shade the steps after it."""
    curve = analysis.train if analysis.train is not None else analysis.val
    if curve is None or not analysis.summary.nonfinite or not len(curve):
        return
    since = _lost_since(curve)
    first = analysis.summary.first_nonfinite_step
    if since is not None:
        _lost(panels, since, look)
    elif first is not None:
        n, step = (integer(v, look.lang) for v in (analysis.summary.nonfinite, first))
        one = "NaN or inf at step {step}"
        many = "{n} NaN or inf, first at step {step}"
        text = look.tr(many if analysis.summary.nonfinite > 1 else one, n=n, step=step)
        _point_out(panels, first, text, look)


def _lost_since(curve: Curve) -> int | None:
    """Find the step from which on no value is finite, None while the last is."""
    finite = np.isfinite(curve.values)
    if finite[-1]:
        return None
    after = len(finite) - int(finite[::-1].argmax()) if finite.any() else 0
    return int(curve.steps[after])


def _lost(panels: list[Panel], since: int, look: Look) -> None:
    for panel in panels:
        panel.shade(max(since, look.x.low), look.x.high, look.theme.ink, 0.06)
    step = integer(since, look.lang)
    _word(panels[0], since, look.tr("NaN or inf from step {step}", step=step), look)


def _point_out(panels: list[Panel], step: int, text: str, look: Look) -> None:
    for panel in panels:
        panel.rule(step, look.theme.ink, dashes=(0, (1, 2)))
    _word(panels[0], step, text, look)


def _word(panel: Panel, step: int, text: str, look: Look) -> None:
    """Write beside a line of the large panel, on the side that has room."""
    box, x = panel.box, panel.place(max(step, look.x.low), 1)[0]
    rows = (box.top - 0.14, box.top - 0.34, box.bottom + box.height / 2)
    spots = [spot for y in rows for spot in _sides(x, y)]
    panel.label(text, TextStyle(9, look.theme.ink, bold=True), spots)


def _sides(x: float, y: float) -> tuple[Spot, Spot]:
    """Give the spots to the right and to the left of a line."""
    return (x + 0.08, y, "left"), (x - 0.08, y, "right")
