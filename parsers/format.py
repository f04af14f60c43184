r"""A format is data: who writes it, sample lines, and the patterns of its lines.

A pattern is a regular expression over bytes.  Its named groups are metrics (see
`parsers.metrics`) or one of the words below; `loss__b` is `loss` too, for patterns
with alternatives.  The engine reads equal lines by columns and runs the expression
on one of them only, so a pattern must treat all digits alike (`\d`, never `7`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any, Final, Literal, Protocol

from parsers.batch import Batch, Ints
from parsers.engine.pieces import Piece


# Group names that are no metrics: the step, the steps that are planned, the number
# of the epoch, the steps in one, N of a count `i/N` that may begin anew in each epoch,
# the steps that are left in the epoch, and the process that prints the line.
WORDS: Final = (
    *("step", "max_steps", "epoch_no", "per_epoch", "count_of", "left"),
    "rank",
)

# So many lines of a single program's format are no coincidence, and it is preferred:
# side lines of a generic format may be many times as many.
_CERTAIN: Final = 3
_PRECEDENCE: Final = 50.0
# The weight of a user's format that reads what others read as well.
PREFERRED: Final = 1000.0

# (group, first byte, byte after the last) of each number in a line
Fields = Sequence[tuple[str, int, int]]
Locate = Callable[[bytes], Fields | None]

StepFrom = Literal["line", "previous", "next", "epoch end", "count", "none"]


class Found(Protocol):
    """A match of any engine: groups by number, -1 for one that is not part of it."""

    def start(self, group: int, /) -> int:
        """The first byte of a group."""

    def span(self, group: int, /) -> tuple[int, int]:
        """The first byte of a group, and the one after its last."""


class Compiled(Protocol):
    """A pattern, compiled by any engine."""

    @property
    def groupindex(self) -> Mapping[str, int]:
        """The number of each named group."""

    @property
    def search(self) -> Callable[[bytes], Found | None]:
        """Finds the first match in a line."""


class PatternError(ValueError):
    """A pattern that the engine could not read by columns, or no pattern at all."""


@dataclass(frozen=True, slots=True)
class LinePattern:
    """One kind of line of a format.

    Attributes:
        name: for people, unique within the format.
        locate: finds the numbers in a line; None when it is another kind of line.
        regex: the expression behind `locate`, b"" where it is none.
        needs: bytes that every such line holds; a quick test before `locate`.
        step: where its step comes from: the "line" itself, the "previous" or the
            "next" line that has one, the "epoch end" (N of the last `i/N` of an epoch,
            if no other was to come), or a "count" of such lines.  "none" for a line
            that only states where the following ones belong.
        scale: factor of a group's printed value (seconds to ms: 1000).
        fresh: metrics that repeat their last value until a new one comes; only a
            changed value is a point.
        restates: decimals to which `fresh` metrics repeat what lines of their own
            state, -1 where none do: a point is only what no such line stated, and not
            what stands in the first line (it may be from before the log).
        once: of several such lines with one step only the first counts.
        redrawn: a progress bar: of several refreshes with one count one is a record.
        last: of several such lines with one step only the last counts.
        distinct: a line with the step and the loss of the one before is no record.
        ranks: nor is one with its step and metrics right behind it: each process of a
            distributed training prints its own, and the first stands for all.
        stands_in: metric to another that it gives as long as no line has that one.
        shift: added to the step.
        epoch_base: number of the first epoch; with groups `epoch_no` and `per_epoch`
            the step counts on over the epochs.
        hit: whether such a line counts for the format in detection.
    """

    name: str
    locate: Locate
    regex: bytes = b""
    needs: tuple[bytes, ...] = ()
    step: StepFrom = "line"
    scale: Mapping[str, float] = field(default_factory=dict)
    fresh: tuple[str, ...] = ()
    restates: int = -1
    once: bool = False
    redrawn: bool = False
    last: bool = False
    distinct: bool = False
    ranks: bool = False
    stands_in: Mapping[str, str] = field(default_factory=dict)
    shift: int = 0
    epoch_base: int = 1
    hit: bool = True

    @property
    def repeats(self) -> bool:
        """Whether some of its lines may be no records."""
        return bool(
            self.once
            or self.last
            or self.redrawn
            or self.distinct
            or self.ranks
            or self.fresh
        )


class RowReader(Protocol):
    """Reads structured lines (JSON, CSV) that columns cannot.

    Attributes:
        taken: numbers of the lines that the last `read` made use of, an array or list.

    A reader may also have `planned`: the number of steps that the log plans, or None.
    """

    @property
    def taken(self) -> Sequence[int] | Ints:
        """See above."""

    def read(self, piece: Piece) -> list[Batch]:
        """Batches of some lines of the log.

        Lines in a batch rise; a batch may hold any of the lines given or given
        before, no line twice for a pattern.
        """

    def flush(self) -> list[Batch]:
        """What was kept back for lines that did not come."""

    def state(self) -> dict[str, Any]:
        """All that it remembers between lines, of plain JSON types."""

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """A log format.

    Attributes:
        name: short, lower case, as users write it.
        written_by: the program that prints such logs.
        samples: real lines, at least one for each pattern.
        patterns: tried in this order; the first that fits a line reads it.
        rows: makes a reader for structured lines, None for line patterns.
        units: units that differ from the vocabulary's (base-2 losses: "bits/token").
        averaged: metrics that the trainer has already averaged over time.
        weight: what one line counts in detection; generic formats have less.
        least: so many lines make a log of it; fewer are a coincidence.
        epochs: whether a step of its records is an epoch.
    """

    name: str
    written_by: str
    samples: tuple[str, ...]
    patterns: tuple[LinePattern, ...] = ()
    rows: Callable[[], RowReader] | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    averaged: tuple[str, ...] = ()
    weight: float = 1.0
    least: int = 1
    epochs: bool = False

    def score(self, hits: int) -> float:
        """How well it fits a log of which so many lines count for it."""
        if hits < self.least:
            return 0.0
        special = self.weight >= 1 and (hits >= _CERTAIN or self.weight >= PREFERRED)
        return self.weight * hits * (_PRECEDENCE if special else 1.0)


def line(
    name: str,
    regex: bytes,
    *,
    needs: tuple[bytes, ...] = (),
    step: StepFrom = "line",
    scale: Mapping[str, float] | None = None,
    fresh: tuple[str, ...] = (),
    restates: int = -1,
    once: bool = False,
    last: bool = False,
    distinct: bool = False,
    stands_in: Mapping[str, str] | None = None,
    shift: int = 0,
    epoch_base: int = 1,
    hit: bool = True,
    engine: Callable[[bytes], Compiled] = re.compile,
) -> LinePattern:
    """A pattern from a regular expression, which may match anywhere in the line.

    It is compiled when the first line comes that it could read: of all the formats
    a log meets few.  `check` finds what is wrong with it.  Patterns of users need an
    `engine` that is linear in the length of a line; ours are tested to be.
    """
    compiled: list[Compiled] = []

    def locate(text: bytes) -> Fields | None:
        if not compiled:
            compiled.append(engine(regex))
        found = compiled[0].search(text)
        if found is None:
            return None
        return [
            (group, *found.span(number))
            for group, number in compiled[0].groupindex.items()
            if found.start(number) >= 0
        ]

    return LinePattern(
        name,
        locate,
        regex=regex,
        needs=needs,
        step=step,
        scale=scale or {},
        fresh=fresh,
        restates=restates,
        once=once,
        last=last,
        distinct=distinct,
        stands_in=stands_in or {},
        shift=shift,
        epoch_base=epoch_base,
        hit=hit,
    )


def check(pattern: bytes) -> None:
    """Checks a pattern for what reading by columns needs.

    Raises:
        PatternError: the expression is broken, distinguishes digits, or has a back
            reference.
    """
    try:
        re.compile(pattern)
        tree = _parser.parse(pattern)
    except re.error as error:
        raise PatternError(f"{pattern!r}: {error}") from None
    for problem in _problems(tree):
        raise PatternError(
            f"{pattern!r}: {problem}; a pattern must treat all digits alike (use \\d)"
        )


_DIGITS = frozenset(b"0123456789")


def _problems(tree: Any) -> "Sequence[str]":
    return [problem for item in tree for problem in _item_problems(*item)]


def _item_problems(op: Any, argument: Any) -> Sequence[str]:
    name = str(op)
    if name in {"LITERAL", "NOT_LITERAL"}:
        return [f"the digit {argument - 48}"] if argument in _DIGITS else []
    if name in {"GROUPREF", "GROUPREF_EXISTS"}:
        return ["a back reference"]
    if name == "IN":
        return _class_problems(argument)
    found: list[str] = []
    for part in argument if isinstance(argument, tuple | list) else ():
        if isinstance(part, _parser.SubPattern):
            found += _problems(part)
        elif isinstance(part, list):  # the branches of an alternative
            found += [p for branch in part for p in _problems(branch)]
    return found


def _class_problems(members: Any) -> Sequence[str]:
    listed: set[int] = set()
    for op, argument in members:
        if op is _constants.LITERAL:
            listed.add(argument)
        elif op is _constants.RANGE:
            listed.update(range(argument[0], argument[1] + 1))
    some = listed & _DIGITS
    return ["a class with some digits only"] if some and some != _DIGITS else []
