"""How a run ended: decided here, from the milestones behind its last record."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from parsers.batch import Milestone
from watcher.analysis.model import Measured


# Kinds of milestones that end a run, and the outcome each stands for.
ENDS: Final = {
    "finished": "finished",
    "error": "crashed",
    "out of memory": "out of memory",
    "killed": "killed",
    "cancelled": "cancelled",
    "interrupted": "interrupted",
    "nan": "crashed",
    "traceback": "crashed",
}
# Of several ends the root cause: an error that follows from it comes later.
_CAUSES: Final = (
    "out of memory",
    "nan",
    "interrupted",
    "cancelled",
    "killed",
    "error",
)
# A program may report NaN and go on; one that gives up says so.
_GIVES_UP: Final = re.compile(r'(?i)stop|abort|exit|quit|terminat|Error\b|"nonfinite"')
_EXIT_NOTE: Final = re.compile(r'^gptwatch: \{.*"event": "exit".*"code": (\d+)')


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        name: as in `Summary.outcome`; None where the log does not state it.
        text: the line of the log that states it.
    """

    name: str | None = None
    text: str | None = None


def outcome(run: Measured) -> Outcome:
    """How the run ended as far as its log goes."""
    curves = [c for c in (run.train, run.val) if c]
    last = max((int(c.lines[-1]) for c in curves), default=0)
    after = [m for m in run.milestones if m.line >= last and m.kind in ENDS]
    why = cause(after)
    if why:
        return Outcome(ENDS[why.kind], quoted(why.text))
    planned, step = run.info.get("max_iters"), last_step(run)
    if isinstance(planned, int) and step is not None and step >= planned:
        return Outcome("finished")
    return Outcome()


def last_step(run: Measured) -> int | None:
    """The step of the last record, None without any."""
    found = [c for c in (run.train, run.val) if c]
    if not found:
        return None
    return int(max(found, key=lambda c: int(c.lines[-1])).steps[-1])


def quoted(text: str) -> str:
    """The line to quote; of a note by `gptwatch run`, its exit code."""
    code = _EXIT_NOTE.search(text)
    return f"exit code {code[1]}" if code else text


def cause(ends: Sequence[Milestone]) -> Milestone | None:
    """Of the milestones of one end its root cause, None without any.

    Of many processes the first to fail is the cause.  A traceback whose last line is
    missing counts where nothing else explains the end.
    """
    found = [m for m in ends if m.kind != "nan" or _GIVES_UP.search(m.text)]
    for kind in (*_CAUSES, "finished", "traceback"):
        first = next((m for m in found if m.kind == kind), None)
        if first:
            return first
    return None
