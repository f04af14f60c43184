"""The model and the settings that a log states, as labelled rows."""

from collections.abc import Callable

from watcher.analysis.model import Analysis
from watcher.outputs.text.catalog import tr
from watcher.outputs.text.escape import clean
from watcher.outputs.text.numbers import (
    count,
    every,
    integer,
    percent,
    setting,
    short,
)


Row = tuple[str, str]

# Settings without a row of their own that are shown, and how long one may be.
_OTHERS, _LONGEST = 24, 40
_OWN_ROW = frozenset(
    (
        "parameters", "trainable_parameters", "n_layer", "n_head", "n_embd",
        "block_size", "vocab_size",
        "dataset", "init_from", "batch_size", "gradient_accumulation_steps",
        "learning_rate", "min_lr", "decay_lr", "warmup_iters", "dropout",
        "weight_decay", "optimizer", "dtype", "device", "compile", "eval_interval",
        "eval_iters", "max_iters",
    )
)  # fmt: skip


def model_rows(analysis: Analysis, lang: str) -> list[Row]:
    """What was trained, on what."""
    return [
        (tr(lang, "Parameters"), _number(analysis, "parameters", short, lang)),
        (tr(lang, "Trainable parameters"), _trainable(analysis, lang)),
        (tr(lang, "Architecture"), _architecture(analysis, lang)),
        (tr(lang, "Context"), _counted(analysis, "block_size", "token", lang)),
        (tr(lang, "Vocabulary"), _counted(analysis, "vocab_size", "token", lang)),
        (tr(lang, "Dataset"), _plain(analysis, "dataset", lang)),
        (tr(lang, "Initialised from"), _plain(analysis, "init_from", lang)),
    ]


def settings_rows(analysis: Analysis, lang: str) -> list[Row]:
    """How it was trained."""
    accumulation = _plain(analysis, "gradient_accumulation_steps", lang)
    per_step = analysis.summary.tokens_per_step
    tokens = "" if per_step is None else integer(per_step, lang)
    return [
        (tr(lang, "Iterations"), _plain(analysis, "max_iters", lang)),
        (tr(lang, "Batch"), _batch(analysis, lang)),
        (tr(lang, "Gradient accumulation"), accumulation),
        (tr(lang, "Tokens per step"), tokens),
        (tr(lang, "Learning rate"), _learning_rate(analysis, lang)),
        (tr(lang, "Warmup"), _counted(analysis, "warmup_iters", "step", lang)),
        (tr(lang, "Dropout"), _plain(analysis, "dropout", lang)),
        (tr(lang, "Weight decay"), _plain(analysis, "weight_decay", lang)),
        (tr(lang, "Optimizer"), _plain(analysis, "optimizer", lang)),
        (tr(lang, "Evaluation"), _evaluation(analysis, lang)),
        (tr(lang, "Number format"), _plain(analysis, "dtype", lang)),
        (tr(lang, "Device"), _plain(analysis, "device", lang)),
        (tr(lang, "Compiled"), _plain(analysis, "compile", lang)),
        (tr(lang, "Other"), _others(analysis, lang)),
    ]


def _plain(analysis: Analysis, name: str, lang: str) -> str:
    """A setting as it is written, "" where the log does not state it."""
    value = analysis.info.get(name)
    return "" if value is None else clean(setting(value, lang))


def _number(
    analysis: Analysis, name: str, form: Callable[[float, str], str], lang: str
) -> str:
    """A numeric setting in a form; text unchanged."""
    value = analysis.info.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return form(value, lang)
    return _plain(analysis, name, lang)


def _counted(analysis: Analysis, name: str, word: str, lang: str) -> str:
    """A numeric setting with its noun: `256 tokens`."""
    value = analysis.info.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value, word, lang)
    return _plain(analysis, name, lang)


def _architecture(analysis: Analysis, lang: str) -> str:
    """Layers, heads and width, as much of it as is known."""
    width = _plain(analysis, "n_embd", lang)
    parts = (
        _counted(analysis, "n_layer", "layer", lang),
        _counted(analysis, "n_head", "head", lang),
        width and tr(lang, "width {n}", n=width),
    )
    return ", ".join(part for part in parts if part)


def _batch(analysis: Analysis, lang: str) -> str:
    """Sequences of a batch."""
    return _counted(analysis, "batch_size", "sequence", lang)


def _learning_rate(analysis: Analysis, lang: str) -> str:
    """The peak rate, and what it decays to."""
    high, low = (
        _plain(analysis, "learning_rate", lang),
        _plain(analysis, "min_lr", lang),
    )
    if not high or not low or analysis.info.get("decay_lr") is False:
        return high
    return tr(lang, "{high} decaying to {low}", high=high, low=low)


def _trainable(analysis: Analysis, lang: str) -> str:
    """Those that a fine-tune trains, unless it trains all."""
    trained = analysis.info.get("trainable_parameters")
    every = analysis.info.get("parameters")
    if not isinstance(trained, int) or trained == every:
        return ""
    shown = short(trained, lang)
    if not isinstance(every, int) or trained > every:
        return shown
    return f"{shown} ({percent(trained / every, lang)})"


def _evaluation(analysis: Analysis, lang: str) -> str:
    """How often evaluations run, and on how many batches."""
    interval, batches = (analysis.info.get(x) for x in ("eval_interval", "eval_iters"))
    parts = []
    if isinstance(interval, int) and interval > 0:
        parts.append(every(interval, lang))
    if isinstance(batches, int):
        parts.append(
            tr(lang, "each on {n}", n=count(batches, "batch (locative)", lang))
        )
    return ", ".join(parts)


def _others(analysis: Analysis, lang: str) -> str:
    """The remaining settings by the names of the log."""
    others = [
        f"{clean(str(name))}={clean(str(value))}"
        for name, value in sorted(analysis.info.items())
        if name not in _OWN_ROW and len(str(value)) <= _LONGEST
    ]
    more = len(others) - _OTHERS
    rest = [tr(lang, "and {n} more", n=integer(more, lang))] * (more > 0)
    return ", ".join(others[:_OTHERS] + rest)
