"""Advice on speed, each piece only where a log's own numbers support it."""

import math
from collections.abc import Callable

import numpy as np

from watcher.analysis.model import Analysis
from watcher.outputs.text.catalog import say
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
_DEAR_EVALUATION, _FAIR_EVALUATION = 0.25, 0.10
_SLOW_FIRST, _SLOW_FIRST_MS = 10, 1000
_UNEVEN, _UNEVEN_POINTS = 1.5, 40
_LARGE_VOCABULARY, _MULTIPLE = 1000, 64


def speed(analysis: Analysis, lang: str) -> list[str]:
    """One paragraph a piece of advice, the weightiest first; empty if none is due."""
    return [" ".join(said) for rule in _RULES if (said := rule(analysis, lang))]


def _utilisation(analysis: Analysis, lang: str) -> list[str]:
    """Low MFU asks for a larger batch; a good one says there is little to gain."""
    summary, info = analysis.summary, analysis.info
    share = summary.mean_mfu if summary.typical_mfu is None else summary.typical_mfu
    if share is None or not 0 < share < math.inf or info.get("device") == "cpu":
        return []
    shown = mfu(share, lang)
    if share >= _GOOD_MFU:
        text = "MFU is {mfu}: the GPU is used well, a larger batch would gain little."
        return [say(lang, text, mfu=shown)]
    if share >= _LOW_MFU:
        return []
    text = "MFU is {mfu}: the GPU computes little of what it could."
    return [say(lang, text, mfu=shown), *_larger_batch(analysis, lang)]


def _larger_batch(analysis: Analysis, lang: str) -> list[str]:
    """What to change, by the names and values that the log gives."""
    info, said = analysis.info, []
    if "batch_size" in info:
        text = (
            "A larger batch_size (now {batch}), as far as memory allows, usually helps."
        )
        said.append(say(lang, text, batch=clean(setting(info["batch_size"], lang))))
    else:
        text = "A larger batch, as far as memory allows, usually helps."
        said.append(say(lang, text))
    accumulated = info.get("gradient_accumulation_steps")
    if isinstance(accumulated, int) and accumulated > 1:
        text = (
            "Lower gradient_accumulation_steps (now {n}) by the same factor: a step "
            "then sees as many tokens."
        )
        said.append(say(lang, text, n=integer(accumulated, lang)))
    if analysis.format.lower().startswith("nanogpt"):
        text = (
            "nanoGPT counts against the peak of an A100: on another GPU the true "
            "share differs."
        )
        said.append(say(lang, text))
    return said


def _is_found(analysis: Analysis, rule: str) -> bool:
    """Whether a finding that lasts says it already."""
    return any(f.rule == rule and f.cleared_step is None for f in analysis.findings)


def _evaluations(analysis: Analysis, lang: str) -> list[str]:
    """Evaluations that take over a quarter of the time, and what would help."""
    summary = analysis.summary
    share, one, step = summary.eval_share, summary.eval_ms, summary.typical_ms
    if share is None or not share > _DEAR_EVALUATION:
        return []
    shown = percent(100 * share, lang)
    if not one or not step or not summary.eval_every:
        return [say(lang, "Evaluations take {share} of the time.", share=shown)]
    said = []
    if not _is_found(analysis, "evaluation_cost"):
        text = "Evaluations take {share} of the time: {one} {every}."
        now = every(summary.eval_every, lang)
        said.append(
            say(lang, text, share=shown, one=milliseconds(one, lang), every=now)
        )
    rarer = _round_up(one / step * (1 / _FAIR_EVALUATION - 1))
    if rarer > summary.eval_every:
        left = percent(100 * one / (one + rarer * step), lang)
        text = "Evaluating {every} would bring it to {share}."
        said.append(say(lang, text, every=every(rarer, lang), share=left))
    iterations = analysis.info.get("eval_iters")
    if isinstance(iterations, int) and iterations > 1:
        text = "So would fewer eval_iters (now {n})."
        said.append(say(lang, text, n=integer(iterations, lang)))
    return said


def _round_up(steps: float) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    power = 10.0 ** math.floor(math.log10(max(steps, 1)))
    return int(next(power * n for n in (1, 2, 5, 10) if power * n >= steps))


def _first_iteration(analysis: Analysis, lang: str) -> list[str]:
    """A first iteration that is mostly the start; of whole logs, not of tails."""
    typical, time = analysis.summary.typical_ms, analysis.time
    if not typical or time is None or len(time) == 0 or time.steps[0] > 1:
        return []
    first = float(time.values[0])
    if not _SLOW_FIRST_MS < first < math.inf or first < _SLOW_FIRST * typical:
        return []
    text = (
        "The first iteration took {first}, {factor} the typical one: start-up such as "
        "compilation, once a run."
    )
    factor = count(round(first / typical), "fold", lang)
    return [say(lang, text, first=milliseconds(first, lang), factor=factor)]


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
        "Iterations are uneven: one in twenty takes over {slow}, the typical one "
        "{typical}. Reading of data, or another job on the machine, may be why."
    )
    shown = milliseconds(typical, lang)
    return [say(lang, text, slow=milliseconds(slow, lang), typical=shown)]


def _compilation(analysis: Analysis, lang: str) -> list[str]:
    """A trainer that could compile and was told not to."""
    if analysis.info.get("compile") is not False:
        return []
    text = "compile is off: torch.compile usually shortens iterations of such a model."
    return [say(lang, text)]


def _precision(analysis: Analysis, lang: str) -> list[str]:
    """Full precision on a GPU."""
    info = analysis.info
    if info.get("dtype") != "float32" or info.get("device") == "cpu":
        return []
    text = (
        "Numbers are float32: bfloat16 or float16 is several times faster on a GPU "
        "with tensor cores."
    )
    return [say(lang, text)]


def _vocabulary(analysis: Analysis, lang: str) -> list[str]:
    """A vocabulary that matrix units do not like, where it may be changed."""
    size = analysis.info.get("vocab_size")
    if not isinstance(size, int) or analysis.info.get("init_from") != "scratch":
        return []
    if size < _LARGE_VOCABULARY or size % _MULTIPLE == 0:
        return []
    text = (
        "A vocabulary of {n} is no multiple of 64: padded to {padded}, the last layer "
        "is faster."
    )
    padded = integer(-(-size // _MULTIPLE) * _MULTIPLE, lang)
    return [say(lang, text, n=integer(size, lang), padded=padded)]


_RULES: tuple[Callable[[Analysis, str], list[str]], ...] = (
    _utilisation,
    _evaluations,
    _precision,
    _compilation,
    _vocabulary,
    _unevenness,
    _first_iteration,
)
