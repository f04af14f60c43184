"""Validation in words: the table of evaluations, the best, the ratio, the verdict."""

import numpy as np

from parsers.batch import Ints
from watcher.analysis.model import Analysis, Curve, Summary
from watcher.outputs.text.catalog import say
from watcher.outputs.text.numbers import (
    count,
    integer,
    loss,
    loss_in,
    percent,
    seconds,
    unit,
)
from watcher.outputs.text.numbers import ratio as as_ratio


# Evaluations in the table: what a glance takes in.
_SHOWN = 12

_VERDICTS = {
    "possible": "possible overfitting",
    "overfitting": "overfitting confirmed",
    "none": "no sign of overfitting",
}


def verdict(summary: Summary, lang: str) -> str:
    """The verdict on overfitting in words, "" without validation."""
    if summary.verdict is None:
        return ""
    return say(lang, _VERDICTS[summary.verdict])


def ratio_line(summary: Summary, lang: str) -> str:
    """`val/train loss ratio: 128.35 (possible overfitting)`, "" without a ratio."""
    if summary.ratio is None:
        return ""
    text = say(lang, "val/train loss ratio: {ratio}", ratio=as_ratio(summary.ratio))
    # The words that scripts look for; whether it is certain, the verdict says.
    suspected = summary.verdict in {"possible", "overfitting"}
    said = say(lang, _VERDICTS["possible"]) if suspected else verdict(summary, lang)
    return f"{text} ({said})" if said else text


def certainty(summary: Summary, lang: str) -> list[str]:
    """A line of its own where overfitting is more than possible."""
    if summary.verdict != "overfitting":
        return []
    return [f"{say(lang, 'Verdict')}: {verdict(summary, lang)}"]


def best(analysis: Analysis, lang: str) -> str:
    """`1.4697 nats/token at step 1,250`, "" without validation."""
    summary = analysis.summary
    return _at(analysis, summary.best_val, summary.best_val_step, lang)


def last(analysis: Analysis, lang: str) -> str:
    """The last evaluation, as `best`."""
    summary = analysis.summary
    return _at(analysis, summary.final_val, summary.final_val_step, lang)


def _at(analysis: Analysis, value: float | None, step: int | None, lang: str) -> str:
    """A validation figure with its unit and step, as far as known."""
    if value is None:
        return ""
    shown = loss_in(value, "" if analysis.val is None else analysis.val.unit, lang)
    if step is None:
        return shown
    return say(lang, "{loss} at step {step}", loss=shown, step=integer(step, lang))


def since_best(analysis: Analysis, lang: str) -> str:
    """What happened after the best evaluation, and the training spent on it."""
    summary = analysis.summary
    if summary.best_val is None:
        return ""
    if not summary.evaluations_since_best:
        return say(lang, "it is the last evaluation")
    evaluations = count(summary.evaluations_since_best, "evaluation", lang)
    said = [say(lang, "{evaluations}, none better", evaluations=evaluations)]
    if summary.rise is not None and summary.rise > 0:
        rise = percent(100 * summary.rise, lang)
        said.append(say(lang, "now {rise} above it", rise=rise))
    spent = _spent_since(analysis, summary.best_val_step)
    if spent:
        said.append(say(lang, "{time} of training", time=seconds(spent, lang)))
    return ", ".join(said)


def _spent_since(analysis: Analysis, step: int | None) -> float | None:
    """Seconds of training after a step; None for runs that were restarted."""
    base = analysis.val if analysis.train is None else analysis.train
    elapsed = analysis.elapsed_s
    if elapsed is None or base is None or step is None or len(analysis.segments) > 1:
        return None
    later = base.steps >= step
    return float(elapsed[-1] - elapsed[later.argmax()]) if later.any() else None


def no_ratio(analysis: Analysis, lang: str) -> list[str]:
    """Why there is no ratio, then the verdict, which does not need one."""
    train, val = analysis.train, analysis.val
    known = analysis.val_train is not None and bool(
        np.isfinite(analysis.val_train).any()
    )
    if train is not None and val is not None and train.unit != val.unit:
        text = "No val/train ratio: validation is in {val}, training loss in {train}."
        units = {"val": unit(val.unit, lang), "train": unit(train.unit, lang)}
        why = say(lang, text, **units)
    elif known and not analysis.comparable:
        why = say(lang, "No val/train ratio: the two are not in one unit.")
    elif train is None and not known:
        why = say(lang, "No val/train ratio: the log has no training loss.")
    else:
        why = ""
    said = verdict(analysis.summary, lang)
    told = [f"{say(lang, 'Verdict')}: {said}"] if said else []
    return [why, *told] if why else told


def table(analysis: Analysis, lang: str) -> list[str]:
    """A dozen evaluations, first, best and last among them, in aligned columns."""
    val = analysis.val
    if val is None:
        return []
    chosen = _chosen(val, analysis.summary.best_val_step)
    marks = _marks(val, chosen, analysis.summary.best_val_step, lang)
    lines = _aligned(_columns(analysis, val, chosen, lang), marks)
    total = int(val.current.sum())
    if total <= len(chosen):
        return lines
    shown, every = integer(len(chosen), lang), integer(total, lang)
    return [*lines, say(lang, "{shown} of {all} are shown.", shown=shown, all=every)]


def _columns(
    analysis: Analysis, val: Curve, chosen: Ints, lang: str
) -> list[list[str]]:
    """Steps, training loss, validation, ratio, those there are; headings first."""
    name = "val bpb" if val.metric == "val_bpb" else "val loss"
    columns = [
        [say(lang, "step"), *(integer(step, lang) for step in val.steps[chosen])],
        [say(lang, name), *(loss(value, lang) for value in val.values[chosen])],
    ]
    if analysis.val_train is None or not np.isfinite(analysis.val_train[chosen]).any():
        return columns
    train = analysis.val_train[chosen]
    cells = ["" if np.isnan(value) else loss(value, lang) for value in train]
    columns.insert(1, [say(lang, "train loss"), *cells])
    if analysis.comparable:
        pairs = zip(val.values[chosen], train, strict=True)
        columns.append(["val/train", *(_quotient(*pair) for pair in pairs)])
    return columns


def _quotient(val: float, train: float) -> str:
    """Validation by training loss, "" where one is missing."""
    if not np.isfinite(val) or not train > 0:
        return ""
    return as_ratio(float(val) / float(train))


def _marks(val: Curve, chosen: Ints, best_step: int | None, lang: str) -> list[str]:
    """A word beside the best evaluation."""
    return ["", *(say(lang, "best") * int(val.steps[i] == best_step) for i in chosen)]


def _aligned(columns: list[list[str]], marks: list[str]) -> list[str]:
    """Columns set flush right, two spaces apart, the marks behind them."""
    widths = [max(map(len, column)) for column in columns]
    rows = zip(*columns, strict=True)
    lines = (
        "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True))
        for row in rows
    )
    return [f"{a}  {b}".rstrip() for a, b in zip(lines, marks, strict=True)]


def _chosen(val: Curve, best_step: int | None) -> Ints:
    """Places of the evaluations to show: evenly spread, and the best one."""
    current = np.flatnonzero(val.current)
    if len(current) <= _SHOWN:
        return current
    spread = np.linspace(0, len(current) - 1, _SHOWN - 1)
    places = current[spread.round().astype(int)]
    best = current[val.steps[current] == best_step]
    return np.union1d(places, best[:1])
