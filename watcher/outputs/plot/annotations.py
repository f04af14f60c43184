"""Annotations of a picture: the events of the run, at their steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Curve
from watcher.outputs.plot.canvas import TextStyle
from watcher.outputs.plot.lines import Look, best, overfitting, shows_validation
from watcher.outputs.plot.panels import Panel, Spot
from watcher.outputs.text.catalog import message
from watcher.outputs.text.numbers import integer, loss


# More marks than this are a comb.
_MARKS = 40
# Words closer than this share of the run are written once, with their number.
_NEAR = 0.04
# Rows for words at the top of the panel.
_ROWS = 4
# More borders than this are a grid; with fewer records an epoch each is a point.
_EPOCHS, _RECORDS = 30, 3
# Drawn in their own way, or of no step in particular.
_UNMARKED = frozenset(
    {
        "best_checkpoint_lost",
        "constant_metric",
        "evaluation_cost",
        "finished",
        "no_movement",
        "not_finite",
        "overfitting",
    }
)
# Rules whose `since_step` is where the change began.
_BEGUN = frozenset({"slowdown", "stalled", "plateau", "skipped_steps"})
_WORDS = MappingProxyType(
    {
        "crashed": message("crashed"),
        "out of memory": message("out of memory"),
        "killed": message("killed"),
        "cancelled": message("cancelled"),
        "interrupted": message("interrupted"),
        "divergence": message("diverged"),
        "spike": message("spike"),
        "slowdown": message("slower"),
        "stalled": message("stalled"),
        "plateau": message("plateau"),
        "resume_jump": message("jump at the resume"),
        "rising_loss": message("rising"),
        "zero_loss": message("loss 0"),
        "gradient_not_finite": message("gradient NaN"),
        "gradient_spike": message("gradient spike"),
        "skipped_steps": message("steps skipped"),
        "validation_jump": message("validation jump"),
        "zero_learning_rate": message("learning rate 0"),
    }
)


def annotate(panels: list[Panel], analysis: Analysis, look: Look) -> None:
    """Mark events: overfitting, restarts, non-finite losses, other findings."""
    steps = [p for p in panels if p.view.x is None and p.view.y is not None]
    if panels[0] not in steps:
        return
    for border in epoch_borders(analysis):
        for panel in steps:
            panel.border(border)
    finding = overfitting(analysis)
    if finding is not None:
        _zone(steps, finding, look)
        _best(steps[0], analysis, look)
    _nonfinite(steps, analysis, look)
    _restarts(steps, analysis, look)
    _findings(steps, analysis, look)


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
    """Mark and label the best evaluation, where the panel shows validation."""
    found = best(analysis)
    if found is None or not shows_validation(analysis):
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
    """Draw a line at each restart, and a word at each place with some."""
    pairs = zip(analysis.segments, analysis.segments[1:], strict=False)
    # Restarted from step 0: the line is where the attempt before ended.
    events = [
        _Event(
            before.last_step if after.reason == "restarted" else after.first_step,
            look.tr(after.reason),
        )
        for before, after in pairs
    ][-_MARKS:]
    for event in events:
        for panel in panels:
            panel.rule(event.step, look.theme.muted, dashes=(0, (6, 2)))
    _words(panels[0], events, TextStyle(8, look.theme.muted))


def _findings(panels: list[Panel], analysis: Analysis, look: Look) -> None:
    """Mark where each finding began that has no drawing of its own."""
    shown = [f for f in analysis.findings if f.rule not in _UNMARKED][:_MARKS]
    events = [
        _Event(_place(f), look.tr(_word_for(f)))
        for f in sorted(shown, key=_place)
        if look.x.low <= _place(f) <= look.x.high
    ]
    for event in events:
        panels[0].rule(event.step, look.theme.muted, dashes=(0, (1, 2)))
        for panel in panels:
            panel.pointer(event.step, look.theme.ink)
    _words(panels[0], events, TextStyle(8.5, look.theme.ink))


def _place(finding: Finding) -> int:
    """The step of a finding's cause: its start where the rule knows it."""
    begun = finding.rule in _BEGUN and finding.since_step is not None
    return int(finding.since_step or 0) if begun else finding.step


def _word_for(finding: Finding) -> str:
    outcome = str(finding.evidence.get("outcome") or "")
    known = _WORDS.get(outcome) or _WORDS.get(finding.rule)
    return known or finding.rule.replace("_", " ")


@dataclass(frozen=True, slots=True)
class _Event:
    """A word at a step."""

    step: int
    text: str


def _words(panel: Panel, events: Sequence[_Event], style: TextStyle) -> None:
    """Write each word once for all of its events that stand close together."""
    near = _NEAR * (panel.x.high - panel.x.low)
    groups: list[list[_Event]] = []
    for event in events:
        last = groups[-1] if groups else []
        if last and last[-1].text == event.text and event.step - last[-1].step <= near:
            last.append(event)
        else:
            groups.append([event])
    for group in groups:
        text = group[0].text if len(group) == 1 else f"{group[0].text} ×{len(group)}"
        x, box = panel.place(group[0].step, 1)[0], panel.box
        rows = [box.top - 0.14 - 0.18 * row for row in range(_ROWS)]
        panel.label(text, style, [spot for y in rows for spot in _sides(x, y)])


def epoch_borders(analysis: Analysis) -> list[int]:
    """Steps at which a pass over the data begins, but for the first.

    None where each record is an epoch, or where they would be a comb.
    """
    curve = analysis.curves.get("epoch")
    if curve is None or not len(curve):
        return []
    steps, passes = curve.steps[curve.current], curve.values[curve.current]
    finite = np.isfinite(passes)
    # Ranks that print in turn begin an epoch once.
    _, begun = np.unique(np.floor(passes[finite]), return_index=True)
    many = len(begun) > _EPOCHS or len(begun) * _RECORDS > len(curve)
    return [] if many else [int(step) for step in steps[finite][begun[1:]]]


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
