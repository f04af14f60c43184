"""The locale of the terminal, and whether it has more than ASCII."""

import locale
import os
from typing import Final


# Terminals whose fonts have neither braille nor blocks.
_PLAIN: Final = ("linux", "vt100", "vt102", "vt220", "ansi", "cons25")


def has_braille() -> bool:
    """Whether the terminal shows more than ASCII: by the locale and by its name."""
    choose_locale()
    is_unicode = locale.nl_langinfo(locale.CODESET).upper() in ("UTF-8", "UTF8")
    return is_unicode and os.environ.get("TERM", "") not in _PLAIN


def choose_locale() -> None:
    """Sets the locale; one that is not installed here still says what the terminal has.

    ssh passes the names of locales that the other machine may lack.
    """
    try:
        locale.setlocale(locale.LC_CTYPE, "")
    except locale.Error:
        names = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
        wanted = next((name for name in names if name), "")
        is_unicode = wanted.upper().replace("-", "").endswith("UTF8")
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8" if is_unicode else "C")
