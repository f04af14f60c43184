"""What the page says, in English and Russian; the English phrase is the key."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final


_RUSSIAN: Final = MappingProxyType(
    {
        # the list
        "runs": "прогоны",
        "Needs you": "Требует внимания",
        "Nothing needs you.": "Ничто не требует внимания.",
        "run": "прогон",
        "state": "состояние",
        "step": "шаг",
        "loss": "loss",
        "val": "val",
        "best val": "лучшая val",
        "tokens/s": "токенов/с",
        "left": "осталось",
        "unread": "не прочитано",
        "curve": "кривая",
        "filter: words, state:stalled, val<3": "фильтр: слова, state:stalled, val<3",
        "{n} of {all} runs": "прогонов: {n} из {all}",
        "{n} ended": "завершены: {n}",
        "No runs yet.": "Прогонов пока нет.",
        "No run fits the filter.": "Фильтру не отвечает ни один прогон.",
        "compare": "сравнить",
        "select": "выбрать",
        "silence it": "заглушить",
        "copy": "копировать",
        "copied": "скопировано",
        "export CSV": "выгрузить CSV",
        # states
        "new": "новый",
        "running": "идёт",
        "quiet": "молчит",
        "stalled": "завис",
        "crashed": "упал",
        "finished": "завершён",
        "stopped": "остановлен",
        "replaced": "заменён",
        "unwatched": "не отслеживается",
        # severities
        "critical": "критично",
        "warning": "предупреждение",
        "info": "сведение",
        # rules
        "not finite": "не числа",
        "divergence": "расходимость",
        "spike": "скачок",
        "plateau": "плато",
        "slowdown": "замедление",
        "best checkpoint lost": "лучший чекпойнт потерян",
        "long evaluations": "долгие оценки",
        # a run
        "Losses": "Loss",
        "Training loss": "Loss обучения",
        "Validation loss": "Loss на валидации",
        "Iteration time": "Время итерации",
        "MFU": "MFU",
        "Throughput": "Пропускная способность",
        "Learning rate": "Скорость обучения",
        "Gradient norm": "Норма градиента",
        "Other metrics": "Другие метрики",
        "Alerts": "Замечания",
        "Settings": "Настройки",
        "Milestones": "События",
        "No alerts.": "Замечаний нет.",
        "The log states no settings.": "Настройки в логе не названы.",
        "not in this log": "в этом логе нет",
        "train": "train",
        "best {value} at step {step}": "лучшая {value} на шаге {step}",
        "overfitting": "переобучение",
        "restart": "перезапуск",
        "all": "всё",
        "follow": "следить",
        "log x": "лог. x",
        "log y": "лог. y",
        "full range": "весь диапазон",
        "smoothing": "сглаживание",
        "table": "таблица",
        "off": "выкл.",
        "line": "строка",
        "value": "значение",
        "since step {step}": "с шага {step}",
        "at step {step}": "на шаге {step}",
        "over": "прошло",
        "{n} outside": "за пределами: {n}",
        # the log
        "Log": "Лог",
        "Click a point to see its line.": "Щёлкните по точке, чтобы увидеть её строку.",
        "search": "поиск",
        "close": "закрыть",
        "earlier lines": "строки выше",
        "later lines": "строки ниже",
        # comparison
        "Comparison": "Сравнение",
        "Settings that differ": "Различия в настройках",
        "Results": "Результаты",
        "No setting that the logs state differs.": (
            "Настройки, названные в логах, не различаются."
        ),
        "steps from the first": "шаги от первого",
        "Select two runs or more.": "Выберите два прогона или больше.",
        "last step": "последний шаг",
        "final val": "последняя val",
        "at step": "на шаге",
        "final loss": "последний loss",
        "typical iteration": "типичная итерация",
        "total time": "всего времени",
        "verdict": "вывод",
        "ended": "конец",
        "possible": "возможно переобучение",
        "none": "признаков переобучения нет",
        # the page
        "theme": "тема",
        "keys": "клавиши",
        "notify me": "уведомлять меня",
        "Connection lost. Last word at {time}.": (
            "Связь потеряна. Последние данные: {time}."
        ),
        "gptwatch is not running. This is what it knew last.": (
            "gptwatch не запущен. Показано последнее известное."
        ),
        "{n} alert": "замечание: {n}",
        "{n} alerts": "замечаний: {n}",
        "loading": "загрузка",
        "There is no such run.": "Такого прогона нет.",
        "it cannot be shown: {why}": "показать нельзя: {why}",
        # keys
        "rows": "строки",
        "open": "открыть",
        "up, close": "назад, закрыть",
        "filter": "фильтр",
        "sort by column": "сортировать по столбцу",
        "crosshair (Shift: ten times)": "перекрестие (Shift: в десять раз дальше)",
        "first, last point": "первая, последняя точка",
        "zoom": "масштаб",
        "whole run": "весь прогон",
        "logarithmic x, y": "логарифмическая ось x, y",
        "log lines at the crosshair": "строки лога у перекрестия",
        "next alert": "следующее замечание",
        "this sheet": "эта памятка",
        "drag": "протянуть",
        "Shift and drag": "Shift и протянуть",
        "Ctrl and wheel": "Ctrl и колесо",
        "double click": "двойной щелчок",
        "move": "сдвиг",
        # units
        "s": "с",
        "min": "мин",
        "h": "ч",
        "d": "д",
        "ms": "мс",
        "nats/token": "нат/токен",
        "bits/byte": "бит/байт",
    }
)


def words(lang: str) -> Mapping[str, str]:
    """The phrases in a language, by the English one."""
    if lang == "ru":
        return dict(_RUSSIAN)
    return {phrase: phrase for phrase in _RUSSIAN}
