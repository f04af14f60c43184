"""Where the points of a curve are read from, a range of records at a time."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

import numpy as np

from parsers.batch import Floats
from watcher.analysis import smoothing
from watcher.storage.spans import Columns, Span


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Records of one metric, in the order of the log; each column of shape (n,)."""

    lines: Floats
    steps: Floats
    values: Floats

    def __len__(self) -> int:
        return len(self.lines)

    def key(self, axis: str) -> Floats:
        """What the points are sorted by on an axis."""
        return self.steps if axis == "steps" else self.lines

    def part(self, start: int, stop: int) -> "Points":
        """Some of the records; the arrays are shared."""
        cut = slice(start, stop)
        return Points(self.lines[cut], self.steps[cut], self.values[cut])


NO_POINTS: Final = Points(np.empty(0), np.empty(0), np.empty(0))


class Source(Protocol):
    """Points that are read when they are asked for."""

    def __len__(self) -> int:
        """How many records there are."""

    def read(self, start: int, stop: int) -> Points:
        """Records `start` to `stop`, which are within the source."""

    def within(self, columns: Columns) -> "Source":
        """The same records, in another snapshot of an unchanged database."""


class Memory:
    """Points of a curve that is short, or whose rows have to be put in order."""

    def __init__(self, points: Points) -> None:
        self._points = points

    def __len__(self) -> int:
        return len(self._points)

    def read(self, start: int, stop: int) -> Points:
        """A part of what there is."""
        return self._points.part(start, stop)

    def within(self, _columns: Columns) -> "Memory":
        """Itself: nothing is read of the database."""
        return self


class Stored:
    """Points of a curve that stay in the database."""

    def __init__(self, columns: Columns, spans: Sequence[Span], metric: str) -> None:
        self._columns = columns
        self._spans = spans
        self._metric = metric
        self._edges = np.cumsum([0, *(span.records for span in spans)]).tolist()

    def __len__(self) -> int:
        return int(self._edges[-1])

    def within(self, columns: Columns) -> "Stored":
        """The same records, read in another snapshot."""
        return Stored(columns, self._spans, self._metric)

    def read(self, start: int, stop: int) -> Points:
        """Reads no more than these records of three columns."""
        parts = [
            [self._read(span, name, start - at, min(stop, end) - at) for name in _NAMES]
            for span, (at, end) in zip(self._spans, pairwise(self._edges), strict=True)
            if start < end and stop > at
        ]
        if not parts:
            return NO_POINTS
        return Points(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def lines(self, start: int, stop: int) -> Floats:
        """Only the line numbers of these records."""
        parts = [
            self._read(span, "lines", start - at, min(stop, end) - at)
            for span, (at, end) in zip(self._spans, pairwise(self._edges), strict=True)
            if start < end and stop > at
        ]
        return np.concatenate(parts)

    def _read(self, span: Span, name: str, start: int, stop: int) -> Floats:
        column = self._metric if name == "values" else name
        found = self._columns.read(span, column, max(start, 0), stop)
        return found.astype(np.float64, copy=False)


class Smoothed:
    """A centred mean of a source, within the records `start` to `stop` of it.

    It is computed from all points, in the blocks of `centred_mean`: it is the same at
    every zoom, and the same as in the picture.  `kept`: means of blocks that were
    needed lately.
    """

    def __init__(
        self, source: Source, window: int, span: tuple[int, int], kept: "Means"
    ) -> None:
        self._source = source
        self._window = window
        self._start, self._stop = span
        self._kept = kept

    def __len__(self) -> int:
        return self._stop - self._start

    def within(self, columns: Columns) -> "Smoothed":
        """The same means, of a source in another snapshot."""
        span = self._start, self._stop
        return Smoothed(self._source.within(columns), self._window, span, self._kept)

    def read(self, start: int, stop: int) -> Points:
        """Smooths the blocks that the records are in."""
        raw = self._source.read(self._start + start, self._start + stop)
        first = start // smoothing.BLOCK
        means = [self._block(n) for n in range(first, -(-stop // smoothing.BLOCK))]
        skipped = start - first * smoothing.BLOCK
        whole = np.concatenate(means) if means else raw.values
        return Points(raw.lines, raw.steps, whole[skipped : skipped + len(raw)])

    def _block(self, number: int) -> Floats:
        begin = self._start + number * smoothing.BLOCK
        end = min(begin + smoothing.BLOCK, self._stop)
        half = self._window // 2
        low, high = max(self._start, begin - half), min(self._stop, end + half)
        key = (self._window, low, high)
        if key not in self._kept:
            values = self._source.read(low, high).values
            # As one block of the whole: its margins are cut off.
            means = smoothing.smoothed(values, half)
            self._kept[key] = means[begin - low : end - low]
        return self._kept[key]


class Means(OrderedDict[tuple[int, int, int], Floats]):
    """Smoothed blocks, the last few of them."""

    def __setitem__(self, key: tuple[int, int, int], value: Floats) -> None:
        super().__setitem__(key, value)
        if len(self) > _BLOCKS:
            self.popitem(last=False)


# Half a megabyte each.
_BLOCKS: Final = 8
_NAMES = ("lines", "steps", "values")


def in_order(parts: Sequence[Points], axis: str = "lines") -> Memory:
    """Points of several sources as one, by line or by step."""
    whole = Points(
        np.concatenate([part.lines for part in parts]),
        np.concatenate([part.steps for part in parts]),
        np.concatenate([part.values for part in parts]),
    )
    order = whole.key(axis).argsort(kind="stable")
    return Memory(Points(whole.lines[order], whole.steps[order], whole.values[order]))
