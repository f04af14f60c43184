"""Any window of the curves of a run, as wide as the screen that shows it."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np

from parsers.batch import Floats
from watcher.storage import spans
from watcher.storage.database import Database
from watcher.views.clock import Clock
from watcher.views.column import Column, Stretch
from watcher.views.pyramid import Cells
from watcher.views.source import NO_POINTS, Points


# All pyramids together.
_CACHE_BYTES: Final = 64 << 20
MAX_WIDTH: Final = 4096


@dataclass(frozen=True, slots=True)
class Window:
    """What part of a curve is looked at, and how.

    Attributes:
        axis: "steps" or "lines".
        start, stop: the outer keys; None for the first and the last one.
        width: pixels.
        log: whether the axis is logarithmic.
        smooth: points in the moving average, 0 for none.
        clock: of an axis of time, whose keys are seconds; the axis below is of lines.
    """

    axis: str = "steps"
    start: float | None = None
    stop: float | None = None
    width: int = 1200
    log: bool = False
    smooth: int = 0
    clock: Clock | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A metric in a window.

    Attributes:
        metric: its name.
        records: how many points it has in all.
        last_line: of its last point.
        span: first and last key of all its points.
        smooth: points in the moving average; fewer than wanted of a long curve.
        parts: one for each stretch between restarts that has points in the window.
    """

    metric: str
    records: int
    last_line: float
    span: tuple[float, float]
    smooth: int
    parts: Sequence[tuple[Stretch, Cells]]


class Series:
    """Curves of runs, for one reader of a database; keeps what it summed up."""

    def __init__(self, database: Database, *, cache_bytes: int = _CACHE_BYTES) -> None:
        self._database = database
        self._cache_bytes = cache_bytes
        self._columns: OrderedDict[tuple[int, str], Column] = OrderedDict()
        self._sizes: dict[tuple[int, str], int] = {}
        self._held = 0

    def forget(self, run: int) -> None:
        """Drops what was summed up of a run."""
        for key in [key for key in self._columns if key[0] == run]:
            self._drop(key)

    def metrics(self, run: int) -> dict[str, int]:
        """How many points each metric of a run has, by name."""
        with spans.columns(self._database) as columns:
            found: dict[str, int] = {}
            for span in columns.spans(run):
                for name in span.metrics:
                    found[name] = found.get(name, 0) + span.records
        return dict(sorted(found.items()))

    def curves(
        self,
        run: int,
        metrics: Sequence[str],
        window: Window,
        *,
        first_lines: Sequence[float] = (),
    ) -> list[Curve]:
        """Metrics of a run in one window; those without points are left out.

        `first_lines`: of the segments, where a curve is not drawn through.
        """
        with self._open(run, metrics) as found:
            cut = [(column, column.stretches(first_lines)) for column in found]
            edges = _edges(window, _span([_outer(c, s, window) for c, s in cut]))
            return [_curve(column, parts, window, edges) for column, parts in cut]

    def after(
        self, run: int, metrics: Sequence[str], line: float, limit: int
    ) -> Mapping[str, Points]:
        """What came behind a line, at most the last `limit` points of each metric."""
        with self._open(run, metrics) as found:
            return {column.metric: column.after(line, limit) for column in found}

    def whole(self, run: int, metric: str, limit: int) -> Points | None:
        """All points of a metric; None where there are more than `limit`, or none."""
        with self._open(run, [metric]) as found:
            for column in found:
                n = len(column.source)
                return column.source.read(0, n) if n <= limit else None
        return None

    def next(self, run: int, metric: str, line: float, limit: int) -> Points:
        """At most the first `limit` points of a metric behind a line."""
        with self._open(run, [metric]) as found:
            for column in found:
                return column.next(line, limit)
        return NO_POINTS

    def near(
        self, run: int, metrics: Sequence[str], axis: str, key: float
    ) -> Mapping[str, Points]:
        """The point of each metric that is nearest to a line or a step.

        Of several stretches with the step the last one counts.
        """
        with self._open(run, metrics) as found:
            return {column.metric: _nearest(column, axis, key) for column in found}

    def stretches(
        self, run: int, metric: str
    ) -> list[tuple[Stretch, tuple[float, float]]]:
        """The parts of a curve between restarts, each with its first and last step."""
        with self._open(run, [metric]) as found:
            return [
                (stretch, column.ends(stretch, "steps"))
                for column in found
                for stretch in column.stretches()
            ]

    @contextmanager
    def _open(self, run: int, metrics: Sequence[str]) -> Iterator[list[Column]]:
        """The columns of those metrics that the run has, as they are now."""
        with spans.columns(self._database) as columns:
            chunks = columns.spans(run)
            known = {name for chunk in chunks for name in chunk.metrics}
            found = {
                (run, name): self._columns.setdefault((run, name), Column(name))
                for name in metrics
                if name in known
            }
            try:
                for column in found.values():
                    column.open(columns, chunks)
                yield list(found.values())
            finally:
                # What was read of them has made them larger.
                for key, column in found.items():
                    self._columns.move_to_end(key)
                    self._note_size(key, column.nbytes)
                self._evict()

    def _note_size(self, key: tuple[int, str], size: int) -> None:
        self._held += size - self._sizes.get(key, 0)
        self._sizes[key] = size

    def _evict(self) -> None:
        while self._held > self._cache_bytes and len(self._columns) > 1:
            self._drop(next(iter(self._columns)))

    def _drop(self, key: tuple[int, str]) -> None:
        del self._columns[key]
        self._held -= self._sizes.pop(key)


