"""Formats of the user's, from the tables `[[formats]]` of the configuration file."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from parsers.format import (
    PREFERRED,
    WORDS,
    Compiled,
    Format,
    Found,
    LinePattern,
    PatternError,
    check,
    line,
)
from parsers.formats import FORMATS
from parsers.metrics import METRICS
from watcher.settings import Where, from_table


_NAME_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]*")
# A little more than that of generic formats.
_OWN_WEIGHT: Final = 0.26


@dataclass(frozen=True, slots=True)
class OwnFormat:
    """A format of the user's.

    Attributes:
        lines: regular expressions with groups named after metrics.
        scale: factors, by metric.
        prefer: whether it reads what a built-in format reads as well.
    """

    name: str = ""
    written_by: str = "your own format"
    lines: tuple[str, ...] = ()
    scale: Mapping[str, float] | None = None
    prefer: bool = False


def own_formats(tables: Any, where: Where) -> tuple[Format, ...]:
    """The formats in the tables `[[formats]]`.

    Raises:
        ConfigError: one is not usable.
    """
    if not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise where.error("must be tables: write [[formats]]")
    found = tuple(_format(table, where.child(i)) for i, table in enumerate(tables))
    for place, form in enumerate(found):
        if not any(b"(?P<step" in pattern.regex for pattern in form.patterns):
            raise (
                where.child(place)
                .child("lines")
                .error(
                    "has no pattern with a step, so its records have no place on "
                    r"the axis; write (?P<step>\d+) where a line states its step"
                )
            )
    return found


def with_own(own: Sequence[Format]) -> tuple[Format, ...]:
    """All formats; of equal evidence the first wins."""
    preferred = [form for form in own if form.weight >= PREFERRED]
    return (*preferred, *FORMATS, *(form for form in own if form not in preferred))


def _format(table: Mapping[str, Any], where: Where) -> Format:
    own = from_table(OwnFormat, table, where)
    if not _NAME_PATTERN.fullmatch(own.name):
        raise where.child("name").error(
            "must consist of lower-case letters, got {name}", name=repr(own.name)
        )
    at = where.child("lines")
    if not own.lines:
        raise at.error("must be a list of regular expressions")
    patterns = tuple(
        _pattern(at.child(place), pattern, own.scale or {})
        for place, pattern in enumerate(own.lines)
    )
    # Built-in formats of single programs win, generic ones where they read more lines.
    weight = PREFERRED if own.prefer else _OWN_WEIGHT
    return Format(own.name, own.written_by, (), patterns, weight=weight)


def _pattern(where: Where, pattern: str, scale: Mapping[str, float]) -> LinePattern:
    try:
        check(pattern.encode())
        _linear(pattern.encode())
    except PatternError as error:
        raise where.error("is not usable: {error}", error=error) from None
    groups = re.compile(pattern).groupindex
    for group in groups:
        word = group.partition("__")[0]
        if word not in METRICS and word not in WORDS:
            near = difflib.get_close_matches(word, [*METRICS, *WORDS], n=1)
            text = "names an unknown metric {word} in {pattern}"
            if near:
                text = (
                    "names an unknown metric {word} in {pattern}; did you mean {near}?"
                )
            raise where.error(
                text, word=repr(word), pattern=repr(pattern), near=repr("".join(near))
            )
    if not groups:
        raise where.error(
            "names no metric in {pattern}; write (?P<loss>...)", pattern=repr(pattern)
        )
    return line(pattern, pattern.encode(), scale=scale, engine=_linear)


@dataclass(frozen=True, slots=True)
class _Linear:
    """A pattern compiled by RE2, which names the groups of bytes by bytes."""

    groupindex: Mapping[str, int]
    search: Callable[[bytes], Found | None]


def _linear(pattern: bytes) -> Compiled:
    """A pattern of a user, compiled so that no line can make it run for hours.

    Raises:
        PatternError: the expression needs an engine that backtracks.
    """
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # one character a byte, as in `re`
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise PatternError(
            f"{pattern!r}: RE2 refuses it ({_text(error)}); write it without "
            "lookaround, back references, possessive quantifiers, atomic groups and "
            "repeats above {1000}: a user's pattern runs in linear time"
        ) from None
    names = {name.decode(): number for name, number in compiled.groupindex.items()}
    return _Linear(names, compiled.search)


def _text(error: Exception) -> str:
    message = error.args[0] if error.args else error
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else ""
