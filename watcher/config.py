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

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from parsers.format import Format
from parsers.formats import FORMATS
from watcher.alerts import channels as notifying
from watcher.alerts import lifecycle as alerting
from watcher.analysis.rules import Settings
from watcher.analysis.rules import settings as rule_settings
from watcher.errors import ConfigError
from watcher.export.settings import Settings as Mirrors
from watcher.metrics import settings as exporting
from watcher.own_formats import own_formats, with_own
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
        formats=with_own(own_formats(table.get("formats", []), at.child("formats"))),
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