def _curve(
    column: Column, stretches: Sequence[Stretch], window: Window, edges: Floats
) -> Curve:
    parts = [
        (s, column.cells(s, window.axis, edges, window=window.smooth))
        for s in stretches
        if _overlap(column.ends(s, window.axis), edges)
    ]
    return Curve(
        column.metric,
        len(column.source),
        column.last_line,
        _outer(column, stretches, window),
        min((column.window(s, window.smooth) for s in stretches), default=0),
        [(stretch, cells) for stretch, cells in parts if len(cells)],
    )


def _overlap(ends: tuple[float, float], edges: Floats) -> bool:
    return ends[0] <= float(edges[-1]) and ends[1] >= float(edges[0])


def _outer(
    column: Column, stretches: Sequence[Stretch], window: Window
) -> tuple[float, float]:
    """The smallest and the largest key of a column."""
    low, high = _span([column.ends(s, window.axis) for s in stretches])
    if window.clock is None:
        return low, high
    first, last = window.clock.at(np.array([low, high])).tolist()
    return first, last


def _span(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    if not pairs:
        return 0.0, 1.0
    return min(low for low, _ in pairs), max(high for _, high in pairs)


def _edges(window: Window, outer: tuple[float, float]) -> Floats:
    """Where pixels begin, and where the last one ends, on the axis below."""
    edges = _marks(window, outer)
    return edges if window.clock is None else window.clock.line(edges)


def _marks(window: Window, outer: tuple[float, float]) -> Floats:
    """The same in the keys of the window."""
    low = outer[0] if window.start is None else window.start
    high = outer[1] if window.stop is None else window.stop
    high = max(low, high)
    width = min(max(window.width, 1), MAX_WIDTH)
    if not window.log:
        return np.linspace(low, high, width + 1)
    low = max(low, min(1.0, high)) if high > 0 else 1.0
    inner = np.geomspace(low, max(high, low), width + 1)
    inner[0], inner[-1] = low, max(high, low)  # exactly: the last edge is inclusive
    return inner


def _nearest(column: Column, axis: str, key: float) -> Points:
    best = None
    distance = np.inf
    for stretch in reversed(column.stretches()):
        found = column.near(stretch, axis, key)
        away = abs(float(found.key(axis)[0]) - key)
        if away < distance:
            best, distance = found, away
        low, high = column.ends(stretch, axis)
        if low <= key <= high:
            return found
    assert best is not None
    return best
