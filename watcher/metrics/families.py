"""The table of metrics: names, help, and where each value of a run comes from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from parsers.metrics import METRICS
from watcher.storage.rows import Row


_MS: Final = 1000.0
_PERCENT: Final = 100.0
_RECENT: Final = 64


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its metrics see it.

    Attributes:
        row: of the database.
        labels: its name and project as labels; different for each run.
        summary: figures of the last analysis, by name.
        unread: bytes in the log that are not read yet.
    """

    row: Row
    labels: str
    summary: Mapping[str, Any]
    unread: int

    def latest(self, *names: str) -> float | None:
        """The last value of the first metric that the log has."""
        for name in names:
            if name in self.row.latest:
                return float(self.row.latest[name])
        return None

    def since_best(self) -> float | None:
        """Steps since the best evaluation."""
        best, last = self.summary.get("best_val_step"), self.summary.get("last_step")
        return None if best is None or last is None else max(0, last - best)


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of a run.

    Attributes:
        name: of its family, with the unit.
        help: one line for people.
        value: of a run, None where its log does not state it.
        unit_of: the metric of the log whose unit is a label, "" for no such label.
    """

    name: str
    help: str
    value: Callable[[Run], float | None]
    unit_of: str = ""


def _figure(name: str, divided_by: float = 1.0) -> Callable[[Run], float | None]:
    """A figure of the summary in base units."""

    def value(run: Run) -> float | None:
        found = run.summary.get(name)
        return None if found is None else found / divided_by

    return value


_mean_s: Final = _figure("mean_ms", _MS)


def _since_best_s(run: Run) -> float | None:
    steps, seconds = run.since_best(), _mean_s(run)
    return None if steps is None or seconds is None else steps * seconds


def _wasted(run: Run) -> float | None:
    """The share of its steps that an overfitting run made after its best one."""
    steps, last = run.since_best(), run.summary.get("last_step")
    if steps is None or not last:
        return None
    return steps / last if run.summary.get("verdict") == "overfitting" else 0.0


def _last_line_at(run: Run) -> float | None:
    cursor = run.row.cursor
    return cursor.mtime_ns / 1e9 if cursor is not None and cursor.mtime_ns else None


def _usual_gap_s(run: Run) -> float | None:
    gaps = run.row.state.get("gaps")
    return median(gaps[-_RECENT:]) if gaps else None


def _help(name: str) -> str:
    return METRICS[name].meaning


# The first ones stay when a run has more series than it may have.
FIGURES: Final = (
    Figure("step", "last step of the log", lambda r: r.latest("step")),
    Figure(
        "loss", _help("loss"), lambda r: r.latest("loss", "train_loss"), unit_of="loss"
    ),
    Figure(
        "validation_loss",
        "validation loss of the last evaluation",
        _figure("final_val"),
        unit_of="val",
    ),
    Figure(
        "best_validation_loss",
        "lowest validation loss",
        _figure("best_val"),
        unit_of="val",
    ),
    Figure(
        "best_step",
        "step of the lowest validation loss",
        _figure("best_val_step"),
    ),
    Figure("last_line_timestamp_seconds", "last change of the log", _last_line_at),
    Figure(
        "expected_line_seconds",
        "median time between the last 64 changes of the log",
        _usual_gap_s,
    ),
    Figure("unread_bytes", "bytes of the log not read yet", lambda r: float(r.unread)),
    Figure("tokens_per_second", "typical throughput", _figure("tokens_per_s")),
    Figure(
        "iteration_seconds",
        "typical time of an iteration, without pauses",
        _figure("typical_ms", _MS),
    ),
    Figure(
        "remaining_seconds",
        "estimated time to the last planned step",
        _figure("eta_s"),
    ),
    Figure("planned_steps", "steps that are planned", _figure("max_steps")),
    Figure(
        "mfu_ratio",
        "typical model FLOPs utilisation, 0 to 1",
        _figure("typical_mfu", _PERCENT),
    ),
    Figure("gradient_norm", _help("grad_norm"), lambda r: r.latest("grad_norm")),
    Figure("learning_rate", _help("lr"), lambda r: r.latest("lr")),
    Figure(
        "wasted_ratio",
        "share of the steps of an overfitting run after its best evaluation",
        _wasted,
    ),
    Figure(
        "since_best_seconds",
        "training time since the best evaluation",
        _since_best_s,
    ),
    Figure(
        "evaluation_seconds",
        "time that one evaluation costs",
        _figure("eval_ms", _MS),
    ),
)
