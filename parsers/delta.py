"""What a piece of a log adds: records, milestones and counts."""

from dataclasses import dataclass, field

from parsers.batch import Batch, Milestone
from parsers.format import Format


@dataclass(slots=True)
class Delta:
    """What a piece of a log adds.

    Attributes:
        reset: forget all records given before: the log turned out to be of another
            format, and `batches` holds the records from its beginning.
        format: as recognised so far, None before the first metric.
        batches: records; lines rise within the batches of one pattern.
        milestones: in the order of the log, without their step.
        hyperparameters: what the log states of its model and settings; later ones win.
        planned: number of steps that the log plans, None where it is not stated.
        lines: whole lines in this piece.
    """

    reset: bool = False
    format: Format | None = None
    batches: list[Batch] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=list)
    hyperparameters: dict[str, int | float | str | bool] = field(default_factory=dict)
    planned: int | None = None
    lines: int = 0
