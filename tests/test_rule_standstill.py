"""Runs that learn nothing, rise, jump, or are resumed badly, on made records."""

import math
from dataclasses import replace

import numpy as np
import pytest
from analyses import curve, nothing

from parsers.batch import Floats, Milestone
from watcher.analysis import rules
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.analysis.rules.no_movement import (
    constant_metric,
    no_movement,
    zero_learning_rate,
)
from watcher.analysis.rules.resume_jump import resume_jump
from watcher.analysis.rules.rising_loss import rising_loss
from watcher.analysis.rules.settings import (
    ResumeJump,
    RisingLoss,
    ValidationJump,
)
from watcher.analysis.rules.validation_jump import validation_jump


def noise(n: int, size: float, seed: int = 0) -> Floats:
    """Normal noise that is the same each time."""
    return np.random.default_rng(seed).normal(0, size, n)


def trained(loss: object, **changed: object) -> Analysis:
    """A log of training losses, one a step."""
    values = np.asarray(loss)
    train = curve("loss", np.arange(len(values)), values)
    return nothing(train=train, **changed)


def validated(metric: str, values: list[float], **changed: object) -> Analysis:
    """A log of one validation figure, every hundred steps."""
    val = curve(metric, np.arange(len(values)) * 100, values)
    figure = {"val": val} if metric == "val_loss" else {}
    beside = np.full(len(values), np.nan)
    return nothing(curves={metric: val}, val_train=beside, **figure, **changed)


# No movement


def test_a_loss_that_stays_at_ln_vocabulary_is_guessing() -> None:
    """Known after a hundred records."""
    loss = math.log(50_257) + noise(200, 0.002)

    (found,) = no_movement(trained(loss))

    assert (99, None) == (found.step, found.cleared_step)
    assert 50_257 == found.evidence["classes"]


def test_a_constant_loss_is_found_at_the_twentieth() -> None:
    """However many records follow; it resolves where it moves."""
    (found,) = no_movement(trained([0.9] * 50 + [0.8] * 50))

    assert 19 == found.step
    assert found.cleared_step is not None


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(2 + np.exp(-np.arange(300) / 50), id="falls"),
        pytest.param(1.2 + noise(300, 0.3), id="too noisy to say"),
        pytest.param(np.full(19, 0.9), id="few"),
        pytest.param(np.zeros(50), id="a policy"),
    ],
)
def test_a_loss_that_may_move_is_no_standstill(loss: Floats) -> None:
    """Only what noise cannot hide is said."""
    assert [] == no_movement(trained(loss))


def test_a_constant_accuracy_is_found_at_the_fifth() -> None:
    """One class is predicted for all; a perfect one is none."""
    (found,) = constant_metric(validated("val_accuracy", [0.25] * 6 + [0.3]))

    assert (400, 600) == (found.step, found.cleared_step)
    assert [] == constant_metric(validated("val_accuracy", [1.0] * 9))
    assert [] == constant_metric(validated("val_accuracy", [0.25] * 4))
    assert [] == constant_metric(validated("val_loss", [2.0, 2.1] * 5))


def test_a_learning_rate_of_0_is_named() -> None:
    """From the first record on, or before the last part of the plan."""
    lr = curve("lr", np.arange(50), np.zeros(50))

    (found,) = zero_learning_rate(nothing(curves={"lr": lr}))

    assert (19, 0) == (found.step, found.since_step)


def test_a_schedule_that_ends_at_0_is_ordinary() -> None:
    """As is a warm-up that begins there."""
    values = np.concatenate([[0.0], np.full(900, 1e-4), np.zeros(99)])
    lr = curve("lr", np.arange(1000), values)

    assert [] == zero_learning_rate(nothing(curves={"lr": lr}))
    assert [] == zero_learning_rate(nothing(curves={"lr": lr}, info={"max_iters": 999}))


# A slow rise


def rises(loss: Floats) -> list[Finding]:
    """What the rule finds."""
    return rising_loss(trained(loss), RisingLoss())


