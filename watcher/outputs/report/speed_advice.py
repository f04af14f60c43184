"""Advice on speed, each item only where the numbers of the log support it."""

import math
from collections.abc import Callable

import numpy as np

from watcher.analysis.model import Analysis
from watcher.outputs.text.catalog import tr
from watcher.outputs.text.escape import clean
from watcher.outputs.text.numbers import (
    count,
    every,
    integer,
    mfu,
    milliseconds,
    percent,
    setting,
)


# nanoGPT's own figures: 23-25 % on a small model, above 40 % on an A100 kept busy.
_LOW_MFU, _GOOD_MFU = 20.0, 40.0
_HIGH_EVALUATION, _FAIR_EVALUATION = 0.25, 0.10
_LEAST_EVALUATIONS, _SHOW_TURN = 20, 4
_SLOW_FIRST, _SLOW_FIRST_MS = 10, 1000
_UNEVEN, _UNEVEN_POINTS = 1.5, 40
_LARGE_VOCABULARY, _MULTIPLE = 1000, 64


def speed(analysis: Analysis, lang: str) -> list[str]:
    """One paragraph for each item, the most important first."""
    return [" ".join(parts) for rule in _RULES if (parts := rule(analysis, lang))]


def _utilisation(analysis: Analysis, lang: str) -> list[str]:
    """Low MFU: a larger batch; a high one: little to gain."""
    summary, info = analysis.summary, analysis.info
    share = summary.mean_mfu if summary.typical_mfu is None else summary.typical_mfu
    if share is None or not 0 < share < math.inf or info.get("device") == "cpu":
        return []
    shown = mfu(share, lang)
    if share >= _GOOD_MFU:
        text = "MFU is {mfu}: the GPU is well used, a larger batch would gain little."
        return [tr(lang, text, mfu=shown)]
    if share >= _LOW_MFU:
        return []
    text = "MFU is {mfu}: the GPU is underused."
    return [tr(lang, text, mfu=shown), *_larger_batch(analysis, lang)]


def _larger_batch(analysis: Analysis, lang: str) -> list[str]:
    """What to change, by the names and values that the log states."""
    info, parts = analysis.info, []
    if "batch_size" in info:
        text = (
            "A larger batch_size (now {batch}), as far as memory allows, usually helps."
        )
        parts.append(tr(lang, text, batch=clean(setting(info["batch_size"], lang))))
    else:
        text = "A larger batch, as far as memory allows, usually helps."
        parts.append(tr(lang, text))
    accumulated = info.get("gradient_accumulation_steps")
    if isinstance(accumulated, int) and accumulated > 1:
        text = (
            "Lower gradient_accumulation_steps (now {n}) by the same factor: a step "
            "then sees as many tokens."
        )
        parts.append(tr(lang, text, n=integer(accumulated, lang)))
    if analysis.format.lower().startswith("nanogpt"):
        text = (
            "nanoGPT computes MFU against the peak of an A100: on another GPU the true "
            "value differs."
        )
        parts.append(tr(lang, text))
    return parts


def _is_found(analysis: Analysis, rule: str) -> bool:
    """Whether a finding that lasts states it already."""
    return any(f.rule == rule and f.cleared_step is None for f in analysis.findings)


def _evaluations(analysis: Analysis, lang: str) -> list[str]:
    """Evaluations that take over a quarter of the time, and what would help."""
    summary = analysis.summary
    share, one, step = summary.eval_share, summary.eval_ms, summary.typical_ms
    if share is None or not share > _HIGH_EVALUATION:
        return []
    shown = percent(share, lang)
    if not one or not step or not summary.eval_every:
        return [tr(lang, "Evaluations take {share} of training time.", share=shown)]
    parts = []
    if not _is_found(analysis, "evaluation_cost"):
        text = "Evaluations take {share} of training time: {one} {every}."
        now = every(summary.eval_every, lang)
        parts.append(
            tr(lang, text, share=shown, one=milliseconds(one, lang), every=now)
        )
    rarer = _round_up(one / step * (1 / _FAIR_EVALUATION - 1))
    rarer = min(rarer, _rarest(analysis))
    if rarer > summary.eval_every:
        left = percent(one / (one + rarer * step), lang)
        text = "Evaluating {every} would lower it to {share}."
        parts.append(tr(lang, text, every=every(rarer, lang), share=left))
    iterations = analysis.info.get("eval_iters")
    if isinstance(iterations, int) and iterations > 1:
        text = "So would fewer eval_iters (now {n})."
        parts.append(tr(lang, text, n=integer(iterations, lang)))
    return parts


