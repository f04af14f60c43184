"""Validation in words: the table of evaluations, the best, the ratio, the verdict."""

import numpy as np

from parsers.batch import Ints
from watcher.analysis.model import Analysis, Curve, Summary
from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.escape import clean
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


# Rows of the table of evaluations.
_SHOWN = 12
# A ratio below this is no noise.
_BELOW = 0.97

_VERDICTS = {
    "possible": message("possible overfitting"),
    "overfitting": message("overfitting confirmed"),
    "none": message("no sign of overfitting"),
}


def verdict(summary: Summary, lang: str) -> str:
    """The verdict on overfitting in words, "" without validation."""
    if summary.verdict is None:
        return ""
    return tr(lang, _VERDICTS[summary.verdict])


def ratio_line(summary: Summary, lang: str) -> str:
    """`val/train loss ratio: 128.35 (possible overfitting)`, "" without a ratio."""
    if summary.ratio is None:
        return ""
    text = tr(lang, "val/train loss ratio: {ratio}", ratio=as_ratio(summary.ratio))
    # The phrase that scripts search for; the verdict below states whether it is sure.
    suspected = summary.verdict in {"possible", "overfitting"}
    shown = tr(lang, _VERDICTS["possible"]) if suspected else verdict(summary, lang)
    return f"{text} ({shown})" if shown else text


def certainty(summary: Summary, lang: str) -> list[str]:
    """A line of its own where overfitting is confirmed."""
    if summary.verdict != "overfitting":
        return []
    return [f"{tr(lang, 'Verdict')}: {verdict(summary, lang)}"]


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
    return tr(lang, "{loss} at step {step}", loss=shown, step=integer(step, lang))


def since_best(analysis: Analysis, lang: str) -> str:
    """Evaluations after the best one, the rise since, and the training time spent."""
    summary = analysis.summary
    if summary.best_val is None:
        return ""
    if not summary.evaluations_since_best:
        return tr(lang, "no evaluation since")
    evaluations = count(summary.evaluations_since_best, "evaluation", lang)
    parts = [tr(lang, "{evaluations}, none better", evaluations=evaluations)]
    if summary.rise is not None and summary.rise > 0:
        rise = percent(summary.rise, lang)
        parts.append(tr(lang, "now {rise} above it", rise=rise))
    spent = _spent_since(analysis, summary.best_val_step)
    if spent:
        parts.append(tr(lang, "{time} of training", time=seconds(spent, lang)))
    return ", ".join(parts)


def _spent_since(analysis: Analysis, step: int | None) -> float | None:
    """Seconds of training after a step; None for runs that were restarted."""
    base = analysis.val if analysis.train is None else analysis.train
    elapsed = analysis.elapsed_s
    if elapsed is None or base is None or step is None or len(analysis.segments) > 1:
        return None
    later = base.steps >= step
    return float(elapsed[-1] - elapsed[later.argmax()]) if later.any() else None


def of_sets(analysis: Analysis, lang: str) -> list[tuple[str, str]]:
    """Best and last of each further validation set, with its name."""
    val = analysis.val
    rows = []
    for one in analysis.summary.validation_sets[1:]:
        best = _at(analysis, one.best_val, one.best_val_step, lang)
        last = loss_in(one.final_val, "" if val is None else val.unit, lang)
        name = tr(lang, "Best ({name})", name=clean(one.name))
        rows.append((name, tr(lang, "{best}; last {last}", best=best, last=last)))
    return rows


def below(summary: Summary, lang: str) -> list[str]:
    """Why validation may be below training, where it is."""
    if summary.ratio is None or not 0 < summary.ratio < _BELOW:
        return []
    return [
        tr(
            lang,
            "Validation loss is below training loss: dropout and augmentation act in"
            " training only, and a training loss is a mean of earlier, worse weights.",
        )
    ]


def no_ratio(analysis: Analysis, lang: str) -> list[str]:
    """Why there is no ratio, then the verdict, which does not need one."""
    train, val = analysis.train, analysis.val
    known = analysis.val_train is not None and bool(
        np.isfinite(analysis.val_train).any()
    )
    if train is not None and val is not None and train.unit != val.unit:
        text = "No val/train ratio: validation is in {val}, training loss in {train}."
        units = {"val": unit(val.unit, lang), "train": unit(train.unit, lang)}
        why = tr(lang, text, **units)
    elif known and not analysis.comparable:
        why = tr(lang, "No val/train ratio: the two losses have different units.")
    elif train is None and not known:
        why = tr(lang, "No val/train ratio: the log has no training loss.")
    else:
        why = ""
    shown = verdict(analysis.summary, lang)
    lines = [f"{tr(lang, 'Verdict')}: {shown}"] if shown else []
    return [why, *lines] if why else lines


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
    return [*lines, tr(lang, "{shown} of {all} are shown.", shown=shown, all=every)]


def _columns(
    analysis: Analysis, val: Curve, chosen: Ints, lang: str
) -> list[list[str]]:
    """Steps, training loss, validation, ratio, those there are; headings first."""
    name = message("val bpb") if val.metric == "val_bpb" else message("val loss")
    columns = [
        [
            tr(lang, _step(analysis)),
            *(integer(step, lang) for step in val.steps[chosen]),
        ],
        [tr(lang, name), *(loss(value, lang) for value in val.values[chosen])],
    ]
    if analysis.val_train is None or not np.isfinite(analysis.val_train[chosen]).any():
        return columns
    train = analysis.val_train[chosen]
    cells = ["" if np.isnan(value) else loss(value, lang) for value in train]
    columns.insert(1, [tr(lang, "train loss"), *cells])
    if analysis.comparable:
        pairs = zip(val.values[chosen], train, strict=True)
        columns.append(["val/train", *(_quotient(*pair) for pair in pairs)])
    return columns


def _step(analysis: Analysis) -> str:
    """What the log counts."""
    return message("epoch") if analysis.epochs else message("step")


def _quotient(val: float, train: float) -> str:
    """Validation by training loss, "" where one is missing."""
    if not np.isfinite(val) or not train > 0:
        return ""
    return as_ratio(float(val) / float(train))


def _marks(val: Curve, chosen: Ints, best_step: int | None, lang: str) -> list[str]:
    """A mark beside the best evaluation."""
    return ["", *(tr(lang, "best") * int(val.steps[i] == best_step) for i in chosen)]


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
    """Indices of the evaluations to show: evenly spread, and the best one."""
    current = np.flatnonzero(val.current)
    if len(current) <= _SHOWN:
        return current
    spread = np.linspace(0, len(current) - 1, _SHOWN - 1)
    places = current[spread.round().astype(int)]
    best = current[val.steps[current] == best_step]
    return np.union1d(places, best[:1])
