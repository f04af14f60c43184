"""Gives every record its step, wherever the log states it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from parsers.batch import Batch, Floats, Ints
from parsers.engine import plain, stamps
from parsers.engine.anchors import anchors, note_left
from parsers.engine.epoch_offset import EpochOffset
from parsers.engine.ranks import Ranks
from parsers.engine.repeats import Repeats, single
from parsers.engine.templates import Raw
from parsers.format import WORDS, LinePattern


# Steps are int64; what is longer is no step.
_STEPS_END: Final = float(1 << 62)
_NO_LINE: Final = 1 << 62
_NO_COUNTS: Final = np.empty(0)
_NO_METRICS: Final = {*WORDS, *stamps.WORDS}


class Steps:
    """Settles the steps of one log's records; remembers what later lines need.

    Attributes:
        last: the last step seen, None before the first.
        planned: the number of steps that the log plans, None where it is not stated.
    """

    def __init__(self, patterns: Sequence[LinePattern] = ()) -> None:
        self.last: int | None = None
        self.planned: int | None = None
        self._counts: dict[str, int] = {}
        self._waiting: list[tuple[str, int, dict[str, float]]] = []
        self._bases: dict[str, float] = {}
        self._end: int | None = None  # of the epoch, where the next step is beyond it
        self._interval = 0.0  # between the last two steps; 0 until known
        self._patterns = {pattern.name: pattern for pattern in patterns}
        # Records of the metrics that others stand in for.
        self._own = {t: 0 for p in patterns for t in p.stands_in.values()}
        self._restates = any(pattern.restates >= 0 for pattern in patterns)
        self._ranks = Ranks()
        self._epoch_offset = EpochOffset()
        self._repeats = Repeats()
        self._clock = stamps.Clock()

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of plain JSON types."""
        return {name[1:]: getattr(self, name) for name in _KEPT} | {
            "last": self.last,
            "planned": self.planned,
            "followed": self._ranks.state(),
            "carry": self._epoch_offset.state(),
            "clock": self._clock.state(),
            **self._repeats.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state` was taken."""
        for name in _KEPT:
            setattr(self, name, state.get(name[1:], getattr(self, name)))
        self._waiting = [(s, n, v) for s, n, v in self._waiting]
        self.last, self.planned = state["last"], state["planned"]
        self._ranks.restore(state.get("followed", {}))  # older states have none
        self._epoch_offset.restore(state["carry"])
        self._repeats.restore(state)
        if "clock" in state:
            self._clock.restore(state["clock"])

    def settle(self, raws: Sequence[Raw]) -> list[Batch]:
        """Records with steps; those that wait for the next step may come later."""
        if len(raws) == 1 and self._is_idle and plain.is_plain(raws[0]):
            return [self._plain(raws[0])]
        raws = self._ranks.of_one(raws)
        self._note_bases(raws)
        self._epoch_offset.name_epochs(raws)
        self._note_plan(raws)
        note_left(raws)
        self._epoch_offset.count_on(raws)
        owned = [self._stated(raw) for raw in raws]
        counted = self._counted(raws, owned)
        lines, steps, left = anchors(raws, owned)
        ends = self._ends(steps, left)
        found = [*self._arrived(lines, steps)]
        for raw, own, count in zip(raws, owned, counted, strict=True):
            given = own if count is None else count
            found.append(self._records(raw, given, lines, steps, ends))
        timed = [
            (raw.lines, own, raw.columns)
            for raw, own in zip(raws, owned, strict=True)
            if own is not None
        ]
        batches = self._stand_in(raws, self._sift(raws, found))
        batches.append(self._clock.read(timed))
        if len(steps):
            self.last, self._end = int(steps[-1]), _whole(ends[-1])
        return [batch for batch in batches if len(batch)]

    @property
    def _is_idle(self) -> bool:
        """Whether no line that was read has a say in the records of later ones."""
        waits = self._waiting or self._epoch_offset.names_epochs
        return not waits and not self._restates

    def _plain(self, raw: Raw) -> Batch:
        """What `settle` finds in a few lines that state all that their records need."""
        batch = plain.batch(raw)
        steps = batch.steps.tolist()
        before = steps[0] if self.last is None else self.last
        self._interval = plain.interval(before, steps) or self._interval
        self.last, self._end = steps[-1], None
        for target in self._own.keys() & raw.columns.keys():
            self._end_of_standing_in(target, [raw.lines])
        return batch

    def _sift(self, raws: Sequence[Raw], found: Sequence[Batch]) -> list[Batch]:
        """Without what repeats."""
        patterns = self._patterns | {raw.pattern.name: raw.pattern for raw in raws}
        batches = [b for b in found if not patterns[b.pattern].repeats]
        repeating: dict[str, list[Batch]] = {
            name: [] for name, pattern in patterns.items() if pattern.restates >= 0
        }
        for batch in found:
            if len(batch) and patterns[batch.pattern].repeats:
                repeating.setdefault(batch.pattern, []).append(batch)
        for name, parts in repeating.items():
            others = [batch for batch in found if batch.pattern != name]
            batches += self._repeats.sift(patterns[name], parts, others)
        return batches

    def flush(self) -> list[Batch]:
        """What waited for a step that never came: it would have been the next."""
        step = 0 if self.last is None else self.last + 1
        waiting, self._waiting = self._waiting, []
        late = [single(pattern, line, step, v) for pattern, line, v in waiting]
        return late + list(self._repeats.flush())

    def _arrived(self, lines: Ints, steps: Ints) -> Iterator[Batch]:
        if not len(lines):
            return
        waiting, self._waiting = self._waiting, []
        for pattern, line, values in waiting:
            yield single(pattern, line, int(steps[0]), values)

    def _records(
        self, raw: Raw, own: Ints | None, lines: Ints, steps: Ints, ends: Floats
    ) -> Batch:
        values = {n: c for n, c in raw.columns.items() if n not in _NO_METRICS}
        if raw.pattern.step == "none" or not values:
            return Batch(raw.pattern.name, raw.lines[:0], raw.lines[:0], {})
        if own is None and raw.pattern.step == "next":
            return self._next(raw, values, lines, steps)
        if own is None:
            own = self._previous(raw, lines, steps, ends)
        return Batch(raw.pattern.name, raw.lines, own, values)

    def _previous(self, raw: Raw, lines: Ints, steps: Ints, ends: Floats) -> Ints:
        if raw.pattern.step == "epoch end":
            steps = np.where(np.isnan(ends), steps, ends).astype(np.int64)
        last = self._end if raw.pattern.step == "epoch end" else None
        first = np.array([self.last or 0 if last is None else last], dtype=np.int64)
        at = np.searchsorted(lines, raw.lines, side="left")
        return np.concatenate([first, steps])[at] + raw.pattern.shift

    def _ends(self, steps: Ints, left: Floats) -> Floats:
        """The end of the epoch of each step, NaN where another step comes before it."""
        if not len(steps):
            return left
        before = steps[0] if self.last is None else self.last
        gaps = np.diff(steps, prepend=before).astype(np.float64)
        known = np.where(gaps > 0, np.arange(len(gaps)), -1)
        latest = np.maximum.accumulate(known)
        intervals = np.where(latest < 0, self._interval, gaps[latest])
        self._interval = float(intervals[-1])
        is_last = (intervals == 0) | (left <= intervals)
        return np.where(is_last, steps + left, np.nan)

    def _stand_in(self, raws: Sequence[Raw], batches: Sequence[Batch]) -> list[Batch]:
        """Gives metrics the name that they stand in for until it has its own records.

        One loss of a step may be that of the first step only; a validation is one.
        """
        roles = {name: p.stands_in for name, p in self._patterns.items()}
        ends: dict[str, int] = {}
        for target in self._own:
            own = [raw.lines for raw in raws if target in raw.columns]
            ends[target] = self._end_of_standing_in(target, own)
        return [
            part
            for batch in batches
            for part in _renamed(batch, roles.get(batch.pattern, {}), ends)
        ]

    def _end_of_standing_in(self, target: str, own: Sequence[Ints]) -> int:
        """The line from which on a metric has records of its own."""
        need = (2 if target == "loss" else 1) - self._own[target]
        if need <= 0:
            return -1
        lines = np.sort(np.concatenate(own)) if own else np.empty(0, np.int64)
        self._own[target] += len(lines)
        return int(lines[need - 1]) if len(lines) >= need else _NO_LINE

    def _counted(
        self, raws: Sequence[Raw], owned: Sequence[Ints | None]
    ) -> list[Ints | None]:
        """Numbers for the records of patterns that count, in the order of the log.

        Records of one pattern with other fields are another `Raw`.
        """
        alike: dict[str, list[int]] = {}
        for i, (raw, own) in enumerate(zip(raws, owned, strict=True)):
            if own is None and raw.pattern.step == "count":
                alike.setdefault(raw.pattern.name, []).append(i)
        counted: list[Ints | None] = [None] * len(raws)
        for name, members in alike.items():
            lines = np.sort(np.concatenate([raws[i].lines for i in members]))
            before = self._counts.get(name, 0)
            self._counts[name] = before + len(lines)
            for i in members:
                counted[i] = lines.searchsorted(raws[i].lines) + before + 1
        return counted

    def _next(
        self, raw: Raw, values: dict[str, Floats], lines: Ints, steps: Ints
    ) -> Batch:
        at = np.searchsorted(lines, raw.lines, side="right")
        known = at < len(lines)
        for i in np.flatnonzero(~known).tolist():
            kept = {name: float(column[i]) for name, column in values.items()}
            self._waiting.append((raw.pattern.name, int(raw.lines[i]), kept))
        found = steps[at[known]] + raw.pattern.shift
        columns = {name: column[known] for name, column in values.items()}
        return Batch(raw.pattern.name, raw.lines[known], found, columns)

    def _note_bases(self, raws: Sequence[Raw]) -> None:
        """Some versions of a program number their epochs from 0, not as its pattern."""
        first = {
            int(raw.lines[0]): (raw.pattern, float(raw.columns["epoch_no"][0]))
            for raw in raws
            if len(raw.lines) and "epoch_no" in raw.columns
        }
        for at in sorted(first):
            pattern, epoch = first[at]
            self._bases.setdefault(pattern.name, min(epoch, pattern.epoch_base))

    def _note_plan(self, raws: Sequence[Raw]) -> None:
        """The last line that states the number of steps is right."""
        stated: dict[int, float] = {}
        for raw in raws:
            counts = raw.columns.get("max_steps", _NO_COUNTS)
            known = np.flatnonzero(counts >= 1)  # not of NaN
            if len(known):
                stated[int(raw.lines[known[-1]])] = float(counts[known[-1]])
        if stated:
            self.planned = int(min(stated[max(stated)], _STEPS_END))

    def _stated(self, raw: Raw) -> Ints | None:
        printed = raw.columns.get("step")
        if printed is None:
            return None
        epoch, size = raw.columns.get("epoch_no"), raw.columns.get("per_epoch")
        if epoch is not None and size is not None:
            # Iterations are counted within an epoch: the axis counts on.
            printed = printed + (epoch - self._bases[raw.pattern.name]) * size
        known = np.where(np.isnan(printed), 0.0, printed)
        whole = np.minimum(np.maximum(known, -_STEPS_END), _STEPS_END)
        return whole.astype(np.int64) + raw.pattern.shift


_KEPT = ("_counts", "_waiting", "_bases", "_end", "_interval", "_own")


def _renamed(
    batch: Batch, role: Mapping[str, str], ends: Mapping[str, int]
) -> Sequence[Batch]:
    names = {
        n: t for n, t in role.items() if n in batch.values and t not in batch.values
    }
    end = min((ends[target] for target in names.values()), default=-1)
    if end < 0:
        return [batch]
    early, late = batch.take(batch.lines < end), batch.take(batch.lines >= end)
    values = {names.get(n, n): column for n, column in early.values.items()}
    early = Batch(f"{batch.pattern}*", early.lines, early.steps, values)
    return [part for part in (early, late) if len(part)]


def _whole(value: float) -> int | None:
    return None if np.isnan(value) else int(value)
