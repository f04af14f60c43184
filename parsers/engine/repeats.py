"""Drops what a log prints again: values that stand, bars that are drawn again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Batch, Floats, Ints
from parsers.format import LinePattern


# Lines of ranks stand right behind each other, but for a stray one; of more of one step
# the step is none.
_NEAR: Final = 2
_MOST_RANKS: Final = 64
_SHOWN: Final = ("loss", "running_loss", "epoch_loss", "val_loss", "val_bpb")
_NOT_YET: Final = -np.inf
_NO_LINES: Final = np.empty(0, np.int64)
_Waiting = tuple[int, int, dict[str, float]]


@dataclass(slots=True)
class _Bar:
    """A progress bar as it was drawn last.

    Attributes:
        step, shown: its count and the loss that it showed.
        before: the loss that it showed last at the count before.
        done: whether a refresh of this count is the record already.
        waiting: a refresh that may show the loss of the count before.
    """

    step: int
    shown: float
    before: float
    done: bool
    waiting: _Waiting | None = None


@dataclass(slots=True)
class Repeats:
    """Remembers what each pattern printed last.

    Attributes:
        fresh: metric of a pattern to its last value; _NOT_YET where it had none.
        stated: metric of a pattern to what another line stated last, rounded.
        once: pattern to its last step.
        same: pattern to the last step and value.
        ranks: pattern to the last line, its step and metrics, and how many were near.
        last: pattern to the record that another one of its step may follow.
        bars: pattern to its progress bar.
    """

    fresh: dict[str, float] = field(default_factory=dict)
    stated: dict[str, float] = field(default_factory=dict)
    once: dict[str, int] = field(default_factory=dict)
    same: dict[str, list[float]] = field(default_factory=dict)
    ranks: dict[str, tuple[int, int, str, int]] = field(default_factory=dict)
    last: dict[str, _Waiting] = field(default_factory=dict)
    bars: dict[str, _Bar] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of plain JSON types."""
        bars = {
            name: [b.step, b.shown, b.before, b.done, b.waiting]
            for name, b in self.bars.items()
        }
        return {
            "fresh": self.fresh,
            "stated": self.stated,
            "once": self.once,
            "same": self.same,
            "ranks": self.ranks,
            "latest": self.last,
            "bars": bars,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self.fresh, self.once = state["fresh"], state["once"]
        self.same = state.get("same", {})
        self.stated = state.get("stated", {})
        ranks = state.get("ranks", {})
        self.ranks = {name: (r[0], r[1], r[2], r[3]) for name, r in ranks.items()}
        kept = state.get("latest", {})
        self.last = {name: (w[0], w[1], w[2]) for name, w in kept.items()}
        self.bars = {
            name: _Bar(step, shown, before, done, _record(waiting))
            for name, (step, shown, before, done, waiting) in state.get(
                "bars", {}
            ).items()
        }

    def sift(
        self, pattern: LinePattern, parts: Sequence[Batch], others: Sequence[Batch]
    ) -> Iterator[Batch]:
        """Without what repeats; parts are templates, their lines interleave.

        `others`: records of other patterns.
        """
        for name in pattern.fresh:
            if pattern.restates < 0:
                yield from self._changed(name, [p for p in parts if name in p.values])
            else:
                stated = [
                    _rounded(other, name, pattern.restates)
                    for other in others
                    if name in other.values and len(other)
                ]
                yield from self._unstated(
                    name, parts, f"{pattern.name}: {name}", stated
                )
        rest = [_without(part, pattern.fresh) for part in parts]
        rest = [part for part in rest if part.values]
        if not rest:
            return
        if pattern.redrawn:
            yield from self._drawn(rest)
        elif pattern.once:
            yield from self._first_of_steps(rest)
        elif pattern.last:
            yield from self._last_of_steps(rest)
        elif pattern.distinct:
            rest = list(self._distinct(rest))
            yield from self._first_of_ranks(rest) if pattern.ranks else rest
        else:
            yield from rest

    def flush(self) -> Iterator[Batch]:
        """Records that waited for another one of their step."""
        waiting, self.last = self.last, {}
        yield from (single(name, *record) for name, record in waiting.items())
        for name, bar in self.bars.items():
            if bar.waiting and not bar.done:
                yield single(name, *bar.waiting)
            bar.waiting = None

    def _changed(self, name: str, parts: Sequence[Batch]) -> Iterator[Batch]:
        """One metric where it is another than before, as a pattern of its own."""
        if parts:
            whole = _one_metric(name, parts)
            yield whole.take(~self._as_before(name, whole, _NOT_YET))

    def _unstated(
        self, name: str, parts: Sequence[Batch], known: str, others: Sequence[Batch]
    ) -> Iterator[Batch]:
        """The same where, besides, no line of its own stated it."""
        lines, values = self._stated(name, known, others)
        if not parts:
            return
        whole = _one_metric(name, parts)
        column = whole.values[name]
        again = self._as_before(name, whole, float(column[0]))
        again |= _equal(column, values[np.searchsorted(lines, whole.lines)])
        yield whole.take(~again & (column != _NOT_YET))

    def _stated(
        self, name: str, known: str, others: Sequence[Batch]
    ) -> tuple[Ints, Floats]:
        """Lines that state a metric, with one value more: that of the last before."""
        before = self.stated.get(known, np.nan)
        if not others:
            return _NO_LINES, np.array([before])
        stated = _one_metric(name, others)
        self.stated[known] = float(stated.values[name][-1])
        return stated.lines, np.append(before, stated.values[name])

    def _as_before(self, name: str, whole: Batch, first: float) -> NDArray[np.bool_]:
        """Where a metric has its last value; `first` stands before all."""
        column = whole.values[name]
        before = self.fresh.get(whole.pattern, first)
        self.fresh[whole.pattern] = float(column[-1])
        return _equal(column, np.concatenate([[before], column[:-1]]))

    def _first_of_steps(self, parts: Sequence[Batch]) -> Iterator[Batch]:
        _, order = _merged(parts)
        steps = np.concatenate([part.steps for part in parts])[order]
        before = self.once.get(parts[0].pattern, -1)
        self.once[parts[0].pattern] = int(steps[-1])
        yield from _kept(parts, order, np.diff(steps, prepend=before) != 0)

    def _last_of_steps(self, parts: Sequence[Batch]) -> Iterator[Batch]:
        _, order = _merged(parts)
        steps = np.concatenate([part.steps for part in parts])[order]
        name = parts[0].pattern
        before = self.last.pop(name, None)
        if before and before[1] != steps[0]:
            yield single(name, *before)
        yield from _kept(parts, order, np.append(np.diff(steps) != 0, False))
        self.last[name] = _record_at(parts, int(order[-1]), int(steps[-1]))

    def _distinct(self, parts: Sequence[Batch]) -> Iterator[Batch]:
        """Without records that have the step and the value of the one before."""
        _, order = _merged(parts)
        steps = np.concatenate([part.steps for part in parts])[order]
        shown = np.concatenate([_shown(part) for part in parts])[order]
        step, value = self.same.get(parts[0].pattern, [-1, np.nan])
        self.same[parts[0].pattern] = [int(steps[-1]), float(shown[-1])]
        other = np.diff(steps, prepend=int(step)) != 0
        yield from _kept(parts, order, other | (shown != np.append(value, shown[:-1])))

    def _first_of_ranks(self, parts: Sequence[Batch]) -> Iterator[Batch]:
        """Without records right behind another one of their step and metrics."""
        parts = [part for part in parts if len(part)]
        if not parts:
            return
        lines, order = _merged(parts)
        steps = np.concatenate([part.steps for part in parts])[order]
        kinds = [",".join(sorted(part.values)) for part in parts]
        known = sorted(set(kinds))
        which = np.concatenate(
            [np.full(len(p), known.index(k)) for p, k in zip(parts, kinds, strict=True)]
        )[order]
        name = parts[0].pattern
        line, step, kind, count = self.ranks.get(name, (-_NEAR - 1, -1, "", 0))
        before = known.index(kind) if kind in known else -1
        near = np.diff(lines, prepend=line) <= _NEAR
        near &= np.diff(steps, prepend=step) == 0
        near &= np.diff(which, prepend=before) == 0
        at = np.arange(len(near))
        first = np.maximum.accumulate(np.where(near, -1, at))
        counts = np.where(first < 0, count + at + 1, at - first)
        last = int(lines[-1]), int(steps[-1]), known[which[-1]], int(counts[-1])
        self.ranks[name] = last
        yield from _kept(parts, order, ~near | (counts >= _MOST_RANKS))

    def _drawn(self, parts: Sequence[Batch]) -> Iterator[Batch]:
        """One record a count: the first refresh that shows a loss of its own.

        A refresh that repeats the loss of the count before waits: if another one of
        its count shows a new loss, the bar was counted on before the loss was set.
        """
        _, order = _merged(parts)
        name = parts[0].pattern
        steps = np.concatenate([part.steps for part in parts])[order]
        shown = np.concatenate([_shown(part) for part in parts])[order]
        bar = self.bars.get(name) or _Bar(int(steps[0]) - 1, np.nan, np.nan, done=True)
        # Counts are numbered from that of the bar before, which may go on.
        begins = np.flatnonzero(np.diff(steps, prepend=bar.step))
        count = np.zeros(len(steps), dtype=np.int64)
        count[begins] = 1
        count = np.cumsum(count)
        before = np.append(bar.before, np.append(bar.shown, shown[:-1])[begins])
        own = np.flatnonzero(shown != before[count])
        own = own[np.diff(count[own], prepend=-1) != 0]
        own = own[count[own] > 0] if bar.done else own
        done = np.zeros(len(before), dtype=bool)
        done[count[own]] = True
        done[0] |= bar.done
        # Of the others the first refresh; it may have come in an earlier piece.
        first = np.append(0, begins)
        keep = np.zeros(len(steps), dtype=bool)
        keep[own] = True
        late = first[:-1][~done[:-1]]
        if len(begins) and not done[0] and (bar.waiting or begins[0] == 0):
            late = late[1:]
            if bar.waiting:
                yield single(name, *bar.waiting)
        keep[late] = True
        waiting = bar.waiting if len(before) == 1 else None
        if not done[-1] and waiting is None:
            waiting = _record_at(parts, int(order[first[-1]]), int(steps[-1]))
        self.bars[name] = _Bar(
            int(steps[-1]),
            float(shown[-1]),
            float(before[-1]),
            bool(done[-1]),
            None if done[-1] else waiting,
        )
        yield from _kept(parts, order, keep)


def _one_metric(name: str, parts: Sequence[Batch]) -> Batch:
    """One metric of all parts in the order of the log; _NOT_YET where it is not."""
    lines, order = _merged(parts)
    steps = np.concatenate([part.steps for part in parts])[order]
    columns = [p.values.get(name, np.full(len(p), _NOT_YET)) for p in parts]
    known = f"{parts[0].pattern}: {name}"
    return Batch(known, lines, steps, {name: np.concatenate(columns)[order]})


def _rounded(batch: Batch, name: str, decimals: int) -> Batch:
    """One metric as it is printed with so many decimals."""
    values = [float(f"{value:.{decimals}f}") for value in batch.values[name].tolist()]
    return replace(batch, values={name: np.array(values)})


def _equal(one: Floats, other: Floats) -> NDArray[np.bool_]:
    """Whether values are the same; a NaN is the same as another."""
    same: NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return same


def single(pattern: str, line: int, step: int, values: Mapping[str, float]) -> Batch:
    """A batch of one record."""
    columns = {name: np.array([value]) for name, value in values.items()}
    return Batch(pattern, np.array([line]), np.array([step]), columns)


def _record(kept: Sequence[Any] | None) -> _Waiting | None:
    return (kept[0], kept[1], kept[2]) if kept else None


def _record_at(parts: Sequence[Batch], place: int, step: int) -> _Waiting:
    """A record by its place in all parts."""
    ends = np.cumsum([len(part) for part in parts])
    k = int(np.searchsorted(ends, place, side="right"))
    i = place - int(ends[k]) + len(parts[k])
    return int(parts[k].lines[i]), step, _values(parts[k], i)


def _values(part: Batch, at: int) -> dict[str, float]:
    return {name: float(column[at]) for name, column in part.values.items()}


def _shown(part: Batch) -> Floats:
    """The loss of each record."""
    found = [part.values[name] for name in _SHOWN if name in part.values]
    return found[0] if found else np.full(len(part), np.nan)


def _kept(parts: Sequence[Batch], order: Ints, keep: Any) -> Iterator[Batch]:
    """The records to keep, which are marked in the order of their lines."""
    marked = np.empty(len(order), dtype=bool)
    marked[order] = keep
    ends = np.cumsum([len(part) for part in parts])[:-1]
    for part, mine in zip(parts, np.split(marked, ends), strict=True):
        yield part.take(mine)


def _merged(parts: Sequence[Batch]) -> tuple[Ints, Ints]:
    """Lines of all parts, rising, and the order that makes them so."""
    lines = np.concatenate([part.lines for part in parts])
    order = lines.argsort(kind="stable")
    return lines[order], order


def _without(batch: Batch, names: Sequence[str]) -> Batch:
    values = {n: column for n, column in batch.values.items() if n not in names}
    return Batch(batch.pattern, batch.lines, batch.steps, values)
