"""Settings of the metrics, from the table `[metrics]` of the configuration."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from watcher.settings import Where, from_table, setting


_LABEL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")
# Labels that series have already, or that Prometheus adds.
_TAKEN: Final = frozenset(
    {"run", "rule", "severity", "state", "unit", "outcome", "version", "format"}
    | {"project", "generation", "model_parameters", "instance", "job"}
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Which series are written, and where.

    Attributes:
        textfile: a file for node_exporter's textfile collector; "" for none.
        hours: runs that ended longer ago are left out.
        max_runs: how many runs are written, the last modified first.
        max_series: how many series of one run.
        project: a regular expression whose first group, found in the name of a run, is
            the label `project` of its series; "" for no such label.
        labels: labels that every series gets, such as cluster = "a".
    """

    textfile: str = ""
    hours: float = 6.0
    max_runs: int = setting(500, at_least=1)
    max_series: int = setting(20, at_least=1)
    project: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def settings(table: Any, where: Where) -> Settings:
    """Settings from the table `metrics` of a configuration file.

    Raises:
        ConfigError: an unknown key, or an invalid value.
    """
    found = from_table(Settings, table, where)
    _check_project(found.project, where.child("project"))
    for name in found.labels:
        at = where.child("labels", name)
        if not _LABEL.fullmatch(name):
            raise at.error("is no name of a label: use letters, digits and _")
        if name in _TAKEN:
            raise at.error("is a label that gptwatch or Prometheus sets itself")
    return found


def _check_project(pattern: str, where: Where) -> None:
    try:
        compiled = project_pattern(pattern) if pattern else None
    except ValueError as error:
        raise where.error(
            "is no regular expression of RE2: {error}", error=error
        ) from None
    if compiled is not None and compiled.groups != 1:
        raise where.error("must have one group, as in '^([^/]+)/'")


def project_pattern(pattern: str) -> Any:
    """The compiled expression; RE2 runs in linear time whatever names there are.

    Raises:
        ValueError: it is none.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(str(error)) from None
