"""What a picture says in words: two languages, and the lines below the plot."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from watcher.analysis.model import Analysis
from watcher.outputs.plot.theme import printable
from watcher.outputs.text.numbers import integer, setting, short


# fmt: off
_RUSSIAN = MappingProxyType({
    # titles
    "Training loss": "Loss на обучении",
    "Training loss, last half": "Loss на обучении, вторая половина",
    "Validation, last half": "Валидация, вторая половина",
    "Validation against time": "Валидация по времени",
    "Training loss against time": "Loss на обучении по времени",
    "Validation": "Валидация",
    "Time per iteration": "Время итерации",
    "Mean time per iteration": "Среднее время итерации",
    "Utilisation (MFU)": "Загрузка GPU (MFU)",
    "Throughput": "Пропускная способность",
    "Gradient norm": "Норма градиента",
    "Learning rate": "Скорость обучения",
    "Accuracy": "Точность",
    "Arithmetic": "Скорость вычислений",
    "Memory": "Память",
    "{n} runs compared": "Сравнение прогонов: {n}",
    "Lowest validation: {name}, {value} at step {step}":
        "Лучшая валидация: {name}, {value} на шаге {step}",
    "No validation in these logs": "В этих логах нет валидации",
    # labels
    "train": "обучение",
    "validation": "валидация",
    "best {value} at step {step}": "лучшее {value} на шаге {step}",
    "best": "лучшее",
    "overfitting": "переобучение",
    "resumed": "продолжено",
    "restarted": "начато заново",
    "NaN or inf from step {step}": "NaN или inf с шага {step}",
    "NaN or inf at step {step}": "NaN или inf на шаге {step}",
    "{n} NaN or inf, first at step {step}": "NaN или inf: {n}, первое на шаге {step}",
    "nothing but NaN or inf": "только NaN или inf",
    "not in this log": "нет в этом логе",
    "not in these logs": "нет в этих логах",
    "step": "шаг",
    # notes
    "log scale": "лог. шкала",
    "bold: mean of {n}": "жирно: среднее по {n}",
    "averaged by the log": "усреднено в логе",
    "mean over {n} steps": "среднее по {n} шагам",
    "thin: every iteration": "тонко: каждая итерация",
    "faint: before a restart": "бледно: до перезапуска",
    "training loss is in {unit}: see below": "loss на обучении — в {unit}: см. ниже",
    "ms · running mean of the log": "мс · среднее с начала, из лога",
    "bold: median": "жирно: медиана",
    "pauses ticked above: {n}": "паузы отмечены сверху: {n}",
    "evaluations {share}": "оценки {share}",
    "% of the device's peak": "% от пика устройства",
    "peak {n}": "пик {n}",
    "smoothed": "сглажено",
    "ring: best": "кольцо: лучшее",
    "the best {n} in colour": "в цвете лучшие {n}",
    "in another unit, not drawn: {names}": "в других единицах, не показано: {names}",
    # caption
    "{n} parameters": "параметров: {n}",
    "{n} layers": "слоёв: {n}",
    "{n} heads": "голов: {n}",
    "{n} wide": "ширина {n}",
    "block size {n}": "блок {n}",
    "vocabulary {n}": "словарь {n}",
    "dataset {n}": "данные {n}",
    "batch size {n}": "батч {n}",
    "gradient accumulation {n}": "накопление градиента {n}",
    "{n} tokens per step": "токенов на шаг: {n}",
    "learning rate {n}": "скорость обучения {n}",
    "dropout {n}": "dropout {n}",
    "max_iters {n}": "max_iters {n}",
    "step {last}": "шаг {last}",
    "step {last} of {most}": "шаг {last} из {most}",
    "drawn {date} by {whom}": "нарисовано {date}, {whom}",
    "drawn by {whom}": "нарисовано: {whom}",
    # units
    "nats/token": "нат/токен",
    "bits/byte": "бит/байт",
    "tokens/s": "токенов/с",
    "samples/s": "примеров/с",
    "it/s": "ит/с",
    "ms": "мс",
    "s": "с",
    "hours": "часы",
    "minutes": "минуты",
    "seconds": "секунды",
})
# fmt: on

_FACTS = (
    ("parameters", "{n} parameters"),
    ("n_layer", "{n} layers"),
    ("n_head", "{n} heads"),
    ("n_embd", "{n} wide"),
    ("block_size", "block size {n}"),
    ("vocab_size", "vocabulary {n}"),
    ("dataset", "dataset {n}"),
    ("batch_size", "batch size {n}"),
    ("gradient_accumulation_steps", "gradient accumulation {n}"),
    ("tokens_per_step", "{n} tokens per step"),
    ("learning_rate", "learning rate {n}"),
    ("dropout", "dropout {n}"),
    ("max_iters", "max_iters {n}"),
)


def say(lang: str, phrase: str, **values: object) -> str:
    """Put a phrase in the language, its `{names}` filled in; units pass as they are."""
    text = _RUSSIAN.get(phrase, phrase) if lang == "ru" else phrase
    return text.format(**values) if values else text


def facts(analysis: Analysis, lang: str) -> list[str]:
    """List what the log states of the model and its settings; absent facts left out."""
    known = {**analysis.info}
    if analysis.summary.tokens_per_step is not None:
        known["tokens_per_step"] = analysis.summary.tokens_per_step
    return [
        say(lang, phrase, n=_fact(name, known[name], lang))
        for name, phrase in _FACTS
        if known.get(name) not in (None, "")
    ]


def _fact(name: str, value: object, lang: str) -> str:
    """Write a fact: 10.65M parameters, but a block size of 1,024."""
    if name == "parameters" and isinstance(value, int | float):
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
        yield say(lang, "step {last} of {most}", **values)
    elif last is not None:
        yield say(lang, "step {last}", last=integer(last, lang))


def _drawn(changed_at: float | None, drawn_by: str, lang: str) -> str:
    whom = printable(drawn_by)
    if changed_at is None:
        return say(lang, "drawn by {whom}", whom=whom)
    date = f"{datetime.fromtimestamp(changed_at, UTC):%Y-%m-%d %H:%M} UTC"
    return say(lang, "drawn {date} by {whom}", date=date, whom=whom)
