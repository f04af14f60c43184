"""How a run ended: decided here, from the milestones behind its last record."""

import re
from collections.abc import Mapping, Sequence
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
BEGINNINGS: Final = frozenset({"start", "resumed"})
_KEPT: Final = BEGINNINGS | ENDS.keys()
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


class OutcomeState:
    """How a run ended, as far as its log goes.

    Attributes:
        last_step: the step of the last record, None without any.
        last_line: of the last record, 0 without any.
        after: milestones at or behind the last record that end or begin a run.
    """

    def __init__(self) -> None:
        self.last_step: int | None = None
        self.last_line = 0
        self.after: list[Milestone] = []

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        for curve in (new.train, new.val):
            if curve is None or not len(curve):
                continue
            line = int(curve.lines[-1])
            if line > self.last_line:
                self.last_line, self.last_step = line, int(curve.steps[-1])
        self.after += [m for m in new.milestones if m.kind in _KEPT]
        if self.after and self.after[0].line < self.last_line:
            self.after = [m for m in self.after if m.line >= self.last_line]

    def outcome(self, info: Mapping[str, int | float | str | bool]) -> Outcome:
        """How it ended; `info`: what the log states."""
        why = cause([m for m in self.after if m.kind in ENDS])
        if why:
            return Outcome(ENDS[why.kind], quoted(why.text))
        planned, step = info.get("max_iters"), self.last_step
        if isinstance(planned, int) and step is not None and step >= planned:
            return Outcome("finished")
        return Outcome()


def outcome(run: Measured) -> Outcome:
    """How a whole run ended as far as its log goes."""
    state = OutcomeState()
    state.update(run)
    return state.outcome(run.info)


def last_step(run: Measured) -> int | None:
    """The step of the last record of a whole run, None without any."""
    state = OutcomeState()
    state.update(run)
    return state.last_step


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
