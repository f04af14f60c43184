"""Settings from the tables of `gptwatch.toml`, checked against a dataclass.

A wrong value is reported with its file, line and key.  Constraints stand beside the
defaults: `choice` and `setting` make fields of a dataclass.
"""

import dataclasses
import difflib
import logging
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from watcher.errors import ConfigError, Text


LOGGER: Final = logging.getLogger("gptwatch")
FILE: Final = "gptwatch.toml"
_T = TypeVar("_T")
_UNITS: Final = {"": 1.0, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhd]?)")
_NAME: Final = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_NAMES: Final = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEADER: Final = re.compile(rf"\s*(\[\[?)\s*({_NAMES})\s*\]")
_PAIR: Final = re.compile(rf"\s*()({_NAMES})\s*=")


@dataclass(frozen=True, slots=True)
class Where:
    """A key in a configuration file, for messages.

    Attributes:
        file, text: the file's name and what it holds, "" where there is none.
        keys: from the top of the file; a number is a place in a list.
    """

    file: str = ""
    text: str = ""
    keys: tuple[str | int, ...] = ()

    def child(self, *keys: str | int) -> "Where":
        """A key below this one."""
        return replace(self, keys=(*self.keys, *keys))

    @property
    def name(self) -> str:
        """The dotted key, as in `formats[0].lines`."""
        parts = (f".{k}" if isinstance(k, str) else f"[{k}]" for k in self.keys)
        return "".join(parts).removeprefix(".")

    def error(self, problem: str | Text, **values: object) -> ConfigError:
        """What is wrong with the key's value, with values as in `errors`."""
        text = problem if isinstance(problem, Text) else Text(problem, values)
        key = f"{self}{self.name}"
        return ConfigError("{key} {problem}", key=key, problem=text)

    def unknown(self, known: Collection[str]) -> ConfigError:
        """The key is not one of those known."""
        *tables, key = self.keys
        table = replace(self, keys=tuple(tables)).name
        of = f"{table}: " if table else ""
        return ConfigError(
            "{table}unknown key {key}; {hint}",
            table=f"{self}{of}",
            key=repr(key),
            hint=hint(str(key), known),
        )

    def __str__(self) -> str:
        """File and line, as far as they are known, and a colon."""
        line = line_of(self.text, self.keys)
        return f"{self.file}:{line}: " if line else f"{self.file}: " * bool(self.file)


def setting(default: Any, **constraints: Any) -> Any:
    """A field of a dataclass with what `from_table` checks.

    `at_least`: the smallest number, 0 without it; `duration`: seconds, or "30s";
    `formerly`: a deprecated name; `choices`: the words that it takes.
    """
    return dataclasses.field(default=default, metadata=constraints)


def choice(default: Any, choices: Collection[str], **constraints: Any) -> Any:
    """A field that takes one of some words."""
    return setting(default, choices=tuple(choices), **constraints)


def from_table(
    kind: type[_T], table: Any, where: Where, *, positive: bool = False
) -> _T:
    """A dataclass filled from a table; `positive`: every number must be above 0.

    A field of float seconds (`..._s`) takes durations as well: 90, "90s" or "1.5m".

    Raises:
        ConfigError: an unknown key, or an invalid value.
    """
    if not isinstance(table, Mapping):
        raise where.error("must be a table: write [{name}]", name=where.name)
    known = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    formerly = {f.metadata.get("formerly", name): name for name, f in known.items()}
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    deprecated = []
    for key, value in table.items():
        name, at = formerly.get(key, key), where.child(key)
        if name not in known:
            raise at.unknown(known)
        if name != key:
            deprecated.append(f"{name} instead of {key}")
        if name in values:
            raise at.error(
                "is set twice: as {name}, too; remove one of them", name=name
            )
        check = _Check(hints[name], known[name].metadata, at, positive=positive)
        values[name] = check.value(value)
    if deprecated:
        LOGGER.warning(
            "%s%s: deprecated names; write %s", where, where.name, ", ".join(deprecated)
        )
    return kind(**values)


