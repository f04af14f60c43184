"""How a run is: from what its log says, its silence, and who holds the log open."""

from dataclasses import dataclass
from typing import Final


RUNNING: Final = "running"
QUIET: Final = "quiet"
STALLED: Final = "stalled"
CRASHED: Final = "crashed"
FINISHED: Final = "finished"
STOPPED: Final = "stopped"
# States in which nothing more is expected.
OVER: Final = frozenset({CRASHED, FINISHED, STOPPED})
_BAD_ENDS: Final = frozenset({"crashed", "out of memory", "killed"})
# A process that just ended may be starting again: no word about it for so long.
_GONE_S: Final = 20.0
# Nobody can tell who writes, and so long nothing came: it is over.
_FORGOTTEN_S: Final = 86_400.0
# A silence of so many usual pauses is worth a word, no more: an evaluation.
_QUIET: Final = 5.0


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of a run's life.

    Attributes:
        outcome: how the log says that it ended, as in `Summary.outcome`.
        writer: "alive", "gone" or "unknown".
        silent_s: seconds since the log grew.
        wait_s: seconds of silence that are too many.
        usual_s: the usual pause between lines.
        last_step, max_steps: where it is, and where it means to end.
    """

    outcome: str | None
    writer: str
    silent_s: float
    wait_s: float
    usual_s: float
    last_step: int | None
    max_steps: int | None


def state(signs: Signs) -> str:
    """The run's state; in doubt the milder one.

    A process that lives is never called crashed: a traceback may have been caught.
    """
    over = _end(signs)
    if over is not None:
        return over
    if signs.silent_s > signs.wait_s:
        return STALLED
    return QUIET if signs.silent_s > _QUIET * max(signs.usual_s, 1.0) else RUNNING


def _end(signs: Signs) -> str | None:
    """How the run ended, None while it did not."""
    if signs.writer == "alive":
        done = signs.outcome == "finished" and signs.silent_s >= _GONE_S
        return FINISHED if done else None  # what wrote it goes on with something else
    if signs.outcome in _BAD_ENDS:
        return CRASHED
    if signs.outcome == "finished" or _at_its_end(signs):
        return FINISHED
    patience = _GONE_S if signs.writer == "gone" else _FORGOTTEN_S
    stopped = signs.outcome is not None or signs.silent_s >= patience
    return STOPPED if stopped else None


def _at_its_end(signs: Signs) -> bool:
    """Whether the last step is the last one planned; they count from 0 or from 1."""
    if signs.last_step is None or not signs.max_steps:
        return False
    if signs.writer == "unknown" and signs.silent_s < _GONE_S:
        return False
    return signs.last_step >= signs.max_steps - 1


REPLACED: Final = "replaced"
