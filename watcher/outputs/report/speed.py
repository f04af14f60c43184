"""The section on speed: iterations, evaluations, MFU, throughput, time."""

import numpy as np

from watcher.analysis.model import Analysis, Summary
from watcher.outputs.text.catalog import tr
from watcher.outputs.text.numbers import (
    every,
    mfu,
    milliseconds,
    percent,
    rate,
    seconds,
)


Row = tuple[str, str]


def speed_rows(analysis: Analysis, lang: str) -> list[Row]:
    """Typical and mean iteration, cost of evaluations, MFU, total time."""
    summary = analysis.summary
    return [
        (
            tr(lang, "Typical epoch" if analysis.epochs else "Typical iteration"),
            _typical(summary, lang),
        ),
        (
            tr(lang, "Mean epoch" if analysis.epochs else "Mean iteration"),
            _mean(summary, lang),
        ),
        (tr(lang, "Evaluation time"), _evaluation(summary, lang)),
        (tr(lang, "Mean MFU"), _mfu(summary, lang)),
        (tr(lang, "Throughput"), throughput(analysis, lang)),
        (tr(lang, "Total time"), _seconds(summary.training_s, lang)),
        (tr(lang, "Time left"), _left(summary, lang)),
    ]


def _typical(summary: Summary, lang: str) -> str:
    """Median iteration without pauses."""
    if summary.typical_ms is None:
        return ""
    note = tr(lang, "median, without pauses")
    if summary.times_seen:
        note = tr(lang, "by when lines arrived: the log states no times")
    return f"{milliseconds(summary.typical_ms, lang)} ({note})"


def _mean(summary: Summary, lang: str) -> str:
    """Mean iteration, pauses included."""
    if summary.mean_ms is None:
        return ""
    note = tr(lang, "over logged iterations, with pauses")
    return f"{milliseconds(summary.mean_ms, lang)} ({note})"


def _evaluation(summary: Summary, lang: str) -> str:
    """`1.65 s every 50 steps, 22% of training time`."""
    parts = []
    if summary.eval_ms is not None:
        parts.append(milliseconds(summary.eval_ms, lang))
        if summary.eval_every:
            parts[-1] += " " + every(summary.eval_every, lang)
    if summary.eval_share is not None:
        share = percent(summary.eval_share, lang)
        parts.append(tr(lang, "{share} of training time", share=share))
    return ", ".join(parts)


def _mfu(summary: Summary, lang: str) -> str:
    """Mean utilisation, and the typical one beside it."""
    if summary.mean_mfu is None:
        return ""
    text = mfu(summary.mean_mfu, lang)
    if summary.typical_mfu is None:
        return text
    typical = mfu(summary.typical_mfu, lang)
    return f"{text} ({tr(lang, 'typical {mfu}', mfu=typical)})"


def throughput(analysis: Analysis, lang: str) -> str:
    """Tokens per second, else what the log counts instead; "" without either."""
    tokens, curve = analysis.summary.tokens_per_s, analysis.throughput
    if tokens is not None:
        return rate(tokens, "tokens/s", lang)
    if curve is None or not np.isfinite(curve.values).any():
        return ""
    typical = np.median(curve.values[np.isfinite(curve.values)])
    return rate(float(typical), curve.unit, lang)


def _seconds(value: float | None, lang: str) -> str:
    """A duration, "" for none."""
    return "" if value is None else seconds(value, lang)


def _left(summary: Summary, lang: str) -> str:
    """Time to the last step, of a run that has not ended."""
    if summary.eta_s is None or summary.outcome is not None:
        return ""
    return tr(lang, "about {time}", time=seconds(summary.eta_s, lang))
