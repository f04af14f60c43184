"""The small panels of a picture, chosen by what the log has."""

from collections.abc import Iterator

import numpy as np

from parsers.metrics import validation_set
from watcher.analysis.model import Analysis, Curve
from watcher.outputs.plot.axis_range import span
from watcher.outputs.plot.lines import Look, averaged, shows_validation
from watcher.outputs.plot.loss_panels import (
    detail,
    gap,
    late,
    late_training,
    of_set,
    validation,
)
from watcher.outputs.plot.side_panels import (
    accuracy,
    against_time,
    level,
    mean_times,
    schedule,
    times,
    unpaused,
)
from watcher.outputs.plot.theme import printable
from watcher.outputs.plot.view import View


_SMALL = 3
# Formats that print all of the four panels of the first gptwatch.
_FIXED = frozenset({"nanogpt", "llama2c"})
# With more iterations an evaluation than this its curve shows more than theirs.
_MORE = 2
# Metrics that have a panel, or are another form of one that has.
_SHOWN = frozenset(
    {
        "accuracy",
        "epoch",
        "epoch_loss",
        "eval_ms",
        "grad_norm",
        "iter_ms",
        "iters_per_s",
        "loss",
        "loss_scale",
        "lr",
        "memory_mib",
        "mfu",
        "reward",
        "run_no",
        "running_loss",
        "samples",
        "samples_per_s",
        "step_avg_ms",
        "tflops",
        "tokens",
        "tokens_per_s",
        "train_loss",
        "train_time_ms",
        "val_accuracy",
        "val_bpb",
        "val_loss",
    }
)


def small(analysis: Analysis, look: Look) -> tuple[View, ...]:
    """Choose up to three small panels: what this log fills best.

    Every log of nanoGPT has the training loss, times and MFU, so that their places are
    fixed and one that is missing is worth a note.  Elsewhere an empty panel says
    nothing about the run.
    """
    if analysis.format in _FIXED:
        return _fixed(analysis, look)
    chosen: list[View] = []
    dull: list[View] = []
    for view in _pool(analysis, look):
        if view is not None and view.title not in {seen.title for seen in chosen}:
            (chosen if _lively(view) else dull).append(view)
        if len(chosen) == _SMALL:
            break
    return (*chosen, *dull)[:_SMALL]


def _fixed(analysis: Analysis, look: Look) -> tuple[View, ...]:
    """The four panels of the first gptwatch, the large one apart."""
    mfu = analysis.mfu
    note = "% of the device's peak"
    keep = unpaused(mfu, analysis)
    return (
        detail(analysis, look)
        or late(analysis.val, look)
        or View(look.tr("Training loss")),
        times(analysis, look) or View(look.tr("Time per iteration")),
        level(mfu, look, "Utilisation (MFU)", note, keep=keep)
        or View(look.tr("Utilisation (MFU)")),
    )


def _lively(view: View) -> bool:
    """Whether a panel shows more than a constant."""
    found = span(*(trace.y for trace in view.traces))
    return found is not None and found[0] < found[1]


def _pool(analysis: Analysis, look: Look) -> Iterator[View | None]:
    """Yield the candidates in order of priority."""
    curves = analysis.curves
    if not shows_validation(analysis):
        yield validation(analysis, look)
    if _differs(analysis):
        yield detail(analysis, look)
    for curve, _ in analysis.other_sets:
        yield of_set(curve, look)
    yield times(analysis, look) or mean_times(analysis, look)
    mfu, speed = analysis.mfu, analysis.throughput
    note = "% of the device's peak"
    yield level(mfu, look, "Utilisation (MFU)", note, keep=unpaused(mfu, analysis))
    if mfu is None or not (mfu.values > 0).any():
        yield level(speed, look, "Throughput", keep=unpaused(speed, analysis))
    yield against_time(analysis, look) if analysis.train is None else None
    yield accuracy(analysis, look)
    yield level(curves.get("reward"), look, "Reward")
    yield level(curves.get("grad_norm"), look, "Gradient norm", log=True)
    yield schedule(curves.get("lr"), look)
    yield level(curves.get("loss_scale"), look, "Loss scale", log=True)
    yield gap(analysis, look)
    yield late(analysis.val if shows_validation(analysis) else None, look)
    yield late_training(analysis, look) if averaged(analysis) else None
    yield level(curves.get("tflops"), look, "Arithmetic")
    yield level(curves.get("memory_mib"), look, "Memory")
    yield from (level(c, look, _title(name)) for name, c in _others(analysis))


def _differs(analysis: Analysis) -> bool:
    """Whether the training loss in detail is more than what the large panel shows."""
    train, beside = analysis.train, analysis.val_train
    if train is None or averaged(analysis):
        return False
    known = 0 if beside is None else int(np.isfinite(beside).sum())
    return len(train) > _MORE * known


def _others(analysis: Analysis) -> Iterator[tuple[str, Curve]]:
    """Yield the metrics that have no panel of their own, the most points first."""
    others = [
        (n, c)
        for n, c in analysis.curves.items()
        if n not in _SHOWN and not validation_set(n)
    ]
    yield from sorted(others, key=lambda pair: -len(pair[1]))


def _title(name: str) -> str:
    return printable(name.replace("_", " "))
