"""Pictures: titles, notes, labels, captions."""

from types import MappingProxyType
from typing import Final


# fmt: off
RUSSIAN: Final = MappingProxyType({
    # titles
    "Training loss": "Loss на обучении",
    "Training loss, last half": "Обучение, вторая половина",
    "Validation, last half": "Валидация, вторая половина",
    "Validation against time": "Валидация по времени",
    "Training loss against time": "Loss на обучении по времени",
    "Time per epoch": "Время эпохи",
    "Validation ({name})": "Валидация ({name})",
    "Time per iteration": "Время итерации",
    "Mean time per iteration": "Среднее время итерации",
    "Utilisation (MFU)": "Загрузка GPU (MFU)",
    "Gradient norm": "Норма градиента",
    "Accuracy": "Точность",
    "Arithmetic": "Скорость вычислений",
    "Memory": "Память",
    "{n} runs compared": "Сравнение прогонов: {n}",
    "Lowest validation: {name}, {value} at step {step}":
        "Лучшая валидация: {name}, {value} на шаге {step}",
    "No validation in these logs": "В этих логах нет валидации",
    "Validation minus training": "Валидация минус обучение",
    "Reward": "Награда",
    "Loss scale": "Масштаб loss",
    # events
    "diverged": "расходимость",
    "slower": "медленнее",
    "spike": "выброс",
    "plateau": "плато",
    "jump at the resume": "скачок при возобновлении",
    "rising": "растёт",
    "loss 0": "loss 0",
    "gradient NaN": "градиент NaN",
    "gradient spike": "выброс градиента",
    "steps skipped": "шаги пропущены",
    "validation jump": "скачок валидации",
    "learning rate 0": "скорость обучения 0",
    # labels
    "train": "обучение",
    "validation": "валидация",

    "NaN or inf from step {step}": "NaN или inf с шага {step}",
    "NaN or inf at step {step}": "NaN или inf на шаге {step}",
    "{n} NaN or inf, first at step {step}": "NaN или inf: {n}, первое на шаге {step}",
    "nothing but NaN or inf": "только NaN или inf",
    "not in this log": "нет в этом логе",
    "not in these logs": "нет в этих логах",
    # notes
    "log scale": "лог. шкала",
    "bold: mean of {n}": "жирно: среднее по {n}",
    "averaged by the log": "усреднено в логе",
    "thin: every iteration": "тонко: каждая итерация",
    "faint: before a restart": "бледно: до перезапуска",
    "training loss is in {unit}: see below": "loss на обучении — в {unit}: см. ниже",
    "ms · running mean of the log": "мс · среднее с начала, из лога",
    "bold: median": "жирно: медиана",
    "pauses ticked above: {n}": "паузы отмечены сверху: {n}",
    "% of the device's peak": "% от пика устройства",
    "peak {n}": "пик {n}",
    "smoothed": "сглажено",
    "ring: best": "кольцо: лучшее",
    "best {n} in colour": "в цвете лучшие {n}",
    "in another unit, not drawn: {names}": "в других единицах, не показано: {names}",
    # caption
    "{n} parameters": "параметров: {n}",
    "{n} trainable parameters": "обучаемых параметров: {n}",
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
    "drawn {date} by {whom}": "нарисовано {date}, {whom}",
    "drawn by {whom}": "нарисовано: {whom}",
    # units
    "hours": "часы",
    "minutes": "минуты",
    "seconds": "секунды",
})
# fmt: on
