"""What came of a run, as the screens show it."""

from collections.abc import Mapping, Sequence
from typing import Any

from parsers.metrics import VALIDATION
from watcher.storage.rows import Row


def facts(row: Row) -> Mapping[str, Any]:
    """The summary of its analysis, and since when it overfits."""
    diagnosis = row.diagnosis or {}
    since = next(
        (
            finding.get("since_step")
            for finding in diagnosis.get("findings", ())
            if finding["rule"] == "overfitting" and not finding.get("cleared_step")
        ),
        None,
    )
    return {"summary": diagnosis.get("summary", {}), "since": since}


def units(rows: Sequence[Row], metrics: Sequence[Sequence[str]]) -> Sequence[str]:
    """Units of the validation losses; none where format and metric are the same.

    Then they are, too: the formats are modules that load in five frames.
    """
    known = zip(rows, metrics, strict=True)
    losses = [(row, m) for row, names in known for m in names if m in VALIDATION]
    if len({(row.format, metric) for row, metric in losses}) <= 1:
        return ()
    from watcher.views.runs import unit

    return [unit(row, metric) for row, metric in losses]
