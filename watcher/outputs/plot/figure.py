"""The picture of a run: one large panel with the finding, three small ones, the facts.

The finding, the zone and the best step come from the analysis, which the alerts read
too: the picture and the alert cannot disagree.
"""

from typing import Literal

import matplotlib as mpl

from watcher.analysis.model import Analysis
from watcher.outputs.plot.annotations import annotate
from watcher.outputs.plot.axis_range import steps_scale
from watcher.outputs.plot.canvas import HEIGHT, WIDTH, Box, Sheet, TextStyle
from watcher.outputs.plot.captions import hyperparameters, source
from watcher.outputs.plot.lines import Look
from watcher.outputs.plot.loss_panels import hero
from watcher.outputs.plot.panels import Panel
from watcher.outputs.plot.selection import small
from watcher.outputs.plot.theme import THEMES, printable, rc
from watcher.outputs.text.catalog import message


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
_HEADLINES = 3
# Between the headline and the large panel: its note.
_NOTE = 0.4


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
    x = steps_scale([analysis], log=log_x)
    look = Look(colours, lang, x, epochs=analysis.epochs)
    with mpl.rc_context(rc(colours)):
        return draw(analysis, look, headline=headline, drawn_by=drawn_by).render(to)


def draw(analysis: Analysis, look: Look, *, headline: str, drawn_by: str) -> Sheet:
    """Draw a run on a sheet; call inside `rc_context(rc(look.theme))`."""
    sheet = Sheet(look.theme)
    origin = source(analysis, drawn_by, look.lang)
    below = caption(sheet, hyperparameters(analysis, look.lang), origin)
    above = heading(sheet, analysis.name, headline)
    views = (hero(analysis, look), *small(analysis, look))
    boxes = frames(below=below, above=above, small=len(views) - 1)
    panels = [Panel(sheet, *pair, look.x) for pair in zip(boxes, views, strict=True)]
    for panel in panels:
        finish(panel, look, title=panel is not panels[0])
    annotate(panels, analysis, look)
    return sheet


def heading(sheet: Sheet, name: str, headline: str) -> float:
    """Write the run's name and the headline; give the height they leave below."""
    width = WIDTH - LEFT - 0.3
    title = TextStyle(15, sheet.theme.ink, bold=True)
    sheet.write(LEFT, HEIGHT - 0.33, sheet.fit(printable(name), title, width), title)
    style = TextStyle(11, sheet.theme.ink, bold=True)
    lines = sheet.wrap(printable(headline).split(), style, width)
    if len(lines) > _HEADLINES:
        rest = " ".join(lines[_HEADLINES - 1 :])
        lines = [*lines[: _HEADLINES - 1], sheet.fit(rest, style, width)]
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


def frames(
    *, below: float, above: float, right: float = RIGHT, small: int = 3
) -> list[Box]:
    """Divide what heading and caption leave: one large panel, small ones below it."""
    top, bottom = above - _NOTE, below + _SMALL_FOOT
    if not small:
        return [Box(LEFT, bottom, WIDTH - LEFT - right, top - bottom)]
    free = top - bottom - _SMALL_HEAD
    large = Box(LEFT, top - _SHARE * free, WIDTH - LEFT - right, _SHARE * free)
    width = (WIDTH - LEFT - _VALUE - (small - 1) * _BETWEEN) / small
    lefts = [LEFT + column * (width + _BETWEEN) for column in range(small)]
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
    style = TextStyle(8.5, theme.muted)
    name = panel.view.x_name or look.tr("epoch" if look.epochs else "step")
    if title:
        panel.sheet.write(middle, box.bottom - 0.33, name, style, ha="center")
    else:
        panel.sheet.write(box.right + 0.24, box.bottom - 0.15, name, style)
