"""When the best checkpoint is gone, on evaluations and checkpoints line by line."""

from collections.abc import Sequence

import numpy as np
from analyses import curve, nothing

from parsers.batch import Milestone
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.analysis.rules.checkpoints import best_checkpoint_lost
from watcher.analysis.rules.settings import BestCheckpointLost


def log(*events: float | str, steps: Sequence[int] | None = None) -> Analysis:
    """Evaluations (a number) and checkpoints (where to), a line each."""
    lines = [i for i, e in enumerate(events, 1) if not isinstance(e, str)]
    values = [e for e in events if not isinstance(e, str)]
    at = [100 * i for i in range(len(lines))] if steps is None else steps
    saved = [
        Milestone("checkpoint", line, None, f"saving checkpoint to {name}")
        for line, name in enumerate(events, 1)
        if isinstance(name, str)
    ]
    val = curve("val_loss", at, values, lines)
    return nothing(val=val, milestones=tuple(saved))


def found(run: Analysis) -> list[Finding]:
    """What the rule finds."""
    return best_checkpoint_lost(run, BestCheckpointLost())


def test_a_worse_one_over_the_best_fires() -> None:
    """It fires where the best is overwritten; the numbers are those of now."""
    (finding,) = found(log(3.0, "out", 2.0, "out", 2.5, "out", 2.7, "out"))

    assert (200, 100, None) == (finding.step, finding.since_step, finding.cleared_step)
    assert {
        "best": 2.0,
        "saved": 2.7,
        "saved_step": 300,
        "unit": "nats/token",
    } == finding.evidence


def test_a_new_best_clears() -> None:
    """What is lost later is lost again."""
    one, two = found(
        log(2.0, "out", 2.5, "out", 1.5, "out", 1.4, "out", 1.6, "out", 1.7, "out")
    )

    assert (100, 200) == (one.step, one.cleared_step)
    assert (400, 300, None) == (two.step, two.since_step, two.cleared_step)


def test_nearly_as_good_is_no_recovery() -> None:
    """Noise about the limit makes no second finding."""
    (finding,) = found(log(2.0, "out", 2.03, "out", 2.01, "out", 2.03, "out"))

    assert (100, None) == (finding.step, finding.cleared_step)


def test_who_saves_on_improvement_loses_nothing() -> None:
    """NanoGPT without `always_save_checkpoint`."""
    assert [] == found(log(3.0, "out", 2.0, "out", 2.5, 2.7, 2.9))


def test_a_name_for_each_step_loses_nothing() -> None:
    """Older checkpoints stay under theirs."""
    assert [] == found(log(3.0, "out-0", 2.0, "out-1", 2.5, "out-2"))


def test_the_best_under_its_own_name_is_kept() -> None:
    """The last may be worse."""
    assert [] == found(log(3.0, "best", "last", 2.0, "best", "last", 2.5, "last"))


def test_a_best_that_never_was_saved_is_not_lost() -> None:
    """Whoever saves at every other evaluation knows what is missing."""
    assert [] == found(log(3.0, "out", 2.0, 2.5, "out"))


def test_a_small_difference_is_none() -> None:
    """Below one percent it is noise."""
    assert [] == found(log(3.0, "out", 2.0, "out", 2.01, "out"))


def test_a_checkpoint_between_evaluations_is_unknown() -> None:
    """Its weights were trained on, and were not evaluated."""
    run = log(2.0, "out", 2.5, "out")
    train = curve("loss", [150], [2.2])
    assert run.val is not None
    between = nothing(
        val=curve("val_loss", run.val.steps, run.val.values, [1, 3]),
        train=curve("loss", train.steps, train.values, np.array([4])),
        milestones=(run.milestones[0], Milestone("checkpoint", 5, None, "save to out")),
    )

    assert [] == found(between)


def test_a_training_from_the_beginning_starts_anew() -> None:
    """Files of the run before are none of its own."""
    run = log(2.1, 2.0, "out", 3.0, 2.9, "out", steps=[0, 100, 0, 100])

    assert [] == found(run)


def test_findings_are_never_taken_back() -> None:
    """Findings of a prefix begin those of the whole."""
    events = (2.0, "out", 2.5, "out", 1.5, "out", 1.4, "out", 1.6, "out", 1.7, "out")
    whole = [f.step for f in found(log(*events))]

    for n in range(len(events)):
        steps = [f.step for f in found(log(*events[:n]))]
        assert whole[: len(steps)] == steps
