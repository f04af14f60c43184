"""Formats every number that a person reads: losses, times, shares, counts, units.

A figure has one form in every output.  Russian groups digits by spaces, from five
digits on, and keeps the decimal point, so that a loss in a report can be searched for
in the log.  Spaces inside a quantity are no-break spaces: `plain` replaces them by
spaces after lines are wrapped.
"""

import math

from watcher.outputs.text.catalog import language, noun, tr


_NBSP = "\N{NO-BREAK SPACE}"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
# A duration shows two units: days with hours, minutes with seconds.
_UNITS = (
    (_DAY, "d", _HOUR, "h"),
    (_HOUR, "h", _MINUTE, "min"),
    (_MINUTE, "min", 1, "s"),
)
_SHORT = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))
# Outside of these, four decimals show nothing.
_TINY, _HUGE = 1e-3, 1e6
_COUNTED = 1e15  # longer numbers are no counts
_THOUSAND = 999.5  # what three digits round to 1000
_HUNDRED = 100
_TEN = 9.95  # what one decimal rounds to ten
_SMALL_DIFFERENCE = 0.01  # below it two decimals show nothing
_TRANSLATED = ("nats/token", "bits/byte", "tokens/s", "samples/s", "it/s", "ms", "s")
_UNGROUPED = 4  # Russian groups longer numbers only
_SUBSECOND = 0.9995  # below it seconds are written as milliseconds


def plain(text: str) -> str:
    """The text with spaces for no-break spaces, for files and terminals."""
    return text.replace(_NBSP, " ")


def loss(value: float, lang: str) -> str:
    """A loss with four decimals, as trainers print it; extremes as 1.2e-05."""
    size = abs(value)
    if not math.isfinite(value):
        return nonfinite(value)
    if size >= _HUGE or 0 < size < _TINY:
        return f"{value:.3g}"
    return grouped(f"{value:.4f}" if size < _THOUSAND else f"{value:.1f}", lang)


def loss_in(value: float, of: str, lang: str) -> str:
    """A loss with its unit: `4.2327 nats/token`."""
    return " ".join([loss(value, lang), unit(of, lang)]).rstrip()


def nonfinite(value: float) -> str:
    """NaN, inf or -inf."""
    return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"


def integer(value: float, lang: str) -> str:
    """A whole number with its digits in groups of three."""
    if not math.isfinite(value):
        return nonfinite(value)
    return grouped(f"{value:.0f}", lang) if abs(value) < _COUNTED else f"{value:.3g}"


def count(value: int, word: str, lang: str) -> str:
    """A number and its noun: `21 steps`."""
    return f"{integer(value, lang)} {noun(lang, value, word)}"


def every(steps: int, lang: str) -> str:
    """How often: `every 250 steps`."""
    return noun(lang, steps, "every").format(n=integer(steps, lang))


def times(value: float, lang: str) -> str:
    """A factor: `82.67` and the multiplication sign."""
    if _HUNDRED <= value < _HUGE:
        return integer(value, lang) + "\N{MULTIPLICATION SIGN}"
    return _two_decimals(value, lang) + "\N{MULTIPLICATION SIGN}"


def ratio(value: float) -> str:
    """A ratio with two decimals, never grouped: `128.35`."""
    return _two_decimals(value, "en").replace(",", "")


def difference(value: float) -> str:
    """A difference of losses with two decimals, or two digits if it is small."""
    if not math.isfinite(value):
        return nonfinite(value)
    usual = value == 0 or _SMALL_DIFFERENCE <= abs(value) < _HUGE
    return f"{value:.2f}" if usual else f"{value:.2g}"


def percent(share: float, lang: str) -> str:
    """A share as a percentage: `33%`, below ten with a decimal: `5.9%`, `5%`."""
    value = 100 * share
    if not math.isfinite(value):
        return nonfinite(value)
    if abs(value) >= _HUGE:
        return _percent_sign(f"{value:.3g}", lang)
    text = f"{value:.0f}" if abs(value) >= _TEN else f"{value:.1f}".removesuffix(".0")
    return _percent_sign(grouped(text, lang), lang)


def mfu(value: float, lang: str) -> str:
    """Utilisation in percent with one decimal: `23.1%`."""
    return _percent_sign(f"{value:.1f}" if abs(value) < _HUGE else f"{value:.3g}", lang)


