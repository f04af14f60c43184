"""The losses of a GAN work against each other: none of them ought to fall."""

import numpy as np
import pytest
from test_stamps import read

from watcher.outputs.text.headline import headline


LINES = (
    "step {i}: loss_D={d:.4f} loss_G={g:.4f}{val}",
    "[{e}/20][{i}/400] Loss_D: {d:.4f} Loss_G: {g:.4f} D(x): 0.6 D(G(z)): 0.3 / 0.2",
    "(epoch: {e}, iters: {i}, time: 0.321, data: 0.002) D_A: {d:.4f} G_A: {g:.4f}",
)


def rising(line: str, *, last: float = 3.7, val: bool = False) -> bytes:
    """A log whose generator loses more and more; with a validation loss that rises."""
    rng = np.random.default_rng(0)
    losses = np.linspace(0.7, 3.7, 399) + rng.normal(0, 0.05, 399)
    losses[-1] = last
    text = ""
    for i, g in enumerate(losses, 1):
        d = 0.1 + 1.3 * np.exp(-i / 100)
        shown = f" val_loss={1 + abs(i - 100) / 200:.4f}" if val and i % 20 == 0 else ""
        text += line.format(i=i, e=i // 20, d=d, g=g, val=shown) + "\n"
    return text.encode()


@pytest.mark.parametrize("line", LINES)
def test_a_generator_loss_that_rises_is_no_finding(line: str) -> None:
    """Nor does the headline call it rising."""
    analysis = read(rising(line))

    assert 399 == analysis.summary.records
    assert () == analysis.findings
    assert headline(analysis).endswith(" steps")


def test_a_validation_loss_beside_them_is_not_judged() -> None:
    """There is no training loss of its kind that falls."""
    analysis = read(rising(LINES[0], val=True))

    assert 19 == analysis.summary.evaluations
    assert () == analysis.findings
    assert analysis.summary.verdict is None


def test_the_same_losses_of_another_training_diverge() -> None:
    """Without a discriminator a loss that rises means what it says."""
    analysis = read(rising("step {i}: loss={g:.4f}"))

    assert "divergence" in [finding.rule for finding in analysis.findings]


def test_a_generator_loss_that_is_nan_is_a_finding() -> None:
    """Such a model is lost, whatever its losses mean."""
    analysis = read(rising(LINES[0], last=float("nan")))

    assert ["not_finite"] == [finding.rule for finding in analysis.findings]
