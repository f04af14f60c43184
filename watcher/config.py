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
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
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
from watcher.alerts import channels as notifying
from watcher.alerts import lifecycle as alerting
from watcher.analysis.rules import Settings
from watcher.analysis.rules import settings as rule_settings
from watcher.errors import ConfigError
from watcher.export.settings import Settings as Mirrors
from watcher.metrics import settings as exporting
from watcher.settings import (
    FILE,
    Where,
    choice,
    cron_problem,
    from_table,
    setting,
)


_TABLES: Final = ("rules", "formats", "alerts", "notify", "web", "metrics", "export")
_JUDGING: Final = ("rules", "formats")
# What is exported is analysed as the daemon's worker does.
_EXPORTS: Final = ("metrics", "export", *_JUDGING)
_NAME_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Options:
    """Defaults of command-line options; None leaves them to the command."""

    lang: str | None = choice(None, ("en", "ru"))
    theme: str | None = choice(None, ("light", "dark"))
    window: int | None = setting(None, at_least=1)
    out: str | None = None
    log_x: bool | None = None
    dir: tuple[str, ...] | None = None
    state: str | None = None
    pattern: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    interval: float | None = setting(None, at_least=1, duration=True)
    cron: str | None = None
    every: int | None = None
    keep: int | None = setting(None, at_least=1)
    html: bool | None = None


@dataclass(frozen=True, slots=True)
class Web:
    """The page.

    Attributes:
        listen: HOST:PORT or unix:PATH; "" for no page beside `gptwatch start`.
        hosts: further names by which the page is reached.
        allow_users: local users who need no token.
        lines: whether lines of logs are shown.
    """

    listen: str = ""
    hosts: tuple[str, ...] = ()
    allow_users: tuple[str, ...] = ()
    lines: bool = True


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


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration file.

    Attributes:
        options: defaults of command-line options, by their name.
        rules: settings of the rules.
        formats: all formats; of equal evidence the first wins.
        alerts: which alerts are worth a notification.
        notify: where notifications go.
        web: the page.
        metrics: which metrics Prometheus gets, and where.
        export: what is exported while the daemon runs.
        path: where it was read, None without a file.
        where: of each option, for messages.
        judging: its tables `rules` and `formats`, for another process.
        exports: its tables of what is exported while the daemon runs, or nothing.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    rules: Settings = field(default_factory=Settings)
    formats: tuple[Format, ...] = FORMATS
    alerts: alerting.Settings = field(default_factory=alerting.Settings)
    notify: notifying.Settings = field(default_factory=lambda: notifying.settings({}))
    web: Web = field(default_factory=Web)
    metrics: exporting.Settings = field(default_factory=exporting.Settings)
    export: Mirrors = field(default_factory=Mirrors)
    path: Path | None = None
    where: Where = field(default_factory=Where)
    judging: Mapping[str, Any] = field(default_factory=dict)
    exports: Mapping[str, Any] = field(default_factory=dict)


def load(path: Path | None) -> Config:
    """The configuration in `path`, or in `gptwatch.toml` here, or the defaults.

    Raises:
        ConfigError: the file cannot be read, or a setting is invalid.
    """
    if path is None:
        path = Path(FILE)
        if not path.is_file():
            return Config()
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            "{path}: cannot be read ({reason})", path=path, reason=error.strerror
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            "{path}: not valid TOML: {error}", path=path, error=error
        ) from None
    return replace(of(table, Where(str(path), text)), path=path)


def of(table: Mapping[str, Any], where: Where | None = None) -> Config:
    """The configuration in a table.

    Raises:
        ConfigError: a setting is invalid.
    """
    at = where or Where()
    metrics = exporting.settings(table.get("metrics", {}), at.child("metrics"))
    export = from_table(Mirrors, table.get("export", {}), at.child("export"))
    is_exporting = bool(metrics.textfile) or export != Mirrors()
    return Config(
        options=_options(table, at),
        rules=rule_settings(table.get("rules", {}), at.child("rules")),
        formats=_ordered(_formats(table.get("formats", []), at.child("formats"))),
        alerts=from_table(
            alerting.Settings, table.get("alerts", {}), at.child("alerts")
        ),
        notify=notifying.settings(table.get("notify", {}), at.child("notify")),
        web=from_table(Web, table.get("web", {}), at.child("web")),
        metrics=metrics,
        export=export,
        where=at,
        judging={key: table[key] for key in _JUDGING if key in table},
        exports={key: table[key] for key in _EXPORTS if is_exporting and key in table},
    )


def _options(table: Mapping[str, Any], where: Where) -> dict[str, Any]:
    known = [f.name for f in fields(Options)]
    for key in table:
        if key not in {*known, *_TABLES}:
            raise _misplaced(key, where) or where.child(key).unknown([*known, *_TABLES])
    given = {key: value for key, value in table.items() if key in known}
    options = from_table(Options, given, where)
    if options.cron and (problem := cron_problem(options.cron)):
        raise where.child("cron").error(problem)
    # Lists stay lists, as in the file.
    return {key: given[key] if key != "interval" else options.interval for key in given}


def _misplaced(key: str, where: Where) -> ConfigError | None:
    """The error of a key that belongs to one of the tables."""
    tables = {"alerts": alerting.Settings, "notify": notifying.Settings}
    for name, kind in tables.items():
        if key in {f.name for f in fields(kind)}:
            return where.child(key).error(
                "belongs to [{name}]: write it below that", name=name
            )
    return None


def _formats(tables: Any, where: Where) -> tuple[Format, ...]:
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


# A little more than that of generic formats.
_OWN_WEIGHT: Final = 0.26


def _ordered(own: Sequence[Format]) -> tuple[Format, ...]:
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
