"""The headline of a run, above its picture and report: what matters most, in a line."""

import math
from typing import Final

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.findings import capitalized, sentence, truncated, values
from watcher.outputs.text.numbers import count, integer, loss, unit


# The picture is 10 inches wide: more characters of its title do not fit.
_LONGEST: Final = 90
# The minimum of fewer evaluations means little.
_FEW: Final = 3
# Noise makes the best some evaluations old in a run that still improves.
_STALE: Final = 5
_STALE_SHARE: Final = 1 / 3
# The slope of the training loss is taken from the last two tenths of the run.
_TENTH: Final = 10
_LEAST_RECORDS: Final = 5
_DEVIATIONS: Final = 2.0

# The most severe first; other rules are never a headline.
_BY_SEVERITY: Final = (
    "crashed",
    "not_finite",
    "divergence",
    "stalled",
    "overfitting",
    "best_checkpoint_lost",
    "slowdown",
)


def headline(analysis: Analysis, lang: str = "en") -> str:
    """The most severe finding that lasts, else how far the run has come.

    At most 90 characters.
    """
    lasting = [f for f in analysis.findings if f.cleared_step is None]
    severe = [f for f in lasting if f.rule in _BY_SEVERITY]
    if not severe:
        return _healthy(analysis, lang)
    finding = min(severe, key=lambda f: (_BY_SEVERITY.index(f.rule), f.step))
    if finding.rule == "overfitting":
        return _overfitting(finding, lang)
    return truncated(sentence(finding, lang).removesuffix("."), _LONGEST)


def _overfitting(finding: Finding, lang: str) -> str:
    known = values(finding, lang)
    start = capitalized(f"{known['Overfitting']} {known['since']}")
    if "rise" not in known:
        return start
    rise = known["rise"]
    if finding.evidence.get("unit") == "nats/token":
        rise += f" {unit('nats/token', lang)}"
    text = "{start}: validation loss is {rise} above its best"
    return truncated(tr(lang, text, start=start, rise=rise), _LONGEST)


def _healthy(analysis: Analysis, lang: str) -> str:
    """How far a run came for which no rule fires."""
    s = analysis.summary
    if analysis.val is None or not s.evaluations:
        return _trained(analysis, lang)
    if s.evaluations < _FEW or s.best_val is None or s.best_val_step is None:
        return tr(lang, "Not enough evaluations yet")
    since = s.evaluations_since_best
    best = {"best": loss(s.best_val, lang), "step": integer(s.best_val_step, lang)}
    if since < max(_STALE, _STALE_SHARE * s.evaluations):
        return tr(lang, "Still improving: best {best} at step {step}", **best)
    stale = count(since, "evaluation (accusative)", lang)
    text = "No new best for {evaluations}: best {best} at step {step}"
    return tr(lang, text, evaluations=stale, **best)


def _trained(analysis: Analysis, lang: str) -> str:
    """How far training came, for logs without validation."""
    s = analysis.summary
    if s.final_loss is None or s.last_step is None:
        return tr(lang, "No losses in this log yet")
    last, steps = loss(s.final_loss, lang), count(s.last_step, "step", lang)
    text = tr(lang, _TRENDS[_slope(analysis)], loss=last, steps=steps)
    return truncated(text, _LONGEST)


_TRENDS: Final = {
    None: message("Training loss {loss} after {steps}"),
    "falling": message("Training loss {loss} after {steps}, still falling"),
    "flat": message("Training loss {loss} after {steps}, no longer falling"),
}


def _slope(analysis: Analysis) -> str | None:
    """Whether the last tenth of the run is below the tenth before, beyond noise."""
    if analysis.train is None:
        return None
    values = analysis.train.values[analysis.train.current]
    values = values[np.isfinite(values)]
    part = max(_LEAST_RECORDS, len(values) // _TENTH)
    if len(values) < 2 * part:
        return None
    now, before = values[-part:], values[-2 * part : -part]
    noise = float(np.hypot(now.std(), before.std())) / math.sqrt(part)
    fall = float(before.mean() - now.mean())
    return "falling" if fall > _DEVIATIONS * noise else "flat"
