"""Gives every record its step, wherever the log says it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from parsers.batch import Batch, Floats, Ints
from parsers.shape import WORDS
from parsers.templates import Raw


# Steps are int64; what is longer is no step.
_STEPS_END: Final = float(1 << 62)


class Steps:
    """Settles the steps of one log's records; remembers what later lines need.

    Attributes:
        last: the last step seen, None before the first.
        planned: the number of steps that the log plans, None where it does not say.
    """

    def __init__(self) -> None:
        self.last: int | None = None
        self.planned: int | None = None
        self._counts: dict[str, int] = {}
        self._waiting: list[tuple[str, int, dict[str, float]]] = []
        self._fresh: dict[str, float] = {}
        self._once: dict[str, int] = {}
        self._bases: dict[str, float] = {}

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of plain JSON types."""
        return {name[1:]: getattr(self, name) for name in _KEPT} | {
            "last": self.last,
            "planned": self.planned,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state` was taken."""
        for name in _KEPT:
            setattr(self, name, state[name[1:]])
        self._waiting = [(s, n, v) for s, n, v in self._waiting]
        self.last, self.planned = state["last"], state["planned"]

    def settle(self, raws: Sequence[Raw]) -> list[Batch]:
        """Records with steps; those that wait for the next step may come later."""
        self._note_bases(raws)
        lines, steps = self._anchors(raws)
        batches = [*self._arrived(lines, steps)]
        for raw in raws:
            batches += self._records(raw, lines, steps)
        if len(steps):
            self.last = int(steps[-1])
        return batches

    def flush(self) -> list[Batch]:
        """What waited for a step that never came: it would have been the next."""
        step = 0 if self.last is None else self.last + 1
        waiting, self._waiting = self._waiting, []
        return [_single(shape, line, step, v) for shape, line, v in waiting]

    def _arrived(self, lines: Ints, steps: Ints) -> Iterator[Batch]:
        if not len(lines):
            return
        waiting, self._waiting = self._waiting, []
        for shape, line, values in waiting:
            yield _single(shape, line, int(steps[0]), values)

    def _records(self, raw: Raw, lines: Ints, steps: Ints) -> list[Batch]:
        planned = raw.columns.get("max_steps")
        if planned is not None and len(planned) and np.isfinite(planned[-1]):
            self.planned = int(planned[-1])
        values = {n: c for n, c in raw.columns.items() if n not in WORDS}
        if raw.shape.step == "none" or not values:
            return []
        own = self._own(raw)
        if own is not None:
            batch = Batch(raw.shape.name, raw.lines, own, values)
        elif raw.shape.step == "next":
            batch = self._next(raw, values, lines, steps)
        elif raw.shape.step == "count":
            batch = Batch(raw.shape.name, raw.lines, self._counted(raw), values)
        else:
            batch = Batch(
                raw.shape.name, raw.lines, self._previous(raw, lines, steps), values
            )
        return [b for b in self._sifted(raw, batch) if len(b)]

    def _previous(self, raw: Raw, lines: Ints, steps: Ints) -> Ints:
        first = np.array([self.last or 0], dtype=np.int64)
        at = np.searchsorted(lines, raw.lines, side="left")
        return np.concatenate([first, steps])[at] + raw.shape.shift

    def _counted(self, raw: Raw) -> Ints:
        before = self._counts.get(raw.shape.name, 0)
        self._counts[raw.shape.name] = before + len(raw.lines)
        return np.arange(len(raw.lines), dtype=np.int64) + before + 1

    def _next(
        self, raw: Raw, values: dict[str, Floats], lines: Ints, steps: Ints
    ) -> Batch:
        at = np.searchsorted(lines, raw.lines, side="right")
        known = at < len(lines)
        for i in np.flatnonzero(~known).tolist():
            kept = {name: float(column[i]) for name, column in values.items()}
            self._waiting.append((raw.shape.name, int(raw.lines[i]), kept))
        found = steps[at[known]] + raw.shape.shift
        columns = {name: column[known] for name, column in values.items()}
        return Batch(raw.shape.name, raw.lines[known], found, columns)

    def _sifted(self, raw: Raw, batch: Batch) -> Iterator[Batch]:
        if raw.shape.once:
            batch = self._first_of_step(batch)
        stale = [name for name in raw.shape.fresh if name in batch.values]
        for name in stale:
            column = batch.values[name]
            before = np.concatenate([[self._fresh.get(name, np.nan)], column[:-1]])
            if len(column):
                self._fresh[name] = float(column[-1])
            changed = Batch(batch.shape, batch.lines, batch.steps, {name: column})
            yield changed.take(column != before)
        rest = {n: c for n, c in batch.values.items() if n not in stale}
        if rest:
            yield Batch(batch.shape, batch.lines, batch.steps, rest)

    def _note_bases(self, raws: Sequence[Raw]) -> None:
        """Some versions of a program number their epochs from 0, not as its shape."""
        first = {
            int(raw.lines[0]): (raw.shape, float(raw.columns["epoch_no"][0]))
            for raw in raws
            if len(raw.lines) and "epoch_no" in raw.columns
        }
        for at in sorted(first):
            shape, epoch = first[at]
            self._bases.setdefault(shape.name, min(epoch, shape.epoch_base))

    def _own(self, raw: Raw) -> Ints | None:
        printed = raw.columns.get("step")
        if printed is None:
            return None
        epoch, size = raw.columns.get("epoch_no"), raw.columns.get("per_epoch")
        if epoch is not None and size is not None:
            # Iterations are counted within an epoch: the axis counts on.
            printed = printed + (epoch - self._bases[raw.shape.name]) * size
        whole = np.clip(np.nan_to_num(printed), -_STEPS_END, _STEPS_END)
        return whole.astype(np.int64) + raw.shape.shift

    def _anchors(self, raws: Sequence[Raw]) -> tuple[Ints, Ints]:
        """Lines that state a step, with it, in the order of the log."""
        own = [
            (raw.lines, steps) for raw in raws if (steps := self._own(raw)) is not None
        ]
        if not own:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        lines = np.concatenate([line for line, _ in own])
        order = lines.argsort(kind="stable")
        return lines[order], np.concatenate([steps for _, steps in own])[order]

    def _first_of_step(self, batch: Batch) -> Batch:
        before = self._once.get(batch.shape, -1)
        new = np.diff(batch.steps, prepend=before) != 0
        if len(batch):
            self._once[batch.shape] = int(batch.steps[-1])
        return batch.take(new)


_KEPT = ("_counts", "_waiting", "_fresh", "_once", "_bases")


def _single(shape: str, line: int, step: int, values: Mapping[str, float]) -> Batch:
    columns = {name: np.array([value]) for name, value in values.items()}
    return Batch(shape, np.array([line]), np.array([step]), columns)
