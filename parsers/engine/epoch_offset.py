"""Counts on over the epochs where a log counts its steps anew in each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from parsers.batch import Floats
from parsers.engine.templates import Raw


class EpochOffset:
    """Adds the steps of earlier epochs to steps; remembers them over a log's pieces.

    It is for lines that name an epoch and a step, but not how many steps an epoch has.
    The epoch may stand on a line of its own above them (a pattern that gives `epoch`
    and `epoch_no`, and no step).
    Where the epoch rises and the step does not, the count began anew: the epoch before
    had as many steps as N of its last `i/N`, else as its last step.  Where the epoch
    falls, the run did.
    """

    def __init__(self) -> None:
        # The epoch, the step and N of the line before, as printed.
        self._last: list[float] = []
        self._head: float | None = None  # the epoch that such a line named
        self._added = 0.0
        self._known: dict[str, float] = {}  # epoch to what is added in it

    @property
    def names_epochs(self) -> bool:
        """Whether later lines are of an epoch that stands above them."""
        return self._head is not None

    def state(self) -> dict[str, Any]:
        """All of it, of plain JSON types."""
        return vars(self) | {"_known": dict(self._known)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state` was taken."""
        vars(self).update(state)

    def count_on(self, raws: Sequence[Raw]) -> None:
        """Changes the steps of such lines."""
        mine = [raw for raw in raws if _begins_anew(raw)]
        if not mine:
            return
        order = np.concatenate([raw.lines for raw in mine]).argsort(kind="stable")
        steps = np.concatenate([raw.columns["step"] for raw in mine])
        epochs = np.concatenate([raw.columns["epoch_no"] for raw in mine])
        sizes = np.concatenate([_sizes(raw) for raw in mine])
        order = order[~np.isnan(epochs[order])]
        if len(order):
            found = epochs[order], steps[order], sizes[order]
            steps[order] += self._carried(*found)
        ends = np.cumsum([len(raw.lines) for raw in mine])
        for raw, part in zip(mine, np.split(steps, ends[:-1]), strict=True):
            raw.columns["step"] = part

    def name_epochs(self, raws: Sequence[Raw]) -> None:
        """Lines with a step alone are of the epoch that stands above them.

        What they call the number of steps is that of the epoch.
        """
        heads = [raw for raw in raws if _is_head(raw)]
        if not heads and self._head is None:
            return
        lines = np.concatenate([[-1], *(raw.lines for raw in heads)])
        heads_of = [raw.columns["epoch_no"] for raw in heads]
        epochs = np.concatenate([[np.nan], *heads_of])
        order = lines.argsort(kind="stable")
        lines, epochs = lines[order], epochs[order]
        epochs[0] = np.nan if self._head is None else self._head
        for raw in raws:
            if "step" in raw.columns and "epoch_no" not in raw.columns:
                at = np.searchsorted(lines, raw.lines)
                raw.columns["epoch_no"] = named = epochs[at - 1]
                if "max_steps" in raw.columns:
                    stated, unnamed = raw.columns["max_steps"], np.isnan(named)
                    raw.columns["count_of"] = np.where(unnamed, np.nan, stated)
                    raw.columns["max_steps"] = np.where(unnamed, stated, np.nan)
        self._head = float(epochs[-1])

    def _carried(self, epochs: Floats, steps: Floats, sizes: Floats) -> Floats:
        epoch, step, size = [*(self._last or [epochs[0], steps[0]]), 0.0][:3]
        epochs_before = np.concatenate([[epoch], epochs[:-1]])
        steps_before = np.concatenate([[step], steps[:-1]])
        sizes_before = np.concatenate([[size], sizes[:-1]])
        anew = (epochs > epochs_before) & (steps <= steps_before)
        back = epochs < epochs_before
        carried = np.full(len(steps), self._added)
        for i in np.flatnonzero(anew | back).tolist():
            if back[i]:
                self._added = self._known.get(str(epochs[i]), 0.0)
            else:
                # A count from 0 had one step more than its last number.
                counted = steps_before[i] + (steps[i] == 0)
                known = sizes_before[i] >= counted
                self._added += float(sizes_before[i] if known else counted)
                self._known[str(epochs[i])] = self._added
            carried[i:] = self._added
        self._last = [float(epochs[-1]), float(steps[-1]), float(sizes[-1])]
        return carried


def _sizes(raw: Raw) -> Floats:
    """N of `i/N`, 0 where it is not printed."""
    unknown = np.zeros(len(raw.lines))
    return raw.columns.get("count_of", unknown)


def _is_head(raw: Raw) -> bool:
    return raw.columns.keys() == {"epoch", "epoch_no"} and len(raw.lines) > 0


def _begins_anew(raw: Raw) -> bool:
    columns = raw.columns.keys()
    within = {"step", "epoch_no"} <= columns and "per_epoch" not in columns
    return within and len(raw.lines) > 0
