"""The caption of a picture: hyperparameters, and where the picture comes from."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from watcher.analysis.model import Analysis
from watcher.outputs.plot.theme import printable
from watcher.outputs.text.catalog import message, tr
from watcher.outputs.text.findings import in_epochs
from watcher.outputs.text.numbers import integer, setting, short


_HYPERPARAMETERS = (
    ("parameters", message("{n} parameters")),
    ("trainable_parameters", message("{n} trainable parameters")),
    ("n_layer", message("{n} layers")),
    ("n_head", message("{n} heads")),
    ("n_embd", message("{n} wide")),
    ("block_size", message("block size {n}")),
    ("vocab_size", message("vocabulary {n}")),
    ("dataset", message("dataset {n}")),
    ("batch_size", message("batch size {n}")),
    ("gradient_accumulation_steps", message("gradient accumulation {n}")),
    ("tokens_per_step", message("{n} tokens per step")),
    ("learning_rate", message("learning rate {n}")),
    ("dropout", message("dropout {n}")),
    ("max_iters", message("max_iters {n}")),
)


_PARAMETERS = ("parameters", "trainable_parameters")


def hyperparameters(analysis: Analysis, lang: str) -> list[str]:
    """List the hyperparameters that the log states."""
    known = {**analysis.info}
    if analysis.summary.tokens_per_step is not None:
        known["tokens_per_step"] = analysis.summary.tokens_per_step
    return [
        tr(lang, phrase, n=_value(name, known[name], lang))
        for name, phrase in _HYPERPARAMETERS
        if known.get(name) not in (None, "")
        and not (name == "max_iters" and analysis.epochs)  # the axis names them
    ]


def _value(name: str, value: object, lang: str) -> str:
    """Write a value: 10.65M parameters, but a block size of 1,024."""
    if name in _PARAMETERS and isinstance(value, int | float):
        return short(value, lang)
    return printable(setting(value, lang))


def source(analysis: Analysis, drawn_by: str, lang: str) -> list[str]:
    """List where the picture comes from: log, step, when and by whom it was drawn.

    When is when the log last changed, so that an unchanged log gives equal bytes.
    """
    return [*_log(analysis, lang), _drawn(analysis.changed_at, drawn_by, lang)]


def _log(analysis: Analysis, lang: str) -> Iterator[str]:
    if analysis.format:
        yield printable(analysis.format)
    if analysis.path:
        yield printable(analysis.path)
    last, most = analysis.summary.last_step, analysis.summary.max_steps
    if last is not None and most is not None:
        values: Mapping[str, str] = {
            "last": integer(last, lang),
            "most": integer(most, lang),
        }
        text = tr(lang, "step {last} of {most}", **values)
        yield in_epochs(text) if analysis.epochs else text
    elif last is not None:
        text = tr(lang, "step {last}", last=integer(last, lang))
        yield in_epochs(text) if analysis.epochs else text


def _drawn(changed_at: float | None, drawn_by: str, lang: str) -> str:
    whom = printable(drawn_by)
    if changed_at is None:
        return tr(lang, "drawn by {whom}", whom=whom)
    date = f"{datetime.fromtimestamp(changed_at, UTC):%Y-%m-%d %H:%M} UTC"
    return tr(lang, "drawn {date} by {whom}", date=date, whom=whom)
