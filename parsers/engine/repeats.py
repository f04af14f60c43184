"""Drops what a log prints again: values that stand, bars that are drawn again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from parsers.batch import Batch, Floats, Ints
from parsers.format import LinePattern


# Lines of ranks stand right behind each other, but for a stray one; of more of one step
# the step is none.
_NEAR: Final = 2
_MOST_RANKS: Final = 64
_SHOWN: Final = ("loss", "running_loss", "epoch_loss", "val_loss", "val_bpb")
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
        fresh: metric of a pattern to its last value.
        once: pattern to its last step.
        same: pattern to the last step and value.
        ranks: pattern to the last line, its step and metrics, and how many were near.
        last: pattern to the record that another one of its step may follow.
        bars: pattern to its progress bar.
    """

    fresh: dict[str, float] = field(default_factory=dict)
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

    def sift(self, pattern: LinePattern, parts: Sequence[Batch]) -> Iterator[Batch]:
        """Without what repeats; parts are templates, their lines interleave."""
        for name in pattern.fresh:
            yield from self._changed(name, [p for p in parts if name in p.values])
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
        if not parts:
            return
        lines, order = _merged(parts)
        steps = np.concatenate([part.steps for part in parts])[order]
        column = np.concatenate([part.values[name] for part in parts])[order]
        known = f"{parts[0].pattern}: {name}"
        before = np.concatenate([[self.fresh.get(known, -np.inf)], column[:-1]])
        self.fresh[known] = float(column[-1])
        same = (column == before) | (np.isnan(column) & np.isnan(before))
        yield Batch(known, lines, steps, {name: column}).take(~same)

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
        part, i = [(p, i) for p in parts for i in range(len(p))][order[-1]]
        self.last[name] = int(part.lines[i]), int(steps[-1]), _values(part, i)

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
        steps = np.concatenate([part.steps for part in parts])[order]
        shown = np.concatenate([_shown(part) for part in parts])[order]
        rows = [(p, i) for p in parts for i in range(len(p))]
        name = parts[0].pattern
        keep = np.zeros(len(steps), dtype=bool)
        # Of the refreshes of one count with one loss the first is enough.
        again = (np.diff(steps) == 0) & (shown[1:] == shown[:-1])
        for at in np.flatnonzero(~np.append(False, again)).tolist():
            step, value = int(steps[at]), float(shown[at])
            bar = self.bars.get(name)
            if bar is None or bar.step != step:
                if bar and bar.waiting and not bar.done:
                    yield single(name, *bar.waiting)
                before = bar.shown if bar else np.nan
                bar = self.bars[name] = _Bar(step, value, before, done=False)
            bar.shown = value
            if bar.done:
                continue
            if value != bar.before:
                keep[at] = bar.done = True
                bar.waiting = None
            elif bar.waiting is None:
                part, i = rows[order[at]]
                bar.waiting = int(part.lines[i]), step, _values(part, i)
        yield from _kept(parts, order, keep)


def single(pattern: str, line: int, step: int, values: Mapping[str, float]) -> Batch:
    """A batch of one record."""
    columns = {name: np.array([value]) for name, value in values.items()}
    return Batch(pattern, np.array([line]), np.array([step]), columns)


def _record(kept: Sequence[Any] | None) -> _Waiting | None:
    return (kept[0], kept[1], kept[2]) if kept else None


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
