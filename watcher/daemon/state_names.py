"""The states of a run by name."""

from typing import Final


RUNNING: Final = "running"
QUIET: Final = "quiet"
STALLED: Final = "stalled"
CRASHED: Final = "crashed"
FINISHED: Final = "finished"
STOPPED: Final = "stopped"
REPLACED: Final = "replaced"
# States in which nothing more is expected.
OVER: Final = frozenset({CRASHED, FINISHED, STOPPED, REPLACED})