@pytest.mark.parametrize("seed", range(5))
def test_a_loss_that_rises_from_the_first_record_is_found(seed: int) -> None:
    """Below the threshold of a divergence, and beyond noise."""
    (found,) = rises(np.linspace(1.4, 1.7, 200) + noise(200, 0.04, seed))

    assert found.step < 150
    assert found.cleared_step is None
    assert 0.05 < float(found.evidence["rise_share"] or 0) < 0.3


def test_a_slow_rise_after_the_minimum_is_found() -> None:
    """A third of the run falls, the rest rises by a tenth."""
    loss = np.append(np.linspace(3, 2, 100), np.linspace(2, 2.3, 200))

    (found,) = rises(loss + noise(300, 0.02))

    assert found.cleared_step is None


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(2 + np.exp(-np.arange(500) / 90) + noise(500, 0.1), id="falls"),
        pytest.param(2 + noise(2000, 0.3), id="noise"),
        pytest.param(np.linspace(2, 2.05, 300), id="little"),
        pytest.param(np.linspace(-1, 1, 300), id="no scale"),
        pytest.param(np.linspace(1, 2, 30), id="few"),
    ],
)
def test_other_losses_do_not_rise(loss: Floats) -> None:
    """Noise, or a rise of a few percent, is none."""
    assert [] == rises(loss)


# A jump


def test_a_validation_loss_that_triples_is_found_at_once() -> None:
    """And resolves when it is back."""
    run = validated("val_loss", [2.0, 1.8, 1.7, 6.0, 5.5, 1.8])

    (found,) = validation_jump(run, ValidationJump())

    assert (300, 500) == (found.step, found.cleared_step)
    assert {"best": 1.7, "before": 1.7, "level": 6.0} == found.evidence
    early = validated("val_loss", [2.0, 1.8, 6.0])
    assert [] == validation_jump(early, ValidationJump())


def test_validation_that_jumps_with_training_is_no_finding() -> None:
    """A table of results has another training in each line."""
    losses = [2.0, 1.8, 1.7, 6.0, 5.5, 1.8]
    run = replace(validated("val_loss", losses), val_train=np.array(losses))

    assert [] == validation_jump(run, ValidationJump())


# A resumption


def resumed(after: Floats, *, first: int = 200, killed: bool = False) -> Analysis:
    """Two hundred records near 2, then a resumption at a step."""
    loss = np.append(2 + noise(200, 0.02), after)
    steps = np.append(np.arange(200), first + np.arange(len(after)))
    marks = [Milestone("killed", 200, 199, "Killed")] if killed else []
    marks.append(Milestone("resumed", 201, 199, "resumed from ckpt.pt"))
    lines = np.append(np.arange(1, 201), np.arange(202, 202 + len(after)))
    train = curve("loss", steps, loss, lines)
    return nothing(train=train, milestones=tuple(marks))


def test_a_loss_that_jumps_at_a_resume_is_one_finding() -> None:
    """It names the resume; what follows from it is inhibited."""
    run = resumed(3 + noise(60, 0.02))

    (found,) = rules.findings(run)

    assert ("resume_jump", 201, 200) == (found.rule, found.step, found.since_step)
    assert 2.0 == pytest.approx(float(found.evidence["before"] or 0), abs=0.03)


def test_a_jump_at_a_resume_names_the_kill_before() -> None:
    """And resolves when the loss has come back."""
    back = np.append(np.full(10, 3.0), np.full(30, 2.0))

    (found,) = resume_jump(resumed(back, killed=True), ResumeJump())

    assert ("killed", 199) == (found.evidence["end"], found.evidence["end_step"])
    assert found.cleared_step is not None


@pytest.mark.parametrize("first", [200, 150])
def test_a_good_resumption_is_no_finding(first: int) -> None:
    """At the next step, or from a checkpoint before."""
    assert () == rules.findings(resumed(2 + noise(60, 0.02, 1), first=first))