def _rarest(analysis: Analysis) -> int:
    """Steps between evaluations that still show the course of the run.

    Twenty a run, and of the turn of its validation, if it had one, four on each side.
    """
    summary = analysis.summary
    whole = summary.max_steps or summary.last_step or 0
    parts = [whole / _LEAST_EVALUATIONS]
    best, last = summary.best_val_step, summary.final_val_step
    if best is not None and last is not None and summary.evaluations_since_best:
        first = int(analysis.val.steps[0]) if analysis.val else 0
        parts += [side / _SHOW_TURN for side in (best - first, last - best) if side]
    return _round_down(min(parts))


def _round_down(steps: float) -> int:
    """The last of 1, 2, 5, 10, 20, 50, ..."""
    power = 10.0 ** math.floor(math.log10(max(steps, 1)))
    return int(max(power * n for n in (1, 2, 5) if power * n <= max(steps, 1)))


def _round_up(steps: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    power = 10.0 ** math.floor(math.log10(max(steps, 1)))
    return int(next(power * n for n in (1, 2, 5, 10) if power * n >= steps))


def _first_iteration(analysis: Analysis, lang: str) -> list[str]:
    """A first iteration that is mostly startup; only of logs that hold it."""
    typical, time = analysis.summary.typical_ms, analysis.time
    if not typical or time is None or len(time) == 0 or time.steps[0] > 1:
        return []
    first = float(time.values[0])
    if not _SLOW_FIRST_MS < first < math.inf or first < _SLOW_FIRST * typical:
        return []
    text = (
        "The first iteration took {first}, {factor} the typical one: startup such as "
        "compilation, once per run."
    )
    factor = count(round(first / typical), "times", lang)
    return [tr(lang, text, first=milliseconds(first, lang), factor=factor)]


def _unevenness(analysis: Analysis, lang: str) -> list[str]:
    """Times of the iterations without pauses that spread widely."""
    time, typical = analysis.time, analysis.summary.typical_ms
    if time is None or analysis.pause is None or not typical:
        return []
    plain = time.values[~analysis.pause & np.isfinite(time.values)]
    if len(plain) < _UNEVEN_POINTS:
        return []
    slow = float(np.percentile(plain, 95))
    if slow < _UNEVEN * typical:
        return []
    text = (
        "Iteration times vary: one in twenty takes over {slow}, the typical one "
        "{typical}. Possible causes: data loading, or another job on the machine."
    )
    shown = milliseconds(typical, lang)
    return [tr(lang, text, slow=milliseconds(slow, lang), typical=shown)]


def _compilation(analysis: Analysis, lang: str) -> list[str]:
    """torch.compile turned off."""
    if analysis.info.get("compile") is not False:
        return []
    text = "compile is off: torch.compile usually shortens iterations of such a model."
    return [tr(lang, text)]


def _precision(analysis: Analysis, lang: str) -> list[str]:
    """Full precision on a GPU."""
    info = analysis.info
    if info.get("dtype") != "float32" or info.get("device") == "cpu":
        return []
    text = (
        "dtype is float32: bfloat16 or float16 is several times faster on a GPU "
        "with tensor cores."
    )
    return [tr(lang, text)]


def _vocabulary(analysis: Analysis, lang: str) -> list[str]:
    """A vocabulary size that tensor cores handle badly, where it may be changed."""
    size = analysis.info.get("vocab_size")
    if not isinstance(size, int) or analysis.info.get("init_from") != "scratch":
        return []
    if size < _LARGE_VOCABULARY or size % _MULTIPLE == 0:
        return []
    text = (
        "A vocabulary of {n} is not a multiple of 64: padded to {padded}, the last "
        "layer is faster."
    )
    padded = integer(-(-size // _MULTIPLE) * _MULTIPLE, lang)
    return [tr(lang, text, n=integer(size, lang), padded=padded)]


_RULES: tuple[Callable[[Analysis, str], list[str]], ...] = (
    _utilisation,
    _evaluations,
    _precision,
    _compilation,
    _vocabulary,
    _unevenness,
    _first_iteration,
)
