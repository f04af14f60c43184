"""Records out of named values, for the readers of structured lines."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from parsers.batch import Batch
from parsers.keyvalue.vocabulary import Key, is_curve
from parsers.metrics import OF_SET


# Steps are int64; anything longer is no step.
_STEPS_END: Final = 1 << 62
_HELD_OUT: Final = {
    "loss": "val_loss",
    "accuracy": "val_accuracy",
    "train_ppl": "val_ppl",
}


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
    ranks: dict[str, int] = {}
    values: dict[str, float] = {}
    for key, value in found:
        name, rank = key.name, key.rank
        if name not in ranks or rank < ranks[name]:
            ranks[name], values[name] = rank, value * key.scale
    step, planned = values.pop("step", None), values.pop("max_steps", None)
    if "val_loss" in values:  # beside a whole they are its parts
        values = {n: v for n, v in values.items() if not n.startswith(OF_SET)}
    if held_out:
        values = {_HELD_OUT.get(name, name): value for name, value in values.items()}
    elif "generator_loss" in values and not any(map(is_curve, values)):
        values["loss"] = values["generator_loss"]  # it stands for that of the training
    return Entry(values, _whole(step), _whole(planned))


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

    def step(self, found: Entry) -> int:
        """The step of an entry that is the next record."""
        self._count += 1
        self.planned = found.planned or self.planned
        self.last = self._step(found)
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

    def _step(self, found: Entry) -> int:
        if found.step is not None:
            self._stated = True
            return found.step
        if self._stated:
            return self.last
        epoch = found.values.get("epoch")
        if epoch is None or self._counted or not epoch.is_integer():
            self._counted |= epoch is not None
            return self._count
        whole = _whole(epoch)
        return self._count if whole is None else whole


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


def _whole(value: float | None) -> int | None:
    if value is None or not math.isfinite(value) or abs(value) >= _STEPS_END:
        return None
    return int(value)
