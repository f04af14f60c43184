"""The headline of a run: what matters most, in a line."""

import math
from typing import Final

import numpy as np

from parsers.batch import Floats
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.outputs.text.finding_numbers import count, integer, loss, percent
from watcher.outputs.text.finding_templates import (
    first_large,
    language,
    shortened,
    word,
)
from watcher.outputs.text.findings import sentence, values


# The picture is 10 inches wide: more characters of its title do not fit.
_MAX_CHARS: Final = 90
# With fewer evaluations neither a minimum nor a trend shows.
_FEW: Final = 3
# Noise makes the best some evaluations old in a run that still improves.
_STALE: Final = 5
_STALE_SHARE: Final = 1 / 3
# Within one percent of the best a loss is as good.
_LEVEL: Final = 0.01
# The slope of the training loss shows between the last two tenths of the run, a slow
# one between the last two quarters.
_TENTH: Final = 10
_QUARTER: Final = 4
_MIN_RECORDS: Final = 5
# Standard errors: a rise, which runs seldom have, needs more.
_FALL: Final = -2.0
_RISE: Final = 3.0

# The most severe first; other rules are never a headline.
_RANKED: Final = (
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
    "best_checkpoint_lost",
    "slowdown",
)


def headline(analysis: Analysis, lang: str = "en") -> str:
    """The most severe finding that is firing, else how far the run has come.

    At most 90 characters.
    """
    lang = language(lang)
    firing = [f for f in analysis.findings if f.cleared_step is None]
    ranked = [f for f in firing if f.rule in _RANKED]
    if not ranked:
        return _healthy(analysis, lang)
    finding = min(ranked, key=lambda f: (_RANKED.index(f.rule), f.step))
    if finding.rule == "overfitting":
        return _overfitting(finding, lang)
    return shortened(sentence(finding, lang).removesuffix("."), _MAX_CHARS)


def _overfitting(finding: Finding, lang: str) -> str:
    known = values(finding, lang)
    start = first_large(f"{known['Overfitting']} {known['since']}")
    if "rise" not in known:
        return start
    rise = known["rise"]
    if finding.evidence.get("unit") == "nats/token":
        rise += f" {word('nats/token', lang)}"
    return shortened(word("short", lang).format(start, rise), _MAX_CHARS)


def _healthy(analysis: Analysis, lang: str) -> str:
    """The headline of a run without a severe finding."""
    s = analysis.summary
    if analysis.val is None or not s.evaluations:
        return _trained(analysis, lang)
    if s.best_val is None or s.best_val_step is None or s.final_val is None:
        return _trained(analysis, lang)
    over = analysis.ended or s.outcome is not None
    if s.evaluations < _FEW and not over:
        return word("few", lang)
    rise = percent(s.rise or 0.0, lang)
    since = count(s.evaluations_since_best, "evaluations", lang)
    best, step = loss(s.best_val, lang), integer(s.best_val_step, lang)
    text = word(_trend(analysis, over=over), lang)
    return text.format(best, step, since, loss(s.final_val, lang), rise)


def _trend(analysis: Analysis, *, over: bool) -> str:
    """Where the validation loss is now, compared with its best.

    "improving" or "improved" (of a run that has ended) needs a fall until now; above
    its best by more than one percent it is "above", else "stale" or "level".
    """
    s = analysis.summary
    assert s.best_val is not None
    assert s.final_val is not None
    since = s.evaluations_since_best
    if s.final_val - s.best_val > _LEVEL * abs(s.best_val):
        return "above"
    if since >= max(_STALE, _STALE_SHARE * s.evaluations):
        return "stale"
    if _improves(analysis):
        return "improved" if over else "improving"
    return "level"


def _improves(analysis: Analysis) -> bool:
    """Whether validation falls in its later half, by more than rounding."""
    assert analysis.val is not None
    values = analysis.val.values[analysis.val.current]
    values = values[np.isfinite(values)]
    late = values[len(values) // 2 :]
    before = values[: len(values) // 2]
    return bool(len(before) and late.min() < before.min())


def _trained(analysis: Analysis, lang: str) -> str:
    """How far training came, for logs without validation."""
    s = analysis.summary
    if s.final_loss is None or s.last_step is None:
        return word("nothing", lang)
    last, steps = loss(s.final_loss, lang), count(s.last_step, "steps", lang)
    slope = _slope(analysis)
    text = word("training", lang).format(last, steps)
    over = analysis.ended or s.outcome is not None
    if slope is None or (over and slope != "rising"):
        return text
    return text + word(slope, lang)


def _slope(analysis: Analysis) -> str | None:
    """Whether the training loss falls or rises at the end, beyond noise."""
    if analysis.train is None:
        return None
    values = analysis.train.values[analysis.train.current]
    values = values[np.isfinite(values)]
    if len(values) < 2 * _MIN_RECORDS:
        return None
    late, slow = (_difference(values, parts) for parts in (_TENTH, _QUARTER))
    if slow > _RISE and late > _FALL:
        return "rising"
    return "falling" if min(late, slow) < _FALL else "flat"


def _difference(values: Floats, parts: int) -> float:
    """Mean of the last part minus that of the part before, in standard errors."""
    n = max(_MIN_RECORDS, len(values) // parts)
    now, before = values[-n:], values[-2 * n : -n]
    error = float(np.hypot(now.std(), before.std())) / math.sqrt(n)
    change = float(now.mean() - before.mean())
    if error == 0:
        return math.copysign(math.inf, change) if change else 0.0
    return change / error
