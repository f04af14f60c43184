"""The headline of a run: what matters most, in a line."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Summary
from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.findings import (
    capitalized,
    in_epochs,
    sentence,
    truncated,
    values,
)
from watcher.outputs.text.numbers import count, integer, loss, percent, unit


# The picture wraps its title: two lines of it are read at a glance.
_LONGEST: Final = 160
# With fewer evaluations neither a minimum nor a trend shows.
_FEW: Final = 3
# Noise makes the best some evaluations old in a run that still improves.
_STALE: Final = 5
_STALE_SHARE: Final = 1 / 3
# Within one percent of the best a loss is as good.
_LEVEL: Final = 0.01

# The most severe first; other rules are never a headline.
_BY_SEVERITY: Final = (
    "crashed",
    "not_finite",
    "divergence",
    "stalled",
    "zero_loss",
    "resume_jump",
    "skipped_steps",
    "no_movement",
    "rising_loss",
    "overfitting",
    "gradient_not_finite",
    "validation_jump",
    "constant_metric",
    "best_checkpoint_lost",
    "slowdown",
)


def headline(analysis: Analysis, lang: str = "en") -> str:
    """The most severe finding that lasts, else how far the run has come.

    At most 160 characters.
    """
    lasting = [f for f in analysis.findings if f.cleared_step is None]
    severe = [f for f in lasting if f.rule in _BY_SEVERITY and f.severity != "info"]
    if not severe:
        text = _healthy(analysis, lang)
        return in_epochs(text) if analysis.epochs else text
    finding = min(severe, key=lambda f: (_BY_SEVERITY.index(f.rule), f.step))
    if finding.rule == "overfitting":
        return _overfitting(finding, lang)
    return truncated(sentence(finding, lang).removesuffix("."), _LONGEST)


def _overfitting(finding: Finding, lang: str) -> str:
    known = values(finding, lang)
    start = capitalized(f"{known['Overfitting']} {known['since']}")
    in_steps = finding.evidence.get("counts") != "epoch"
    if "rise" not in known:
        return start if in_steps else in_epochs(start)
    rise = known["rise"]
    if finding.evidence.get("unit") == "nats/token":
        rise += f" {unit('nats/token', lang)}"
    text = "{start}: validation loss{of_set} is {rise} above its best"
    if finding.evidence.get("final"):
        text = "{start}: validation loss{of_set} ended {rise} above its best"
    shown = tr(lang, text, start=start, rise=rise, of_set=known["of_set"])
    shown += _task(known, lang)
    return truncated(shown if in_steps else in_epochs(shown), _LONGEST)


def _task(known: Mapping[str, str], lang: str) -> str:
    """A task metric that has improved since the lowest loss."""
    if "Task" not in known or "task_best" not in known:
        return ""
    text = "; {task} is best at step {step}"
    return tr(lang, text, task=known["task"], step=known["task_step"])


_VALIDATION: Final = {
    "only": message("Validation loss {last} at step {step}, the only evaluation"),
    "improving": message("Still improving: best {best} at step {step}"),
    "improved": message(
        "Validation loss improved to the end: best {best} at step {step}"
    ),
    "above": message(
        "Validation loss {last} is {rise} above its best {best} at step {step}"
    ),
    "level": message(
        "Validation loss {last}, level with its best {best} at step {step}"
    ),
    "stale": message("No new best for {evaluations}: best {best} at step {step}"),
}


def _healthy(analysis: Analysis, lang: str) -> str:
    """How far a run came for which no severe finding is firing."""
    s = analysis.summary
    if analysis.table:
        return _results(analysis, lang)
    if analysis.val is None or not s.evaluations:
        return _trained(analysis, lang)
    if s.best_val is None or s.best_val_step is None or s.final_val is None:
        return _trained(analysis, lang)
    over = analysis.ended or s.outcome is not None
    if s.evaluations < _FEW and not over:
        return tr(lang, "Not enough evaluations yet")
    text = tr(
        lang,
        _VALIDATION[_trend(analysis, over=over)],
        best=loss(s.best_val, lang),
        step=integer(s.best_val_step, lang),
        last=loss(s.final_val, lang),
        rise=percent(s.rise or 0.0, lang),
        evaluations=count(s.evaluations_since_best, "evaluation (accusative)", lang),
    )
    return truncated(text, _LONGEST)


def _results(analysis: Analysis, lang: str) -> str:
    """The best of a table of results, and the line where it stands."""
    curve = analysis.val or analysis.train
    assert curve is not None
    runs = count(len(curve), "run (genitive)", lang)
    known = np.where(np.isfinite(curve.values), curve.values, np.inf)
    best, line = float(known.min()), int(curve.lines[known.argmin()])
    if not math.isfinite(best):
        return tr(lang, "Results of {runs}", runs=runs)
    text = "Results of {runs}: the lowest loss is {best}, in line {line}"
    return tr(lang, text, runs=runs, best=loss(best, lang), line=integer(line, lang))


def _trend(analysis: Analysis, *, over: bool) -> str:
    """Where the validation loss is now, compared with its best; "only": there is one.

    "improving" or "improved" (of a run that has ended) needs a fall until now; above
    its best by more than one percent it is "above", else "stale" or "level".
    """
    s = analysis.summary
    assert s.best_val is not None
    assert s.final_val is not None
    since = s.evaluations_since_best
    if s.evaluations == 1:
        return "only"
    if s.final_val - s.best_val > _LEVEL * abs(s.best_val):
        return "above"
    if since >= max(_STALE, _STALE_SHARE * s.evaluations):
        return "stale"
    if _improves(s):
        return "improved" if over else "improving"
    return "level"


def _improves(summary: Summary) -> bool:
    """Whether the best evaluation is in their later half."""
    half = summary.evaluations // 2
    return half > 0 and summary.evaluations_since_best < summary.evaluations - half


def _trained(analysis: Analysis, lang: str) -> str:
    """How far training came, for logs without validation."""
    s = analysis.summary
    over = analysis.ended or s.outcome is not None
    if s.final_loss is None or s.last_step is None:
        return tr(
            lang, "No losses in this log" if over else "No losses in this log yet"
        )
    last, steps = loss(s.final_loss, lang), count(s.last_step, "step", lang)
    slope = s.slope
    slope = None if over and slope != "rising" else slope
    text = tr(lang, _TRENDS[slope], loss=last, steps=steps)
    return truncated(text, _LONGEST)


_TRENDS: Final = {
    None: message("Training loss {loss} after {steps}"),
    "falling": message("Training loss {loss} after {steps}, still falling"),
    "rising": message("Training loss {loss} after {steps}, rising"),
    "flat": message("Training loss {loss} after {steps}, no longer falling"),
}
