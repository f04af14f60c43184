"""Gives every record its step, wherever the log states it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from parsers.batch import Batch, Floats, Ints
from parsers.engine.epoch_offset import EpochOffset
from parsers.engine.templates import Raw
from parsers.format import WORDS, LinePattern


# Steps are int64; what is longer is no step.
_STEPS_END: Final = float(1 << 62)


class Steps:
    """Settles the steps of one log's records; remembers what later lines need.

    Attributes:
        last: the last step seen, None before the first.
        planned: the number of steps that the log plans, None where it is not stated.
    """

    def __init__(self) -> None:
        self.last: int | None = None
        self.planned: int | None = None
        self._counts: dict[str, int] = {}
        self._waiting: list[tuple[str, int, dict[str, float]]] = []
        self._fresh: dict[str, float] = {}
        self._once: dict[str, int] = {}
        self._bases: dict[str, float] = {}
        self._epoch_offset = EpochOffset()

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of plain JSON types."""
        return {name[1:]: getattr(self, name) for name in _KEPT} | {
            "last": self.last,
            "planned": self.planned,
            "carry": self._epoch_offset.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state` was taken."""
        for name in _KEPT:
            setattr(self, name, state[name[1:]])
        self._waiting = [(s, n, v) for s, n, v in self._waiting]
        self.last, self.planned = state["last"], state["planned"]
        self._epoch_offset.restore(state["carry"])

    def settle(self, raws: Sequence[Raw]) -> list[Batch]:
        """Records with steps; those that wait for the next step may come later."""
        self._note_bases(raws)
        self._note_plan(raws)
        self._epoch_offset.count_on(raws)
        owned = [self._own(raw) for raw in raws]
        lines, steps = _anchors(raws, owned)
        batches = [*self._arrived(lines, steps)]
        repeating: dict[str, tuple[LinePattern, list[Batch]]] = {}
        for raw, own in zip(raws, owned, strict=True):
            records = self._records(raw, own, lines, steps)
            if raw.pattern.once or raw.pattern.fresh:
                repeating.setdefault(raw.pattern.name, (raw.pattern, []))[1].append(
                    records
                )
            else:
                batches.append(records)
        for pattern, parts in repeating.values():
            batches += self._sifted(pattern, [part for part in parts if len(part)])
        if len(steps):
            self.last = int(steps[-1])
        return [batch for batch in batches if len(batch)]

    def flush(self) -> list[Batch]:
        """What waited for a step that never came: it would have been the next."""
        step = 0 if self.last is None else self.last + 1
        waiting, self._waiting = self._waiting, []
        return [_single(pattern, line, step, v) for pattern, line, v in waiting]

    def _arrived(self, lines: Ints, steps: Ints) -> Iterator[Batch]:
        if not len(lines):
            return
        waiting, self._waiting = self._waiting, []
        for pattern, line, values in waiting:
            yield _single(pattern, line, int(steps[0]), values)

    def _records(self, raw: Raw, own: Ints | None, lines: Ints, steps: Ints) -> Batch:
        values = {n: c for n, c in raw.columns.items() if n not in WORDS}
        if raw.pattern.step == "none" or not values:
            return Batch(raw.pattern.name, raw.lines[:0], raw.lines[:0], {})
        if own is None and raw.pattern.step == "next":
            return self._next(raw, values, lines, steps)
        if own is None and raw.pattern.step == "count":
            own = self._counted(raw)
        if own is None:
            own = self._previous(raw, lines, steps)
        return Batch(raw.pattern.name, raw.lines, own, values)

    def _previous(self, raw: Raw, lines: Ints, steps: Ints) -> Ints:
        first = np.array([self.last or 0], dtype=np.int64)
        at = np.searchsorted(lines, raw.lines, side="left")
        return np.concatenate([first, steps])[at] + raw.pattern.shift

    def _counted(self, raw: Raw) -> Ints:
        before = self._counts.get(raw.pattern.name, 0)
        self._counts[raw.pattern.name] = before + len(raw.lines)
        return np.arange(len(raw.lines), dtype=np.int64) + before + 1

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

    def _sifted(self, pattern: LinePattern, parts: Sequence[Batch]) -> Iterator[Batch]:
        """Without what repeats; parts are templates, their lines interleave."""
        for name in pattern.fresh:
            yield from self._changed(name, [p for p in parts if name in p.values])
        rest = [_without(part, pattern.fresh) for part in parts]
        rest = [part for part in rest if part.values]
        if not pattern.once:
            yield from rest
        elif rest:
            yield from self._first_of_steps(rest)

    def _changed(self, name: str, parts: Sequence[Batch]) -> Iterator[Batch]:
        """One metric where it is another than before, as a pattern of its own."""
        if not parts:
            return
        lines, order = _merged(parts)
        steps = np.concatenate([part.steps for part in parts])[order]
        column = np.concatenate([part.values[name] for part in parts])[order]
        known = f"{parts[0].pattern}: {name}"
        before = np.concatenate([[self._fresh.get(known, -np.inf)], column[:-1]])
        self._fresh[known] = float(column[-1])
        same = (column == before) | (np.isnan(column) & np.isnan(before))
        yield Batch(known, lines, steps, {name: column}).take(~same)

    def _first_of_steps(self, parts: Sequence[Batch]) -> Iterator[Batch]:
        _, order = _merged(parts)
        steps = np.concatenate([part.steps for part in parts])[order]
        before = self._once.get(parts[0].pattern, -1)
        self._once[parts[0].pattern] = int(steps[-1])
        new = np.empty(len(steps), dtype=bool)
        new[order] = np.diff(steps, prepend=before) != 0
        ends = np.cumsum([len(part) for part in parts])[:-1]
        for part, keep in zip(parts, np.split(new, ends), strict=True):
            yield part.take(keep)

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
        stated = {
            int(raw.lines[-1]): float(raw.columns["max_steps"][-1])
            for raw in raws
            if len(raw.lines) and "max_steps" in raw.columns
        }
        if stated:
            self.planned = int(
                np.clip(np.nan_to_num(stated[max(stated)]), 0, _STEPS_END)
            )

    def _own(self, raw: Raw) -> Ints | None:
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


_KEPT = ("_counts", "_waiting", "_fresh", "_once", "_bases")


def _anchors(raws: Sequence[Raw], owned: Sequence[Ints | None]) -> tuple[Ints, Ints]:
    """Lines that state a step, with it, in the order of the log."""
    own = [
        (r.lines, steps)
        for r, steps in zip(raws, owned, strict=True)
        if steps is not None
    ]
    if not own:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    if len(own) == 1:
        return own[0]
    lines = np.concatenate([line for line, _ in own])
    order = lines.argsort(kind="stable")
    return lines[order], np.concatenate([steps for _, steps in own])[order]


def _merged(parts: Sequence[Batch]) -> tuple[Ints, Ints]:
    """Lines of all parts, rising, and the order that makes them so."""
    lines = np.concatenate([part.lines for part in parts])
    order = lines.argsort(kind="stable")
    return lines[order], order


def _without(batch: Batch, names: Sequence[str]) -> Batch:
    values = {n: column for n, column in batch.values.items() if n not in names}
    return Batch(batch.pattern, batch.lines, batch.steps, values)


def _single(pattern: str, line: int, step: int, values: Mapping[str, float]) -> Batch:
    columns = {name: np.array([value]) for name, value in values.items()}
    return Batch(pattern, np.array([line]), np.array([step]), columns)
