"""Numbers in sentences.

English groups digits by commas.  Russian groups them by no-break spaces, from five
digits on, and keeps the decimal point, so that a loss is found in the log by search.
"""

from typing import Final

from watcher.outputs.text.finding_templates import NOUNS


_NBSP: Final = "\N{NO-BREAK SPACE}"
_GROUPED_FROM: Final = {"en": 1000, "ru": 10_000}
# Losses below have no third decimal to show, differences no second.
_TINY_LOSS: Final = 0.1
_TINY_RISE: Final = 0.01
_HUGE: Final = 1e6
# What one decimal rounds to ten.
_TEN_PERCENT: Final = 9.95
_THREE_DIGITS: Final = 999.5
_MINUTE: Final = 60.0
_SECOND: Final = 1000.0


def integer(value: float, lang: str) -> str:
    """A whole number with its digits in groups."""
    if abs(value) < _GROUPED_FROM[lang]:
        return f"{value:.0f}"
    return f"{value:,.0f}".replace(",", _NBSP if lang == "ru" else ",")


def count(n: int, noun: str, lang: str) -> str:
    """A number and its noun in the right form: `21 оценку`, `22 оценки`."""
    english, russian = NOUNS[noun]
    if lang == "en":
        form = english[n != 1]
    elif n % 100 // 10 == 1:
        form = russian[2]
    else:
        form = russian[(2, 0, 1, 1, 1, 2, 2, 2, 2, 2)[n % 10]]
    return f"{integer(n, lang)} {form}"


def loss(value: float, lang: str) -> str:
    """A loss with three decimals; tiny and huge ones with three digits."""
    if value and not _TINY_LOSS <= abs(value) < _HUGE:
        return f"{value:.3g}"
    text = f"{value:,.3f}" if abs(value) >= _GROUPED_FROM[lang] else f"{value:.3f}"
    return text.replace(",", _NBSP) if lang == "ru" else text


def rise(value: float, _lang: str = "en") -> str:
    """A difference of losses with two decimals, or two digits if it is small."""
    usual = value == 0 or _TINY_RISE <= abs(value) < _HUGE
    return f"{value:.2f}" if usual else f"{value:.2g}"


def rate(value: float, lang: str) -> str:
    """A throughput with three digits, or all of them before the point."""
    return f"{value:.3g}" if value < _THREE_DIGITS else integer(value, lang)


def percent(share: float, lang: str) -> str:
    """A share in percent: `17 %`, below ten with a decimal."""
    percent = 100 * share
    if abs(percent) >= _HUGE:
        text = f"{percent:.2g}"
    elif abs(percent) >= _TEN_PERCENT:
        text = integer(percent, lang)
    else:
        text = f"{percent:.1f}".removesuffix(".0")
    return f"{text}{_NBSP if lang == 'ru' else ' '}%"


def duration(seconds: float, lang: str) -> str:
    """`118 ms`, `1.77 s` or `12 min`."""
    space = _NBSP if lang == "ru" else " "
    units = ("мс", "с", "мин") if lang == "ru" else ("ms", "s", "min")
    if seconds < 1:
        return f"{seconds * _SECOND:.3g}{space}{units[0]}"
    if seconds < 10 * _MINUTE:
        return f"{seconds:.3g}{space}{units[1]}"
    return f"{integer(seconds / _MINUTE, lang)}{space}{units[2]}"
