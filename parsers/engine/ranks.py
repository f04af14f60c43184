"""Follows one process of several that print the same records to one log."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from parsers.engine.templates import Raw


# After so many records of others the process has gone: a resumed run has new ranks.
_PATIENCE: Final = 64


class Ranks:
    """Leaves out what other ranks print than the one that printed first."""

    def __init__(self) -> None:
        self._rank: float | None = None
        self._others = 0  # records of others since its last one

    def state(self) -> dict[str, Any]:
        """All of it, of plain JSON types."""
        return dict(vars(self))

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state` was taken."""
        vars(self).update(state)

    def of_one(self, raws: Sequence[Raw]) -> list[Raw]:
        """The records of the rank that is followed, and those that name none."""
        ranked = [raw for raw in raws if "rank" in raw.columns and len(raw.lines)]
        if not ranked:
            return list(raws)
        lines = np.concatenate([raw.lines for raw in ranked])
        ranks = np.concatenate([raw.columns["rank"] for raw in ranked])
        order = lines.argsort(kind="stable")
        keep = np.empty(len(lines), dtype=bool)
        keep[order] = self._followed(ranks[order].tolist())
        if keep.all():
            return list(raws)
        ends = np.cumsum([len(raw.lines) for raw in ranked])[:-1]
        kept = dict(zip(map(id, ranked), np.split(keep, ends), strict=True))
        return [_take(raw, kept[id(raw)]) if id(raw) in kept else raw for raw in raws]

    def _followed(self, ranks: Sequence[float]) -> list[bool]:
        keep = []
        for rank in ranks:
            if self._rank is None or self._others >= _PATIENCE:
                self._rank = rank
            mine = rank == self._rank
            self._others = 0 if mine else self._others + 1
            keep.append(mine)
        return keep


def _take(raw: Raw, keep: Any) -> Raw:
    columns = {name: column[keep] for name, column in raw.columns.items()}
    return Raw(raw.pattern, raw.lines[keep], columns)
