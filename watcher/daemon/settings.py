"""The daemon's settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parsers.format import Format
from parsers.formats import FORMATS
from watcher.alerts.channels import Settings as NotifySettings
from watcher.alerts.lifecycle import Settings as AlertSettings
from watcher.analysis.rules import Settings as RuleSettings
from watcher.daemon.jobs import Options
from watcher.ingest.discovery import Scanner


@dataclass(frozen=True, slots=True)
class Settings:
    """The daemon's settings.

    Attributes:
        roots: directories that are watched.
        out: the output directory.
        state: the state directory, with the database.
        scanner: which files are logs.
        interval_s: seconds between plots; or `cron`, five fields.
        every: iterations between dated plots; 0 for none.
        rules, formats: as in the configuration.
        alerts: which alerts notify, and how often; `notify`: the channels.
        look: how runs are analysed and plotted.
        exports: tables of the configuration for the exporter; none without exports.
    """

    roots: Sequence[Path]
    out: Path
    state: Path
    scanner: Scanner
    look: Options
    interval_s: float = 30.0
    cron: str | None = None
    every: int = 100
    rules: RuleSettings = field(default_factory=RuleSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    notify: NotifySettings = field(default_factory=NotifySettings)
    formats: Sequence[Format] = FORMATS
    exports: Mapping[str, Any] = field(default_factory=dict)
