"""Zero losses, gradient norms and skipped steps, on made records."""

from dataclasses import replace

import numpy as np
import pytest
from analyses import curve, nothing

from parsers.batch import Floats, Milestone
from watcher.analysis.model import Analysis
from watcher.analysis.rules.gradients import (
    gradient_not_finite,
    gradient_spike,
    zero_loss,
)
from watcher.analysis.rules.settings import Gradients
from watcher.analysis.rules.skipped_steps import skipped_steps


NAN = float("nan")


def run(loss: object, **metrics: object) -> Analysis:
    """Records of a training loss, one a step, with other metrics."""
    train = curve("loss", np.arange(len(np.asarray(loss))), loss)
    curves = {
        name: curve(name, np.arange(len(np.asarray(values))), values)
        for name, values in metrics.items()
    }
    return nothing(train=train, curves={"loss": train, **curves})


def usual(n: int) -> Floats:
    """A loss that falls a little."""
    return np.linspace(0.5, 0.4, n)


def test_a_loss_that_falls_to_exactly_0_is_critical() -> None:
    """Known at the third record, with the gradient norm there."""
    loss = np.append(usual(30), np.zeros(5))
    norm = np.append(np.ones(30), np.full(5, NAN))

    (found,) = zero_loss(run(loss, grad_norm=norm))

    assert ("critical", 32, 30, None) == (
        found.severity,
        found.step,
        found.since_step,
        found.cleared_step,
    )
    assert "NaN" == found.evidence["grad"]


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(run(np.zeros(20)), id="from the first record on"),
        pytest.param(run(np.append(np.full(20, 0.0004), np.zeros(9))), id="rounded"),
        pytest.param(run(np.append(usual(30), [0, 0, 0.4])), id="two records"),
        pytest.param(
            run(np.append(usual(9), np.zeros(9)), reward=np.ones(18)), id="policy"
        ),
    ],
)
def test_other_zeros_are_no_fault(log: Analysis) -> None:
    """Losses of policies are 0, and small ones are printed so."""
    assert [] == zero_loss(log)


def test_a_gradient_norm_that_stays_nan_is_found_at_the_fifth() -> None:
    """And resolves when it is finite again."""
    norm = np.concatenate([np.ones(20), np.full(8, NAN), np.ones(5)])

    (found,) = gradient_not_finite(run(usual(33), grad_norm=norm))

    assert (24, 20, 28) == (found.step, found.since_step, found.cleared_step)


def test_the_first_steps_of_mixed_precision_are_exempt() -> None:
    """The scaler looks for its scale; now and then it overflows later, too."""
    norm = np.ones(60)
    norm[:6] = np.inf
    norm[[20, 40, 41]] = NAN

    assert [] == gradient_not_finite(run(usual(60), grad_norm=norm))
    never = run(usual(60), grad_norm=np.full(60, NAN))
    assert 1 == len(gradient_not_finite(never))


def test_a_gradient_norm_a_thousand_times_its_usual_is_named() -> None:
    """With its usual; ten times is ordinary."""
    norm = np.ones(100)
    norm[50], norm[80] = 4000.0, 10.0

    (found,) = gradient_spike(run(usual(100), grad_norm=norm), Gradients())

    assert (50, 51) == (found.step, found.cleared_step)
    assert {"peak": 4000.0, "usual": 1.0, "unaffected": "yes"} == found.evidence


def test_a_gradient_spike_that_moves_the_loss_is_not_called_harmless() -> None:
    """Nor is one before five more losses are there."""
    norm = np.ones(100)
    norm[50] = 4000.0
    higher = np.append(usual(51), 2 * usual(49))

    (found,) = gradient_spike(run(higher, grad_norm=norm), Gradients())
    (early,) = gradient_spike(run(usual(54), grad_norm=norm[:54]), Gradients())

    assert {"peak": 4000.0, "usual": 1.0} == found.evidence == early.evidence


def test_a_loss_that_falls_beside_nan_gradients_is_not_called_flat() -> None:
    """Beside the same norms a loss that stays is."""
    norm = np.append(np.ones(30), np.full(30, NAN))
    stays, falls = np.full(60, 2.0), np.append(np.full(30, 2.0), np.linspace(2, 1, 30))

    (flat,) = gradient_not_finite(run(stays, grad_norm=norm))
    (falling,) = gradient_not_finite(run(falls, grad_norm=norm))

    assert "yes" == flat.evidence["flat"]
    assert "flat" not in falling.evidence


def skipping(*lines: int) -> Analysis:
    """Sixty records on even lines, and skipped steps on some odd ones."""
    train = curve("loss", np.arange(60), usual(60), np.arange(1, 61) * 2)
    marks = tuple(Milestone("skipped", line, None, "overflow") for line in lines)
    return replace(nothing(train=train), milestones=marks)


def test_ten_skipped_steps_in_a_row_are_found() -> None:
    """At the tenth, with how many there were."""
    (found,) = skipped_steps(skipping(*range(21, 61, 2)))

    assert (19, 10, 31) == (found.step, found.since_step, found.cleared_step)
    assert 20 == found.evidence["skipped"]


def test_skipped_steps_have_the_step_and_the_scale_of_their_own_lines() -> None:
    """The first ones may come before any record."""
    train = curve("loss", np.arange(10, 40, 10), usual(3), [15, 30, 45])
    text = "Step {}: overflow, reducing loss scale to {}"
    marks = tuple(
        Milestone("skipped", line, None, text.format(line - 10, 2.0**-line))
        for line in range(11, 31)
        if line not in {15, 30}
    )

    (found,) = skipped_steps(replace(nothing(train=train), milestones=marks))

    assert 1 == found.since_step
    assert (2.0**-11, 2.0**-29) == (
        found.evidence["scale_before"],
        found.evidence["scale_now"],
    )


def test_skipped_steps_now_and_then_are_ordinary() -> None:
    """The loss scale of mixed precision is found by trying."""
    assert [] == skipped_steps(skipping(*range(3, 120, 10)))
    assert [] == skipped_steps(skipping(*range(1, 19, 2)))
