"""Reports, terminal summary, comparison, units."""

from types import MappingProxyType
from typing import Final


RUSSIAN: Final = MappingProxyType(
    {
        # headings
        "Training report: {name}": "Отчёт об обучении: {name}",
        "Model": "Модель",
        "Settings": "Настройки",
        "Training": "Обучение",
        "Speed": "Скорость",
        "Validation": "Валидация",
        "Timeline": "Хронология",
        "Findings": "Диагнозы",
        "Advice on speed": "Советы по скорости",
        "Settings that differ": "Различия в настройках",
        "Results": "Результаты",
        # the log
        "Log": "Лог",
        "Format": "Формат",
        "Last written": "Последняя запись",
        "Steps": "Шаги",
        "{first} to {last} of {most}": "{first}–{last} из {most}",
        "{first} to {last}": "{first}–{last}",
        "step {last} of {most}": "шаг {last} из {most}",
        "step {last}": "шаг {last}",
        "This log has no metrics.": "В этом логе нет метрик.",
        # the model
        "Parameters": "Параметров",
        "Trainable parameters": "Обучаемых параметров",
        "Architecture": "Архитектура",
        "width {n}": "ширина {n}",
        "Context": "Контекст",
        "Vocabulary": "Словарь",
        "Dataset": "Данные",
        "Initialised from": "Начальные веса",
        # settings
        "Iterations": "Итераций",
        "Batch": "Батч",
        "Gradient accumulation": "Накопление градиента",
        "Tokens per step": "Токенов на шаг",
        "Learning rate": "Скорость обучения",
        "{high} decaying to {low}": "{high} с убыванием до {low}",
        "Warmup": "Разогрев",
        "Dropout": "Dropout",
        "Weight decay": "Weight decay",
        "Optimizer": "Оптимизатор",
        "Number format": "Формат чисел",
        "Device": "Устройство",
        "Compiled": "Компиляция",
        "yes": "да",
        "no": "нет",
        "Evaluation": "Оценка",
        "each on {n}": "каждая на {n}",
        "Other": "Прочее",
        "and {n} more": "и ещё {n}",
        # training
        "First loss": "Первый loss",
        "Final loss": "Последний loss",
        "Lowest loss": "Наименьший loss",
        "Improvement": "Улучшение",
        "{factor} (first / final)": "{factor} (первый / последний)",
        "smoothed by the trainer": "сглажен в самом логе",
        "Non-finite values": "Значения NaN и inf",
        "{values}, the first at step {step}": "{values}, первое на шаге {step}",
        "Typical iteration": "Типичная итерация",
        "median, without pauses": "медиана, без пауз",
        "by when lines arrived: the log states no times": (
            "по времени появления строк: в логе его нет"
        ),
        "Mean iteration": "Средняя итерация",
        "over logged iterations, with pauses": "по записям лога, с паузами",
        "Evaluation time": "Время оценки",
        "{share} of training time": "{share} времени обучения",
        "Mean MFU": "Средний MFU",
        "typical {mfu}": "типичный {mfu}",
        "Throughput": "Пропускная способность",
        "Total time": "Всего времени",
        "Time left": "Осталось",
        "about {time}": "около {time}",
        # validation
        "step": "шаг",
        "epoch": "эпоха",
        "train loss": "train loss",
        "val loss": "val loss",
        "val bpb": "val bpb",
        "val/train": "val/train",
        "best": "лучшая",
        "{shown} of {all} are shown.": "Показано {shown} из {all}.",
        "Best": "Лучшая оценка",
        "Last": "Последняя оценка",
        "{loss} at step {step}": "{loss} на шаге {step}",
        "Since the best": "После лучшей",
        "no evaluation since": "оценок больше не было",
        "{evaluations}, none better": "{evaluations}, лучше не стало",
        "now {rise} above it": "сейчас на {rise} выше",
        "{time} of training": "{time} обучения",
        "val/train loss ratio: {ratio}": "Соотношение val/train loss: {ratio}",
        "Verdict": "Вывод",
        "possible overfitting": "возможно переобучение",
        "overfitting confirmed": "переобучение подтверждено",
        "no sign of overfitting": "признаков переобучения нет",
        "No val/train ratio: validation is in {val}, training loss in {train}.": (
            "Соотношения val/train нет: валидация в {val}, train loss в {train}."
        ),
        "No val/train ratio: the two losses have different units.": (
            "Соотношения val/train нет: единицы измерения разные."
        ),
        "No val/train ratio: the log has no training loss.": (
            "Соотношения val/train нет: в логе нет train loss."
        ),
        "The log has no validation loss: overfitting cannot be detected.": (
            "В логе нет валидационного loss: переобучение обнаружить нельзя."
        ),
        # the end
        "finished": "завершено",
        "crashed": "аварийно завершено",
        "out of memory": "не хватило памяти",
        "killed": "процесс убит",
        "cancelled": "отменено",
        "interrupted": "прервано",
        "Outcome": "Чем закончилось",
        "Final log line": "Последняя строка лога",
        "not stated in the log; it stops at step {last} of {most}": (
            "в логе не указано; он обрывается на шаге {last} из {most}"
        ),
        "not stated in the log": "в логе не указано",
        "Checkpoints": "Чекпойнты",
        "{n}, the last at step {step}": "{n}, последний на шаге {step}",
        "Segments": "Отрезки",
        "start": "начало",
        "resumed": "продолжено",
        "restarted": "начато заново",
        # terminal
        "time": "время",
        "speed": "скорость",
        "error": "ошибка",
        "outcome": "чем закончилось",
        "total {time}": "всего {time}",
        "{time} left": "осталось {time}",
        "{ms} on average": "{ms} в среднем",
        "{ms} per epoch": "{ms} на эпоху",
        "Epochs": "Эпохи",
        "Typical epoch": "Типичная эпоха",
        "Mean epoch": "Средняя эпоха",
        "Best ({name})": "Лучшая ({name})",
        "{best}; last {last}": "{best}; последняя {last}",
        (
            "Validation loss is below training loss: dropout and augmentation act in"
            " training only, and a training loss is a mean of earlier, worse weights."
        ): (
            "Валидационный loss ниже обучающего: dropout и аугментация действуют только"
            " при обучении, а обучающий loss — среднее по более ранним, худшим весам."
        ),
        "{ms} per step": "{ms} на шаг",
        "evaluations {share}": "оценки {share}",
        "best {loss} at step {step}": "лучшая {loss} на шаге {step}",
        "figure": "график",
        "report": "отчёт",
        "data": "данные",
        # compare
        "run": "прогон",
        "best val": "лучшая val",
        "at step": "на шаге",
        "last step": "последний шаг",
        "first train loss": "первый train loss",
        "final val": "последняя val",
        "final train loss": "последний train loss",
        "improvement": "улучшение",
        "verdict": "вывод",
        "typical iteration": "типичная итерация",
        "mean iteration": "средняя итерация",
        "MFU": "MFU",
        "throughput": "пропускная способность",
        "total time": "всего времени",
        "The settings stated in the logs are the same.": (
            "Настройки, указанные в логах, одинаковы."
        ),
        "The logs state no settings.": "Настройки в логах не указаны.",
        "* best of the row": "* лучшее в строке",
        "Data or vocabulary differ: losses are not comparable.": (
            "Данные или словарь разные: значения loss несравнимы."
        ),
        "Validation losses have different units: no best is marked.": (
            "Единицы валидации разные: лучшее не отмечено."
        ),
        # advice on speed
        "MFU is {mfu}: the GPU is underused.": (
            "MFU {mfu}: видеокарта загружена слабо."
        ),
        "MFU is {mfu}: the GPU is well used, a larger batch would gain little.": (
            "MFU {mfu}: видеокарта загружена хорошо, больший батч мало что даст."
        ),
        "A larger batch_size (now {batch}), as far as memory allows, usually helps.": (
            "Обычно помогает больший batch_size (сейчас {batch}), пока хватает памяти."
        ),
        "A larger batch, as far as memory allows, usually helps.": (
            "Обычно помогает больший батч, пока хватает памяти."
        ),
        "Lower gradient_accumulation_steps (now {n}) by the same factor: a step then "
        "sees as many tokens.": (
            "Во столько же раз уменьшите gradient_accumulation_steps (сейчас {n}): "
            "токенов на шаг останется столько же."
        ),
        "nanoGPT computes MFU against the peak of an A100: on another GPU the true "
        "value differs.": (
            "nanoGPT считает MFU от пика A100: на другой видеокарте он иной."
        ),
        "compile is off: torch.compile usually shortens iterations of such a model.": (
            "compile выключен: torch.compile обычно сокращает итерацию такой модели."
        ),
        "dtype is float32: bfloat16 or float16 is several times faster on a GPU "
        "with tensor cores.": (
            "dtype — float32: bfloat16 или float16 на видеокарте с тензорными ядрами "
            "в несколько раз быстрее."
        ),
        "Evaluations take {share} of training time: {one} {every}.": (
            "Оценки занимают {share} времени обучения: {one} {every}."
        ),
        "Evaluations take {share} of training time.": (
            "Оценки занимают {share} времени обучения."
        ),
        "Evaluating {every} would lower it to {share}.": (
            "Если оценивать {every}, останется {share}."
        ),
        "So would fewer eval_iters (now {n}).": (
            "То же даст меньший eval_iters (сейчас {n})."
        ),
        "The first iteration took {first}, {factor} the typical one: startup such as "
        "compilation, once per run.": (
            "Первая итерация заняла {first}, в {factor} дольше типичной: это запуск "
            "(компиляция и подобное), один раз за прогон."
        ),
        "Iteration times vary: one in twenty takes over {slow}, the typical one "
        "{typical}. Possible causes: data loading, or another job on the machine.": (
            "Время итераций неровное: каждая двадцатая дольше {slow}, типичная "
            "{typical}. Возможные причины: чтение данных или другая задача на машине."
        ),
        "A vocabulary of {n} is not a multiple of 64: padded to {padded}, the last "
        "layer is faster.": (
            "Словарь {n} не кратен 64: если дополнить до {padded}, последний слой "
            "быстрее."
        ),
        # units
        "nats/token": "нат/токен",
        "bits/byte": "бит/байт",
        "tokens/s": "токенов/с",
        "samples/s": "примеров/с",
        "it/s": "ит/с",
        "ms": "мс",
        "s": "с",
        "min": "мин",
        "h": "ч",
        "d": "д",
        "M": "млн",
        "B": "млрд",
        "T": "трлн",
        "K": "тыс.",
    }
)
