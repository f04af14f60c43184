"""What outputs say, in English and Russian; and text of a log made safe to show.

The English phrase is the key, so that the code reads as the page does.
"""

from types import MappingProxyType


LANGUAGES = ("en", "ru")

_RUSSIAN = MappingProxyType(
    {
        # headings
        "Training report: {name}": "Отчёт об обучении: {name}",
        "Model": "Модель",
        "Settings": "Настройки",
        "Training": "Обучение",
        "Speed": "Скорость",
        "Validation": "Валидация",
        "Course of the run": "Ход обучения",
        "Findings": "Что замечено",
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
        "Architecture": "Архитектура",
        "width {n}": "ширина {n}",
        "Context": "Контекст",
        "Vocabulary": "Словарь",
        "Dataset": "Данные",
        "Starts from": "Начинает с",
        # settings
        "Iterations": "Итераций",
        "Batch": "Батч",
        "Gradient accumulation": "Накопление градиента",
        "Tokens per step": "Токенов на шаг",
        "Learning rate": "Скорость обучения",
        "{high} falling to {low}": "{high} с убыванием до {low}",
        "Warm-up": "Разогрев",
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
        "the log prints an average": "в логе уже усреднённый",
        "Not finite": "Не числа (NaN, inf)",
        "{values}, the first at step {step}": "{values}, первое на шаге {step}",
        "Typical iteration": "Типичная итерация",
        "median, without pauses": "медиана, без пауз",
        "Mean iteration": "Средняя итерация",
        "of those logged, pauses included": "по записям лога, вместе с паузами",
        "One evaluation": "Одна оценка",
        "{share} of the time": "{share} времени",
        "Mean MFU": "Средний MFU",
        "typical {mfu}": "типичный {mfu}",
        "Throughput": "Пропускная способность",
        "Total time": "Всего времени",
        "Time left": "Осталось",
        "about {time}": "около {time}",
        # validation
        "step": "шаг",
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
        "it is the last evaluation": "оценок больше не было",
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
        "No val/train ratio: the two are not in one unit.": (
            "Соотношения val/train нет: единицы измерения разные."
        ),
        "No val/train ratio: the log has no training loss.": (
            "Соотношения val/train нет: в логе нет train loss."
        ),
        "The log has no validation: overfitting cannot be seen.": (
            "Валидации в логе нет: переобучения по нему не увидеть."
        ),
        # the end
        "finished": "завершено",
        "crashed": "упало с ошибкой",
        "out of memory": "не хватило памяти",
        "killed": "процесс убит",
        "cancelled": "отменено",
        "interrupted": "прервано",
        "How it ended": "Чем кончилось",
        "Last line of it": "Строка лога",
        "the log does not say; it stops at step {last} of {most}": (
            "в логе не сказано; он обрывается на шаге {last} из {most}"
        ),
        "the log does not say": "в логе не сказано",
        "Checkpoints": "Чекпойнты",
        "{n}, the last at step {step}": "{n}, последний на шаге {step}",
        "Stretches": "Отрезки",
        "start": "начало",
        "resumed": "продолжено",
        "restarted": "начато заново",
        # terminal
        "time": "время",
        "speed": "скорость",
        "ended": "конец",
        "{time} in all": "всего {time}",
        "{time} left": "осталось {time}",
        "{ms} with pauses": "{ms} с паузами",
        "a step": "на шаг",
        "evaluations {share}": "оценки {share}",
        "best {loss} at step {step}": "лучшая {loss} на шаге {step}",
        "not finite: {values}": "не числа: {values}",
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
        "No setting that the logs state differs.": (
            "Настройки, названные в логах, не различаются."
        ),
        "The logs state no settings.": "Настройки в логах не названы.",
        "* the best of the row": "* лучшее в строке",
        "Data or vocabulary differ: losses cannot be compared.": (
            "Данные или словарь разные: значения loss несравнимы."
        ),
        "Validation is not in one unit: no best is marked.": (
            "Единицы валидации разные: лучшая не отмечена."
        ),
        # advice on speed
        "MFU is {mfu}: the GPU computes little of what it could.": (
            "MFU {mfu}: видеокарта считает малую часть того, что может."
        ),
        "MFU is {mfu}: the GPU is used well, a larger batch would gain little.": (
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
        "nanoGPT counts against the peak of an A100: on another GPU the true share "
        "differs.": (
            "nanoGPT считает долю от пика A100: на другой видеокарте она иная."
        ),
        "compile is off: torch.compile usually shortens iterations of such a model.": (
            "compile выключен: torch.compile обычно сокращает итерацию такой модели."
        ),
        "Numbers are float32: bfloat16 or float16 is several times faster on a GPU "
        "with tensor cores.": (
            "Числа в float32: bfloat16 или float16 на видеокарте с тензорными ядрами "
            "в несколько раз быстрее."
        ),
        "Evaluations take {share} of the time: {one} {every}.": (
            "Оценки занимают {share} времени: {one} {every}."
        ),
        "Evaluations take {share} of the time.": "Оценки занимают {share} времени.",
        "Evaluating {every} would bring it to {share}.": (
            "Если оценивать {every}, останется {share}."
        ),
        "So would fewer eval_iters (now {n}).": (
            "То же даст меньший eval_iters (сейчас {n})."
        ),
        "The first iteration took {first}, {factor} the typical one: start-up such as "
        "compilation, once a run.": (
            "Первая итерация заняла {first}, в {factor} дольше типичной: это запуск "
            "(компиляция и подобное), один раз за прогон."
        ),
        "Iterations are uneven: one in twenty takes over {slow}, the typical one "
        "{typical}. Reading of data, or another job on the machine, may be why.": (
            "Итерации неровные: каждая двадцатая дольше {slow}, типичная {typical}. "
            "Причиной может быть чтение данных или соседняя задача на машине."
        ),
        "A vocabulary of {n} is no multiple of 64: padded to {padded}, the last layer "
        "is faster.": (
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

# One, two to four, five and more; English: one, more.
_NOUNS = MappingProxyType(
    {
        "layer": (("layer", "layers"), ("слой", "слоя", "слоёв")),
        "head": (("head", "heads"), ("голова", "головы", "голов")),
        "token": (("token", "tokens"), ("токен", "токена", "токенов")),
        "value": (("value", "values"), ("значение", "значения", "значений")),
        "fold": (("times", "times"), ("раз", "раза", "раз")),
        "record": (("record", "records"), ("запись", "записи", "записей")),
        "step": (("step", "steps"), ("шаг", "шага", "шагов")),
        "batch": (("batch", "batches"), ("батче", "батчах", "батчах")),
        "sequence": (
            ("sequence", "sequences"),
            ("последовательность", "последовательности", "последовательностей"),
        ),
        "evaluation": (
            ("evaluation", "evaluations"),
            ("оценка", "оценки", "оценок"),
        ),
        "checkpoint": (
            ("checkpoint", "checkpoints"),
            ("чекпойнт", "чекпойнта", "чекпойнтов"),
        ),
        "every": (
            ("every step", "every {n} steps"),
            ("каждый {n}-й шаг", "каждые {n} шага", "каждые {n} шагов"),
        ),
    }
)


# Which form a number takes, by its last digit.
_FORMS = (2, 0, 1, 1, 1, 2, 2, 2, 2, 2)


def language(lang: str) -> str:
    """One of LANGUAGES: Russian for `ru`, `ru_RU.UTF-8` and the like, else English."""
    return "ru" if lang.lower().startswith("ru") else "en"


def say(lang: str, phrase: str, **values: object) -> str:
    """The phrase in the language, its `{names}` filled in."""
    text = _RUSSIAN[phrase] if language(lang) == "ru" else phrase
    return text.format(**values) if values else text


def noun(lang: str, n: int, word: str) -> str:
    """The form of a noun that follows the number `n`."""
    english, russian = _NOUNS[word]
    if language(lang) == "en":
        return english[0] if n == 1 else english[1]
    return russian[_russian_form(abs(n))]


def _russian_form(n: int) -> int:
    """0 for 1, 21, 31; 1 for 2-4, 22-24; 2 for the others and 11-14."""
    if n // 10 % 10 == 1:
        return 2
    return _FORMS[n % 10]
