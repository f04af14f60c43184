"""The catalogue of messages: English and Russian, with plural forms.

The English text is the key, as in gettext; the tables of translations lie beside, one
for each area.  `tr` is the only lookup, `noun` the only place that chooses a plural.
"""

from types import MappingProxyType
from typing import Final


LANGUAGES: Final = ("en", "ru")

# English: one, more; Russian: one, two to four, five and more.
NOUNS: Final = MappingProxyType(
    {
        "layer": (("layer", "layers"), ("слой", "слоя", "слоёв")),
        "head": (("head", "heads"), ("голова", "головы", "голов")),
        "token": (("token", "tokens"), ("токен", "токена", "токенов")),
        "value": (("value", "values"), ("значение", "значения", "значений")),
        "times": (("times", "times"), ("раз", "раза", "раз")),
        "record": (("record", "records"), ("запись", "записи", "записей")),
        "step": (("step", "steps"), ("шаг", "шага", "шагов")),
        "batch (locative)": (
            ("batch", "batches"),
            ("батче", "батчах", "батчах"),
        ),
        "sequence": (
            ("sequence", "sequences"),
            ("последовательность", "последовательности", "последовательностей"),
        ),
        "line": (("line", "lines"), ("строка", "строки", "строк")),
        "run": (("run", "runs"), ("прогон", "прогона", "прогонов")),
        "run (genitive)": (("run", "runs"), ("прогона", "прогонов", "прогонов")),
        "file": (("file", "files"), ("файл", "файла", "файлов")),
        "evaluation": (
            ("evaluation", "evaluations"),
            ("оценка", "оценки", "оценок"),
        ),
        "evaluation (accusative)": (
            ("evaluation", "evaluations"),
            ("оценку", "оценки", "оценок"),
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

# Which Russian form a number takes, by its last digit.
_FORMS: Final = (2, 0, 1, 1, 1, 2, 2, 2, 2, 2)


def language(lang: str) -> str:
    """One of LANGUAGES: Russian for `ru`, `ru_RU.UTF-8` and the like, else English."""
    return "ru" if lang.lower().startswith("ru") else "en"


def tr(lang: str, text: str, **values: object) -> str:
    """The text in the language, its `{names}` filled in; English where it is missing.

    Tests find every text without a translation.
    """
    shown = _russian(text) if language(lang) == "ru" else text
    return shown.format(**values) if values else shown


def _russian(text: str) -> str:
    from watcher.outputs.text.russian import tables  # loaded for those who read it

    return tables.RUSSIAN.get(text, text)


def message(text: str) -> str:
    """The text itself: marks what is defined here and translated elsewhere by `tr`."""
    return text


def noun(lang: str, n: int, word: str) -> str:
    """The form of a noun that follows the number `n`."""
    english, russian = NOUNS[word]
    if language(lang) == "en":
        return english[0] if n == 1 else english[1]
    return russian[_plural(abs(n))]


def _plural(n: int) -> int:
    """0 for 1, 21, 31; 1 for 2-4, 22-24; 2 for the others and 11-14."""
    if n // 10 % 10 == 1:
        return 2
    return _FORMS[n % 10]
