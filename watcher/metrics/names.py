"""Labels that name a run and its project: short, printable, each run another one."""

import hashlib
import os
from collections.abc import Sequence
from typing import Final

from watcher.ingest.backlog import unread
from watcher.metrics.families import Run
from watcher.metrics.settings import project_pattern
from watcher.metrics.text import escaped
from watcher.outputs.text.escape import clean
from watcher.storage.rows import Row


_LABEL_BYTES: Final = 120
_MAX_PROJECTS: Final = 50


def labelled(rows: Sequence[Row], pattern: str) -> list[Run]:
    """The runs under labels that differ: a scrape with two equal series is refused.

    `pattern`: what a run's name states of its project, "" for nothing.
    """
    project = _Projects(pattern)
    seen: set[str] = set()
    runs = []
    for row in rows:
        label = _fit(row.name)
        if label in seen:
            label = _fit(f"{label} ({row.id})")
        seen.add(label)
        summary = (row.diagnosis or {}).get("summary", {})
        own = f'{project.of(row.name)}run="{escaped(label)}"'
        runs.append(Run(row, own, summary, unread(row)[0]))
    return runs


class _Projects:
    """The label that says which project a run belongs to.

    A pattern may match more than somebody thought of: projects beyond the limit are
    one, so that sums by project stay right.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = project_pattern(pattern) if pattern else None
        self._known: set[str] = set()

    def of(self, name: str) -> str:
        """The label and a comma, "" without a project."""
        found = self._pattern.search(clean(name)) if self._pattern else None
        if found is None or not found[1]:
            return ""
        project = _fit(found[1])
        if project not in self._known and len(self._known) >= _MAX_PROJECTS:
            project = "other"
        self._known.add(project)
        return f'project="{escaped(project)}",'


def _fit(name: str) -> str:
    """A name as a label: printable, of limited length, different for other names."""
    text = clean(name)
    raw = text.encode()
    if len(raw) <= _LABEL_BYTES:
        return text
    digest = hashlib.blake2b(os.fsencode(name), digest_size=4).hexdigest()
    return f"{raw[: _LABEL_BYTES - 9].decode(errors='ignore')}~{digest}"
