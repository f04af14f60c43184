"""Sentences that were written in English, as the daemon's notes are, in Russian."""

import re
from functools import lru_cache
from logging import LogRecord
from typing import Final

from watcher.errors import GptwatchError, Text
from watcher.outputs.text.catalog import language, tr
from watcher.outputs.text.errors import said


_NAME: Final = re.compile(r"{(\w+)[^}]*}")
# A template with fewer letters of its own would match anything.
_LEAST: Final = 5


def stored(text: str, lang: str) -> str:
    """A sentence in the language; one that is not in the catalogue stays as it is."""
    if language(lang) == "en":
        return text
    shown = tr(lang, text)
    return shown if shown != text else _by_template(text, lang)


def logged(record: LogRecord, lang: str) -> str:
    """What a record of the log says.

    Its first value names a file, and is no text of the catalogue.
    """
    if not isinstance(record.args, tuple) or language(lang) == "en":
        return record.getMessage()
    values = tuple(_shown(v, lang, place) for place, v in enumerate(record.args))
    text = tr(lang, str(record.msg))
    return text % values if values else text


def _shown(value: object, lang: str, place: int) -> object:
    if isinstance(value, GptwatchError | Text):
        return said(value, lang)
    if not isinstance(value, str):
        return value
    return stored(value, lang) if place else _by_template(value, lang)


def _by_template(text: str, lang: str) -> str:
    for template, parts in _templates():
        if all(part in text for part in parts):
            found = re.fullmatch(_pattern(template), text, re.DOTALL)
            if found is not None:
                known = {n: stored(v, lang) for n, v in found.groupdict().items()}
                return tr(lang, template).format(**known)
    return text


@lru_cache(1)
def _templates() -> list[tuple[str, list[str]]]:
    """Texts with names and what stands between those, the most certain first."""
    from watcher.outputs.text.russian import tables

    found = [(text, _NAME.split(text)[::2]) for text in tables.RUSSIAN if "{" in text]
    found = [pair for pair in found if _letters(pair[1]) >= _LEAST]
    return sorted(found, key=lambda pair: -_letters(pair[1]))


def _letters(parts: list[str]) -> int:
    return sum(map(str.isalpha, "".join(parts)))


@lru_cache(64)
def _pattern(template: str) -> str:
    seen: set[str] = set()
    pattern = ""
    for place, part in enumerate(_NAME.split(template)):
        if place % 2 == 0:
            pattern += re.escape(part)
        elif part in seen:
            pattern += f"(?P={part})"
        else:
            seen.add(part)
            pattern += f"(?P<{part}>.*?)"
    return pattern
