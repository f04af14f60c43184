"""The headline never contradicts the curve, over a grid of made curves."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from analyses import curve, nothing

from parsers.batch import Floats, Milestone
from watcher.analysis import rules
from watcher.analysis.figures import Figures
from watcher.analysis.model import Analysis, Clock
from watcher.outputs.text.headline import headline


SHAPES = {
    "falling": lambda t: 2 + np.exp(-3 * t),
    "flat": lambda t: 2 + 0 * t,
    "rising": lambda t: 2 + t,
    "turning": lambda t: 2 + 8 * (t - 0.5) ** 2,
    "late turn": lambda t: 2 + np.exp(-5 * t) + 6 * np.maximum(0, t - 0.8),
    "early turn": lambda t: 2 + np.abs(t - 0.15),
    "settled": lambda t: 2 + np.maximum(0, 0.5 - t),
}
COUNTS = (1, 2, 3, 4, 5, 8, 15, 40)
SIZES = (0.0, 0.002, 0.02)
GRID = list(itertools.product(SHAPES, COUNTS, SIZES, (False, True)))


def concluded(run: Analysis) -> Analysis:
    """The run with its findings and figures."""
    findings = rules.findings(run)
    figures = Figures()
    figures.update(run)
    spent = Clock(np.zeros(1), np.zeros(1))
    summary = figures.summary(run, findings, spent)
    return replace(run, findings=findings, summary=summary)


def validated(values: Floats, *, ended: bool) -> Analysis:
    """A run that only evaluates."""
    n = len(values)
    val = curve("val_loss", np.arange(n) * 100, values)
    return concluded(nothing(val=val, val_train=np.full(n, np.nan), ended=ended))


def trained(values: Floats, *, ended: bool = False) -> Analysis:
    """A run that never evaluates."""
    train = curve("loss", np.arange(len(values)), values)
    return concluded(nothing(train=train, ended=ended))


def made(shape: str, n: int, size: float) -> Floats:
    """A curve of a shape with some noise, the same each time."""
    noise = np.random.default_rng(n).standard_normal(n)
    return np.asarray(SHAPES[shape](np.linspace(0, 1, n)) * np.exp(size * noise))


def titles(word: str) -> Iterator[tuple[str, Floats, bool]]:
    """Headlines of the grid that hold a word, with their curves."""
    found = 0
    for shape, n, size, ended in GRID:
        values = made(shape, n, size)
        title = headline(validated(values, ended=ended))
        if word in title:
            found += 1
            yield title, values, ended
    assert found, f"no headline says {word!r}"


@pytest.mark.parametrize(
    ("values", "ended", "title"),
    [
        ([3.0, 2.5, 2.25], False, "Still improving: best 2.2500 at step 200"),
        (
            [3.0, 2.5, 2.25],
            True,
            "Validation loss improved to the end: best 2.2500 at step 200",
        ),
        ([3.0, 2.5], False, "Not enough evaluations yet"),
        (
            [2.5, 3.0],
            True,
            "Validation loss 3.0000 is 20% above its best 2.5000 at step 0",
        ),
        (
            [3.0, 2.0, *[2.01] * 6],
            False,
            "No new best for 6 evaluations: best 2.0000 at step 100",
        ),
        (
            [3.0, 2.0, 2.01, 2.01],
            False,
            "Validation loss 2.0100, level with its best 2.0000 at step 100",
        ),
    ],
    ids=["improving", "improved", "few", "above", "stale", "level"],
)
def test_a_run_without_findings_has_a_title(
    values: list[float],
    ended: bool,  # noqa: FBT001
    title: str,
) -> None:
    """It says where validation is now."""
    assert title == headline(validated(np.array(values), ended=ended))


def test_still_improving_is_said_of_curves_that_fall_until_now() -> None:
    """The last is within one percent of the best, which is not among the first."""
    for title, values, ended in titles("Still improving"):
        best = int(values.argmin())
        assert values[-1] <= 1.01 * values[best], title
        assert len(values) >= 3
        assert best >= len(values) // 2, title
        assert not ended


def test_improved_is_said_of_runs_that_have_ended() -> None:
    """The same, once nothing can improve any more."""
    for title, values, ended in titles("improved to the end"):
        assert values[-1] <= 1.01 * values.min(), title
        assert ended


def test_not_enough_is_said_of_running_runs_only() -> None:
    """A run that has ended gets no more evaluations."""
    for _, values, ended in titles("Not enough evaluations yet"):
        assert len(values) < 3
        assert not ended


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_a_log_without_losses_that_has_ended_gets_none(lang: str) -> None:
    """Only of a running log it is "yet"."""
    running = headline(nothing(), lang)
    ended = headline(nothing(ended=True), lang)

    assert ended == running.replace(" yet", "").replace(" пока", "")
    assert ended != running


def test_above_its_best_is_by_more_than_one_percent() -> None:
    """And the numbers are those of the curve."""
    for title, values, _ in titles("above its best"):
        assert values[-1] > 1.01 * values.min() or "Overfitting" in title, title


@pytest.mark.parametrize("seed", range(8))
def test_a_falling_training_loss_still_falls(seed: int) -> None:
    """However slowly, when the fall exceeds the noise."""
    noise = 0.02 * np.random.default_rng(seed).standard_normal(400)

    title = headline(trained(np.linspace(3.0, 2.5, 400) + noise))

    assert title.endswith("still falling")


@pytest.mark.parametrize("seed", range(8))
def test_a_slowly_rising_training_loss_is_not_called_flat(seed: int) -> None:
    """19 % in 200 steps, within noise from one step to the next."""
    noise = 0.06 * np.random.default_rng(seed).standard_normal(200)

    title = headline(trained(np.linspace(1.41, 1.67, 200) + noise))

    assert "no longer falling" not in title
    assert "still falling" not in title


def test_a_run_that_has_ended_has_no_slope() -> None:
    """Nothing is still falling when nothing runs."""
    ended = trained(np.linspace(3.0, 2.5, 100), ended=True)
    finished = replace(
        ended, ended=False, milestones=(Milestone("interrupted", 999, None, "x"),)
    )

    for run in (ended, concluded(finished)):
        assert "Training loss 2.5000 after 99 steps" == headline(run)


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_every_headline_of_the_grid_fits(lang: str) -> None:
    """None is empty or longer than the picture."""
    for shape, n, size, ended in GRID:
        run = validated(made(shape, n, size), ended=ended)
        assert 0 < len(headline(run, lang)) <= 160