def milliseconds(value: float, lang: str) -> str:
    """Time of an iteration with three digits, in seconds from a thousand ms on."""
    if not value < _THOUSAND:
        return seconds(value / 1000, lang)
    return f"{_three(value)}{_NBSP}{tr(lang, 'ms')}"


def rate(value: float, of: str, lang: str) -> str:
    """A throughput: `138,847 tokens/s`, `3.52 it/s`."""
    small = 0 <= value < _THOUSAND
    shown = _three(value) if small else integer(value, lang)
    return f"{shown}{_NBSP}{unit(of, lang)}"


def tokens_per_s(value: float, lang: str) -> str:
    """Throughput in tokens."""
    return rate(value, "tokens/s", lang)


def seconds(value: float, lang: str) -> str:
    """A duration in two units at most: `1.65 s`, `48 min 20 s`, `2 d 4 h`."""
    if not math.isfinite(value):
        return nonfinite(value)
    for size, unit, small, small_unit in _UNITS:
        if round(value / small) * small >= size:
            whole, rest = divmod(round(value / small), size // small)
            text = f"{integer(whole, lang)}{_NBSP}{tr(lang, unit)}"
            return text + (
                f"{_NBSP}{rest}{_NBSP}{tr(lang, small_unit)}" if rest else ""
            )
    if 0 < value < _SUBSECOND:
        return f"{_three(value * 1000)}{_NBSP}{tr(lang, 'ms')}"
    return f"{_three(value)}{_NBSP}{tr(lang, 's')}"


def short(value: float, lang: str) -> str:
    """A large count in short: `21.27M`, `1.56B`; Russian names the unit."""
    for size, unit in _SHORT:
        if size <= abs(value) < _COUNTED:
            space = _NBSP if language(lang) == "ru" else ""
            return f"{value / size:.2f}{space}{tr(lang, unit)}"
    return integer(value, lang)


def magnitude(value: float) -> str:
    """A number of any size with three digits: `9,410`, `1.01`, `6e-14`."""
    if not math.isfinite(value):
        return nonfinite(value)
    if _HUNDRED <= abs(value) < _HUGE:
        return grouped(f"{value:.0f}", "en")
    return f"{value:.3g}"


def epoch(value: float) -> str:
    """A number of passes over the data: `2`, `0.27`."""
    return f"{value:.4g}"


def size(value: float) -> str:
    """A number of bytes with three digits: `118 B`, `1.54 MB`."""
    number, name = value, "B"
    for larger in ("kB", "MB", "GB"):
        if number < _THOUSAND:
            break
        number, name = number / 1000, larger
    return f"{_three(number) if name != 'B' else f'{number:.0f}'}{_NBSP}{name}"


def unit(name: str, lang: str) -> str:
    """A unit in the language; one that is not in the table stays as it is."""
    return tr(lang, name) if name in _TRANSLATED else name


def setting(value: object, lang: str) -> str:
    """A setting as a person would write it: 0.0006, 6e-05, 1,000, text as it is."""
    if isinstance(value, bool):
        return tr(lang, "yes" if value else "no")
    if isinstance(value, int):
        return grouped(str(value), lang)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def grouped(number: str, lang: str) -> str:
    """A written number with its whole digits in groups of three."""
    whole, point, decimals = number.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    if language(lang) == "en":
        return f"{sign}{int(digits):,}{point}{decimals}"
    if len(digits) <= _UNGROUPED:
        return number
    return sign + f"{int(digits):,}".replace(",", _NBSP) + point + decimals


def _three(value: float) -> str:
    """Three digits of a number below a thousand: `0.0123`, `9.81`, `118`."""
    if 0 < value < _TINY:
        return f"{value:.3g}"
    return f"{value:#.3g}".rstrip(".") if value else "0"


def _two_decimals(value: float, lang: str) -> str:
    """Two decimals; tiny and huge as 1.2e-05."""
    if not math.isfinite(value):
        return nonfinite(value)
    if value == 0 or _TINY <= abs(value) < _HUGE:
        return grouped(f"{value:.2f}", lang)
    return f"{value:.3g}"


def _percent_sign(text: str, lang: str) -> str:
    """The number with its sign: `23%`, in Russian set apart."""
    return text + (_NBSP if language(lang) == "ru" else "") + "%"
