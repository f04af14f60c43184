"""What the training loss does beside an event in something else."""

from typing import Final

import numpy as np

from watcher.analysis.model import Measured
from watcher.analysis.tail import Tail


# Losses that make a level.
_OF: Final = 9
# The losses after an event that show its effect, and how much higher they may be.
_AFTER: Final = 5
_AFFECTED: Final = 1.1
_FALLS: Final = 0.98

Fact = dict[str, float | int | str | None]


class _Losses:
    """The last finite training losses by line, and the first ones of the run."""

    def __init__(self) -> None:
        self._tail = Tail(_OF)
        self._first: list[float] = []

    def extend(self, new: Measured) -> None:
        """Appends those of new records; all are kept until `trim`."""
        if new.train is None:
            return
        good = np.isfinite(new.train.values)
        lines, values = new.train.lines[good], new.train.values[good]
        self._tail.extend(lines, values)
        self._first += values[: _OF - len(self._first)].tolist()

    def trim(self) -> None:
        """Drops what nothing looks back on."""
        self._tail.trim()

    def before(self, line: int | None) -> float | None:
        """The median of the nine before a line, or the last; None without nine."""
        end = len(self._tail.values)
        if line is not None:
            end = int(np.searchsorted(self._tail.steps, line))
        part = self._tail.values[max(0, end - _OF) : end]
        return float(np.median(part)) if len(part) == _OF else None

    def first(self) -> float | None:
        """The median of the first nine."""
        return float(np.median(self._first)) if len(self._first) == _OF else None

    def since(self, line: int) -> list[float]:
        """The first ones from a line on, as many as show an effect."""
        at = int(np.searchsorted(self._tail.steps, line))
        after: list[float] = self._tail.values[at : at + _AFTER].tolist()
        return after


class Flatness:
    """Whether the training loss falls while an event lasts, by the key of the event.

    It does not where the median of nine losses is not lower by two percent than that
    of the nine before the event began, or of the first nine of the run.
    """

    def __init__(self) -> None:
        self._losses = _Losses()
        self._before: dict[int, float | None] = {}
        self._settled: dict[int, bool] = {}

    def extend(self, new: Measured) -> None:
        """Takes in new records; `note` and then `trim` follow."""
        self._losses.extend(new)

    def trim(self) -> None:
        """Drops what nothing looks back on."""
        self._losses.trim()

    def note(self, key: int, begun: int, over: int | None) -> None:
        """An event that began in a line, and ended in one of the new lines or not."""
        if key not in self._before:
            self._before[key] = self._losses.before(begun)
        if over is not None and key not in self._settled:
            self._settled[key] = self._is_flat(key, over)

    def fact(self, key: int) -> Fact:
        """What to add to the evidence of an event."""
        flat = self._settled.get(key)
        if flat is None:
            flat = self._is_flat(key, None)
        return {"flat": "yes"} if flat else {}

    def _is_flat(self, key: int, end: int | None) -> bool:
        before = self._before.get(key)
        before = self._losses.first() if before is None else before
        now = self._losses.before(end)
        return now is not None and before is not None and now >= _FALLS * before


class Effects:
    """Whether the training loss rose after short events, by the key of the event."""

    def __init__(self) -> None:
        self._losses = _Losses()
        self._pending: dict[int, tuple[float, list[float]]] = {}
        self._unaffected: set[int] = set()

    def extend(self, new: Measured) -> None:
        """Takes in new records; `note` and then `trim` follow."""
        self._losses.extend(new)
        if new.train is not None and len(new.train) and self._pending:
            after = self._losses.since(int(new.train.lines[0]))
            for key in list(self._pending):
                self._settle(key, after)

    def trim(self) -> None:
        """Drops what nothing looks back on."""
        self._losses.trim()

    def note(self, key: int, line: int) -> None:
        """An event in one of the new lines."""
        before = self._losses.before(line)
        if before is not None:
            self._pending[key] = before, []
            self._settle(key, self._losses.since(line))

    def fact(self, key: int) -> Fact:
        """What to add to the evidence of an event."""
        return {"unaffected": "yes"} if key in self._unaffected else {}

    def _settle(self, key: int, after: list[float]) -> None:
        before, seen = self._pending[key]
        seen += after[: _AFTER - len(seen)]
        if len(seen) < _AFTER:
            return
        del self._pending[key]
        if np.median(seen) <= _AFFECTED * before:
            self._unaffected.add(key)