@dataclass(frozen=True, slots=True)
class _Check:
    """What one value must be."""

    hint: Any
    constraints: Mapping[str, Any]
    where: Where
    positive: bool

    def value(self, value: Any) -> Any:
        choices = self.constraints.get("choices", ())
        if choices and value not in choices:
            known = ", ".join(choices)
            raise self.where.error(
                "must be one of {known}, got {value}", known=known, value=repr(value)
            )
        kind = self.hint
        if isinstance(kind, UnionType):  # "str | None": a file holds no None
            kind = next(t for t in get_args(kind) if t is not type(None))
        origin = get_origin(kind) or kind
        if origin is tuple:
            return self._list(value)
        if origin is Mapping:
            texts = get_args(kind)[1] is str
            return self._texts(value) if texts else self._factors(value)
        if dataclasses.is_dataclass(kind):
            assert isinstance(kind, type)
            return from_table(kind, value, self.where, positive=self.positive)
        if kind in {bool, str}:
            if not isinstance(value, kind):
                raise self.where.error(
                    "must be of type {kind}, got {value}",
                    kind=kind.__name__,
                    value=repr(value),
                )
            return value
        return self._number(kind, value)

    def _list(self, value: Any) -> tuple[str, ...]:
        # Messages are without the value: addresses are secrets.
        if not isinstance(value, list):
            raise self.where.error('must be a list of strings, as in ["a", "b"]')
        for place, item in enumerate(value):
            if not isinstance(item, str):
                raise self.where.child(place).error("must be a string")
        return tuple(value)

    def _factors(self, value: Any) -> dict[str, float]:
        if not isinstance(value, dict) or not all(map(_is_number, value.values())):
            raise self.where.error("must be a table of metric = factor")
        return value

    def _texts(self, value: Any) -> dict[str, str]:
        texts = isinstance(value, dict) and value.values()
        if texts is False or not all(isinstance(text, str) for text in texts):
            raise self.where.error('must be a table of name = "text"')
        return dict(value)

    def _number(self, kind: type, value: Any) -> Any:
        least = self.constraints.get("at_least", 0)
        limit = Text("of at least {least}", {"least": least})
        if self.positive:
            limit = Text("above 0")
        what = Text("whole number" if kind is int else "number")
        number = value
        if self.constraints.get("duration") or self.where.name.endswith("_s"):
            what = Text('duration (seconds, or "30s", "5m", "1h")')
            number = seconds(value) if isinstance(value, str) else value
        if (
            not _is_number(number)
            or (kind is int and not isinstance(number, int))
            or not least <= number < math.inf
            or (self.positive and number <= 0)
        ):
            raise self.where.error(
                "must be a {what} {limit}, got {value}",
                what=what,
                limit=limit,
                value=repr(value),
            )
        return number


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def seconds(text: str) -> float | None:
    """The seconds of "30", "30s", "5m", "2h" or "3d"; None of anything else."""
    match = _DURATION.fullmatch(text.strip())
    return float(match[1]) * _UNITS[match[2]] if match else None


def cron_problem(text: str) -> Text | None:
    """What is wrong with a crontab expression, None if nothing is."""
    from apscheduler.triggers.cron import CronTrigger

    try:
        CronTrigger.from_crontab(text)
    except ValueError as error:
        problem = "{cron}: {error}; write five fields, as in '*/5 * * * *'"
        return Text(problem, {"cron": repr(text), "error": error})
    return None


def hint(word: str, known: Collection[str]) -> Text:
    """What may have been meant by an unknown word."""
    longer = [name for name in known if word and name.startswith(word)]
    near = difflib.get_close_matches(word, known, n=1) or longer
    if near:
        return Text("did you mean {near}?", {"near": repr(near[0])})
    return Text("known: {known}", {"known": ", ".join(known)})


def line_of(text: str, keys: tuple[str | int, ...]) -> int | None:
    """The line of a key, or of the nearest table around it."""
    if not keys or not text:
        return None
    for number, here in _places(text):
        if here[: len(keys)] == keys:
            return number
    return line_of(text, keys[:-1])


def _places(text: str) -> Iterator[tuple[int, tuple[str | int, ...]]]:
    """Lines with a table header or a key; tomllib reports no positions."""
    table: tuple[str | int, ...] = ()
    counts: Counter[tuple[str | int, ...]] = Counter()
    for number, row in enumerate(text.splitlines(), 1):
        found = _HEADER.match(row) or _PAIR.match(row)
        if found is None:
            continue
        names = tuple(part.strip("\"'") for part in re.findall(_NAME, found[2]))
        if not found[1]:
            yield number, (*table, *names)
            continue
        table = names
        if found[1] == "[[":
            table = (*names, counts[names])
            counts[names] += 1
        yield number, table
