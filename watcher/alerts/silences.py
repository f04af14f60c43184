"""Whether a silence mutes a rule of a run."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from watcher.storage.outbox import Silence


def is_silenced(silences: Iterable[Silence], run: str, rule: str) -> bool:
    """Whether one of the silences matches this rule of this run."""
    return any(matches(run, s.run) and matches(rule, s.rule) for s in silences)


def matches(name: str, pattern: str) -> bool:
    """Whether a name equals a pattern (as `[1].log` does), or matches it."""
    return name == pattern or fnmatchcase(name, pattern)
