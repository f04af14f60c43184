"""The line of the log that a finding stands on, of a run that is not loaded."""

from typing import Final

from parsers.metrics import VALIDATION
from watcher.storage.database import Database
from watcher.storage.lookup import line_of
from watcher.storage.rows import Row


# Rules whose findings stand on the line of an evaluation, or on the last one.
_EVALUATED: Final = frozenset(
    {"overfitting", "validation_jump", "constant_metric", "best_checkpoint_lost"}
)
_AT_END: Final = frozenset({"stalled", "crashed", "finished"})
_ANY: Final = ("loss", "train_loss", *VALIDATION)


def line(database: Database, row: Row, rule: str, step: int) -> int | None:
    """As `gptwatch show RUN:LINE` takes it; None where no line has the step."""
    if rule in _AT_END:
        return row.lines or None
    first = VALIDATION if rule in _EVALUATED else ()
    return line_of(database, row.id, step, (*first, *_ANY))
