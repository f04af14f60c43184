"""A report in one file: what it takes to make one of a long run."""

import tracemalloc

import numpy as np

from parsers.batch import Batch
from parsers.delta import Delta
from watcher.analysis.model import Analysis
from watcher.analysis.pipeline import analyse
from watcher.html import report
from watcher.storage.columns import Run


def analysed(steps: np.ndarray, loss: np.ndarray) -> Analysis:
    """A run of one metric."""
    run, n = Run(), len(steps)
    batch = Batch("iter", np.arange(1, n + 1), steps, {"loss": loss})
    run.add(Delta(batches=[batch], lines=n))
    return analyse(run, name="a", path="a")


def test_what_is_found_takes_no_copy_of_a_curve() -> None:
    """Beside all points of a long run there is little room."""
    steps = np.arange(400_000)
    loss = (1.5 + np.exp(-steps / 1e5)).round(4)
    loss[-1000:] = np.nan
    analysis = analysed(steps, loss)
    assert analysis.findings
    tracemalloc.start()

    report._facts(analysis, "en")

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < loss.nbytes / 2


def test_a_finding_stands_on_the_line_of_its_step() -> None:
    """Of several lines with the step, the first."""
    steps = np.concatenate([np.arange(0, 90_000), np.arange(50_000, 140_000)])
    loss = np.full(len(steps), 2.0)
    loss[130_000:] = np.nan
    analysis = analysed(steps, loss)

    facts = report._facts(analysis, "en")

    for finding, shown in zip(analysis.findings, facts["findings"], strict=True):
        lines = analysis.curves["loss"].lines
        at = np.abs(steps - finding.step).argmin()
        assert int(lines[at]) == shown["line"]
    assert facts["findings"]
