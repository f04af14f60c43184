r"""Settings from `gptwatch.toml`: flags go before environment, that before this.

lang = "ru"
theme = "dark"
window = 25

[rules.overfitting]
sensitivity = "high"

[[formats]]
name = "mylab"
written_by = "our trainer"
lines = ['ep \d+ it (?P<step>\d+) L=(?P<loss>[\d.]+) V=(?P<val_loss>[\d.]+)']
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from parsers.format import (
    WORDS,
    Compiled,
    Format,
    Found,
    PatternError,
    Shape,
    check,
    line,
)
from parsers.formats import FORMATS
from parsers.metrics import METRICS
from watcher.alerts import channels as notifying
from watcher.alerts import lifecycle as alerting
from watcher.analysis.rules import Settings
from watcher.analysis.rules import settings as rule_settings
from watcher.errors import ConfigError


NAME: Final = "gptwatch.toml"
_OPTIONS: Final = {
    "lang": str,
    "theme": str,
    "window": int,
    "out": str,
    "log_x": bool,
    "dir": list,
    "state": str,
    "pattern": list,
    "ignore": list,
    "interval": str,
    "cron": str,
    "every": int,
    "keep": int,
}
_JUDGING: Final = ("rules", "formats")
_FORMAT_KEYS: Final = ("name", "written_by", "lines", "scale")
_NAME_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Config:
    """What the configuration file says.

    Attributes:
        options: defaults of command-line options, by their name.
        rules: settings of the rules.
        formats: all formats, the user's own first.
        alerts: what is told, and how often.
        notify: whom to tell.
        path: where it was read, None without a file.
        judging: its tables `rules` and `formats`, for another process.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    rules: Settings = field(default_factory=Settings)
    formats: tuple[Format, ...] = FORMATS
    alerts: alerting.Settings = field(default_factory=alerting.Settings)
    notify: notifying.Settings = field(default_factory=lambda: notifying.settings({}))
    path: Path | None = None
    judging: Mapping[str, Any] = field(default_factory=dict)


def load(path: Path | None) -> Config:
    """The configuration in `path`, or in `gptwatch.toml` here, or the defaults.

    Raises:
        ConfigError: the file cannot be read, or a setting makes no sense.
    """
    if path is None:
        path = Path(NAME)
        if not path.is_file():
            return Config()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    try:
        return _config(table, path)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _config(table: Mapping[str, Any], path: Path) -> Config:
    return replace(of(table), path=path)


def of(table: Mapping[str, Any]) -> Config:
    """The configuration in a table.

    Raises:
        ConfigError: a setting makes no sense.
    """
    known(table, [*_OPTIONS, "rules", "formats", "alerts", "notify"])
    options = {key: table[key] for key in _OPTIONS if key in table}
    for key, value in options.items():
        if type(value) is not _OPTIONS[key]:
            kind = _OPTIONS[key].__name__
            raise ConfigError(f"{key} must be of type {kind}, got {value!r}")
    own = tuple(_format(entry) for entry in _tables(table, "formats"))
    return Config(
        options=options,
        rules=rule_settings(table.get("rules", {})),
        formats=own + FORMATS,
        alerts=alerting.settings(table.get("alerts", {})),
        notify=notifying.settings(table.get("notify", {})),
        judging={key: table[key] for key in _JUDGING if key in table},
    )


def known(table: Mapping[str, Any], keys: Sequence[str], where: str = "") -> None:
    """Checks that a table holds only known keys.

    Raises:
        ConfigError: it holds another; the message names the nearest.
    """
    for key in table:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "known: " + ", ".join(keys)
            raise ConfigError(f"{where}unknown key {key!r}; {hint}")


def _tables(table: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(t, dict) for t in found):
        raise ConfigError(f"{key} must be tables: write [[{key}]]")
    return found


def _format(entry: Mapping[str, Any]) -> Format:
    name = entry.get("name")
    if not isinstance(name, str) or not _NAME_PATTERN.fullmatch(name):
        raise ConfigError(
            f"[[formats]] needs a name of lower-case letters, got {name!r}"
        )
    where = f"format {name}: "
    known(entry, _FORMAT_KEYS, where)
    lines = entry.get("lines")
    if not isinstance(lines, list) or not lines:
        raise ConfigError(f"{where}lines must be a list of regular expressions")
    scale = entry.get("scale", {})
    if not isinstance(scale, dict) or not all(
        isinstance(v, int | float) for v in scale.values()
    ):
        raise ConfigError(f"{where}scale must be a table of metric = factor")
    shapes = tuple(
        _shape(f"{where}lines[{at}]: ", pattern, scale)
        for at, pattern in enumerate(lines)
    )
    written_by = str(entry.get("written_by", "your own format"))
    # It was written for such logs: of equal evidence it wins.
    return Format(name, written_by, samples=(), shapes=shapes, weight=2.0)


def _shape(where: str, pattern: Any, scale: Mapping[str, float]) -> Shape:
    if not isinstance(pattern, str):
        raise ConfigError(f"{where}must be a string, got {pattern!r}")
    try:
        check(pattern.encode())
        _linear(pattern.encode())
    except PatternError as error:
        raise ConfigError(f"{where}{error}") from None
    groups = re.compile(pattern).groupindex
    for group in groups:
        word = group.partition("__")[0]
        if word not in METRICS and word not in WORDS:
            near = difflib.get_close_matches(word, [*METRICS, *WORDS], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{where}unknown metric {word!r} in {pattern!r}{hint}")
    if not groups:
        raise ConfigError(f"{where}{pattern!r} names no metric; write (?P<loss>...)")
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
