"""The time axes of runs, kept while the runs do not change."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from watcher.storage.database import Database
from watcher.storage.rows import Row
from watcher.views.clock import Clock, wall, without_pauses
from watcher.views.series import Series
from watcher.views.trained import TIMES, Trained


# Runs whose clocks are kept.
_KEPT: Final = 32
TIME, ACTIVE = "time", "active"


@dataclass(slots=True)
class _Known:
    stamp: object = None
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    trained: Trained = field(default_factory=Trained)


class Clocks:
    """Time axes by run: of the day, and of training without pauses."""

    def __init__(self, database: Database, series: Series) -> None:
        self._database = database
        self._series = series
        self._known: OrderedDict[int, _Known] = OrderedDict()

    def of(self, row: Row) -> Mapping[str, Clock]:
        """The axes that a run has."""
        known = self._known.setdefault(row.id, _Known())
        self._known.move_to_end(row.id)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        stamp = row.lines, row.bytes, row.cursor and row.cursor.mtime_ns
        if known.stamp != stamp:
            known.clocks, known.stamp = self._made(row, known), stamp
        return known.clocks

    def _made(self, row: Row, known: _Known) -> Mapping[str, Clock]:
        clock = wall(row, self._database.places.of(row.id))
        active = self._trained(row, known)
        if active is None and clock is not None:
            active = without_pauses(clock)
        found = {TIME: clock, ACTIVE: active}
        return {name: one for name, one in found.items() if one is not None}

    def _trained(self, row: Row, known: _Known) -> Clock | None:
        metrics = self._series.metrics(row.id)
        metric = next((name for name in TIMES if name in metrics), TIMES[0])
        # The log may have been read anew.
        is_other = metric != known.trained.metric
        if is_other or metrics.get(metric, 0) < known.trained.records:
            known.trained = Trained(metric)
        known.trained.grow(self._series, row.id)
        return known.trained.clock()
