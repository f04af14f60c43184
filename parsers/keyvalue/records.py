"""Records out of named values, for the readers of structured lines."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Batch, Floats, Ints
from parsers.keyvalue.vocabulary import Key, is_curve
from parsers.metrics import OF_SET


# Steps are int64; anything longer is no step.
_STEPS_END: Final = 1 << 62
_HELD_OUT: Final = {
    "loss": "val_loss",
    "accuracy": "val_accuracy",
    "train_ppl": "val_ppl",
}


_T = TypeVar("_T")


@dataclass(slots=True)
class Entry:
    """What one line, row or object states.

    Attributes:
        values: metric to value.
        step: None where it names none.
        planned: number of steps, None where it is not stated.
        run: the name of the run that it is of, "" where none is stated.
    """

    values: dict[str, float] = field(default_factory=dict)
    step: int | None = None
    planned: int | None = None
    run: str = ""

    @property
    def curve(self) -> bool:
        """Whether it holds a point of a loss curve."""
        return any(map(is_curve, self.values))


def entry(found: Iterable[tuple[Key, float]], *, held_out: bool = False) -> Entry:
    """Of several keys with one meaning the plainest holds the value.

    Arguments:
        found: keys that are known, with their values.
        held_out: whether the values are of held-out data, whatever their keys are.
    """
    values = {k.name: value * k.scale for k, value in plainest(found).values()}
    step, planned = values.pop("step", None), values.pop("max_steps", None)
    values = as_meant(values, held_out=held_out)
    return Entry(values, whole(step), whole(planned))


def plainest(found: Iterable[tuple[Key, _T]]) -> dict[str, tuple[Key, _T]]:
    """By metric, what stands under the plainest of its keys."""
    chosen: dict[str, tuple[Key, _T]] = {}
    for key, value in found:
        if key.name not in chosen or key.rank < chosen[key.name][0].rank:
            chosen[key.name] = key, value
    return chosen


def as_meant(values: Mapping[str, _T], *, held_out: bool) -> dict[str, _T]:
    """The metrics of a record, as all of them together show what each is."""
    if "val_loss" in values:  # beside a whole they are its parts
        values = {n: v for n, v in values.items() if not n.startswith(OF_SET)}
    if held_out:
        return {_HELD_OUT.get(name, name): value for name, value in values.items()}
    if "generator_loss" in values and not any(map(is_curve, values)):
        # It stands for that of the training.
        return {**values, "loss": values["generator_loss"]}
    return dict(values)


class Axis:
    """The step of each entry, wherever it stands.

    It is what they call step, a whole epoch where they know no step, or their number.

    Attributes:
        last: the step before, 0 at the beginning.
        planned: number of steps that the log plans, None where it is not stated.
    """

    def __init__(self) -> None:
        self.last = 0
        self.planned: int | None = None
        self._count = 0
        self._stated = False  # some entry named its step
        self._counted = False  # some epoch had a fraction

    def steps(self, stated: Floats, planned: Floats, epochs: Floats) -> Ints:
        """The steps of the next entries, out of what they state; NaN is nothing."""
        plans = planned[_is_whole(planned) & (planned != 0)]
        self.planned = int(plans[-1]) if len(plans) else self.planned
        known = _is_whole(stated)
        steps = np.where(known, stated, self.last).astype(np.int64)
        # Those before the first that states its step are counted.
        counted = 0 if self._stated else len(steps)
        if known.any():
            counted = min(counted, int(known.argmax()))
            self._stated = True
        latest = np.maximum.accumulate(np.where(known, np.arange(len(steps)), -1))
        steps = np.where(latest < 0, self.last, steps[latest])
        for i, epoch in enumerate(epochs[:counted].tolist()):
            steps[i] = self._counted_step(self._count + i + 1, epoch)
        self._count += len(steps)
        self.last = int(steps[-1]) if len(steps) else self.last
        return steps

    def step(self, found: Entry) -> int:
        """The step of a single entry, as `steps` gives it."""
        self._count += 1
        self.planned = found.planned or self.planned
        if found.step is not None:
            self._stated, self.last = True, found.step
        elif not self._stated:
            epoch = found.values.get("epoch", math.nan)
            self.last = self._counted_step(self._count, epoch)
        return self.last

    def restart(self) -> None:
        """What follows is another training."""
        self._count = 0
        self._stated = self._counted = False

    def state(self) -> dict[str, Any]:
        """All of it, of plain JSON types."""
        return dict(vars(self))

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state` was taken."""
        vars(self).update(state)

    def _counted_step(self, count: int, epoch: float) -> int:
        if math.isnan(epoch) or self._counted or not epoch.is_integer():
            self._counted |= not math.isnan(epoch)
            return count
        return count if abs(epoch) >= _STEPS_END else int(epoch)


class Records:
    """Gathers records into batches."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, tuple[str, ...]], list[tuple[int, int, Any]]] = {}

    def add(
        self, pattern: str, line: int, step: int, values: Mapping[str, float]
    ) -> None:
        """One more record; lines of a pattern rise."""
        if values:
            names = tuple(sorted(values))
            row = (line, step, [values[name] for name in names])
            self._rows.setdefault((pattern, names), []).append(row)

    def batches(self) -> list[Batch]:
        """All of them, those of one pattern and one set of metrics together."""
        return [_batch(*kind, rows) for kind, rows in self._rows.items()]


def _batch(pattern: str, names: tuple[str, ...], rows: Iterable[Any]) -> Batch:
    lines, steps, values = zip(*rows, strict=True)
    table = np.array(values, dtype=np.float64).T
    return Batch(
        pattern,
        np.array(lines, dtype=np.int64),
        np.array(steps, dtype=np.int64),
        dict(zip(names, table, strict=True)),
    )


def _is_whole(values: Floats) -> NDArray[np.bool_]:
    """Which of them may be steps."""
    with np.errstate(invalid="ignore"):
        return np.abs(values) < _STEPS_END


def whole(value: float | None) -> int | None:
    """A number as a step; None where it is none."""
    if value is None or not math.isfinite(value) or abs(value) >= _STEPS_END:
        return None
    return int(value)
