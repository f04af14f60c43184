"""Which metrics of a run the charts show, and in which order."""

from collections.abc import Sequence
from typing import Final

from parsers.metrics import VALIDATION
from watcher.top.model import Model, Wanted


TRAIN: Final = ("loss", "train_loss")
# Metrics of the small charts, where a run has them.
_FIRST: Final = ("iter_ms", "mfu", "lr", "grad_norm", "tokens_per_s")
_KINDS: Final = (TRAIN, VALIDATION)


def losses(metrics: Sequence[str]) -> tuple[str, ...]:
    """The training loss and the validation loss of a run; another metric without."""
    found = [next((m for m in kind if m in metrics), None) for kind in _KINDS]
    return tuple(m for m in found if m) or tuple(metrics[:1])


def others(metrics: Sequence[str], pinned: Sequence[str] = ()) -> tuple[str, ...]:
    """All metrics but the losses: pinned ones, then those that people watch."""
    first = (m for m in (*pinned, *_FIRST) if m in metrics)
    known = losses(metrics)
    return tuple(m for m in dict.fromkeys((*first, *metrics)) if m not in known)


def chosen(metrics: Sequence[str], chart: str) -> tuple[str, ...]:
    """The metrics of the main chart: one of the others, or the losses."""
    return (chart,) if chart in others(metrics) else losses(metrics)


def following(model: Model) -> str:
    """The metric after that of the main chart; "", the losses, after the last one."""
    rest = others(model.loaded.metrics, model.pinned)
    at = rest.index(model.chart) + 1 if model.chart in rest else 0
    return rest[at] if at < len(rest) else ""


def around(metrics: Sequence[str], wanted: Wanted) -> tuple[str, ...]:
    """The metrics of the small charts, from the one after the main chart on."""
    rest = others(metrics, wanted.pinned)
    at = rest.index(wanted.chart) if wanted.chart in rest else -1
    return (rest[at + 1 :] + rest[: max(at, 0)])[: wanted.small]
