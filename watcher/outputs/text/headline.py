"""The title of a run's picture: what matters most, in a line."""

import math
from typing import Final

import numpy as np

from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.outputs.text.finding_numbers import count, integer, loss
from watcher.outputs.text.finding_templates import (
    first_large,
    language,
    shortened,
    word,
)
from watcher.outputs.text.findings import sentence, values


# The picture is 10 inches wide: more characters of its title do not fit.
_LONGEST: Final = 90
# A best of fewer evaluations means little.
_FEW: Final = 3
# Noise makes the best some evaluations old in a run that still improves.
_STALE: Final = 5
_STALE_SHARE: Final = 1 / 3
# The slope of the training loss is told by the last two tenths of the run.
_TENTH: Final = 10
_LEAST_RECORDS: Final = 5
_DEVIATIONS: Final = 2.0

# The gravest first; what is not here is never a title.
_GRAVEST: Final = (
    "crashed",
    "not_finite",
    "divergence",
    "stalled",
    "overfitting",
    "best_checkpoint_lost",
    "slowdown",
)


def headline(analysis: Analysis, lang: str = "en") -> str:
    """The gravest finding that lasts, else how far the run has come.

    At most 90 characters.
    """
    lang = language(lang)
    lasting = [f for f in analysis.findings if f.cleared_step is None]
    grave = [f for f in lasting if f.rule in _GRAVEST]
    if not grave:
        return _fine(analysis, lang)
    finding = min(grave, key=lambda f: (_GRAVEST.index(f.rule), f.step))
    if finding.rule == "overfitting":
        return _overfitting(finding, lang)
    return shortened(sentence(finding, lang).removesuffix("."), _LONGEST)


def _overfitting(finding: Finding, lang: str) -> str:
    known = values(finding, lang)
    start = first_large(f"{known['Overfitting']} {known['since']}")
    if "rise" not in known:
        return start
    rise = known["rise"]
    if finding.evidence.get("unit") == "nats/token":
        rise += f" {word('nats/token', lang)}"
    return shortened(word("short", lang).format(start, rise), _LONGEST)


def _fine(analysis: Analysis, lang: str) -> str:
    """What to say where nothing is wrong."""
    s = analysis.summary
    if analysis.val is None or not s.evaluations:
        return _trained(analysis, lang)
    if s.evaluations < _FEW or s.best_val is None or s.best_val_step is None:
        return word("few", lang)
    best, step = loss(s.best_val, lang), integer(s.best_val_step, lang)
    since = s.evaluations_since_best
    stale = since >= max(_STALE, _STALE_SHARE * s.evaluations)
    text = word("stale" if stale else "improving", lang)
    return text.format(best, step, count(since, "evaluations", lang))


def _trained(analysis: Analysis, lang: str) -> str:
    """How far training came, for logs without validation."""
    s = analysis.summary
    if s.final_loss is None or s.last_step is None:
        return word("nothing", lang)
    last, steps = loss(s.final_loss, lang), count(s.last_step, "steps", lang)
    slope = _slope(analysis)
    text = word("training", lang).format(last, steps)
    return text if slope is None else text + word(slope, lang)


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
