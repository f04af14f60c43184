"""The overfitting rule, on curves made up from a seed with a known turn."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from analyses import curve, nothing
from numpy.typing import NDArray

from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.analysis.noise import second_differences, sigma, student_cdf
from watcher.analysis.rules.history import History
from watcher.analysis.rules.overfitting import overfitting
from watcher.analysis.rules.settings import Overfitting
from watcher.analysis.rules.significance import _noise


Floats = NDArray[np.floating[Any]]
EVERY = 10
NAN = math.nan
# The best is the sixth; two above it are enough.
TURN = [2.3, 2.2, 2.1, 2.03, 1.98, 1.95, 2.1, 2.2, 2.3, 2.35, 2.4]


def run(
    val: Sequence[float] | Floats,
    train: Sequence[float] | Floats | None = None,
    steps: Sequence[int] | None = None,
) -> Analysis:
    """A log of evaluations alone; training loss halves every ten of them."""
    n = len(val)
    at = [i * EVERY for i in range(n)] if steps is None else steps
    beside = 4 * 0.93 ** np.arange(n) if train is None else np.asarray(train)
    return nothing(val=curve("val_loss", at, val), val_train=beside, comparable=True)


def found(analysis: Analysis, **settings: object) -> list[Finding]:
    """What the rule finds."""
    return overfitting(analysis, replace(Overfitting(), **settings))  # type: ignore[arg-type]


def power_law(n: int, sigma: float = 0.0, seed: int = 1) -> Floats:
    """A validation loss that falls and falls."""
    rng = np.random.default_rng(seed)
    fall = 1.4 + 2.6 * (1 + np.arange(n)) ** -0.7
    return np.asarray(fall * np.exp(sigma * rng.standard_normal(n)))


def turning(
    n: int, onset: int, rise: float, sigma: float = 0.0, seed: int = 1
) -> Floats:
    """A power law to the onset, then a share `rise` more at each evaluation."""
    fall, noisy = power_law(n), power_law(n, sigma, seed)
    later = np.maximum(0, np.arange(n) - onset)
    low = np.minimum(np.arange(n), onset)
    return np.asarray(fall[low] * noisy / fall * (1 + rise * later))


def test_a_clear_turn_fires_at_the_second_evaluation() -> None:
    """Two evaluations above the best by more than noise are enough."""
    (finding,) = found(run(TURN))

    assert ("overfitting", "warning") == (finding.rule, finding.severity)
    assert (70, 50) == (finding.step, finding.since_step)
    assert finding.cleared_step is None


def test_a_long_rise_is_confirmed() -> None:
    """Confirmation asks for more than a warning and so comes no earlier."""
    (finding,) = found(run(turning(60, 20, 0.01, sigma=0.004)))

    assert finding.confirmed_step is not None
    assert finding.step <= finding.confirmed_step <= 400


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("onset", "rise", "sigma", "latest"),
    [(20, 0.02, 0.004, 28), (20, 0.004, 0.004, 38), (30, 0.01, 0.03, 52)],
    ids=["strong", "mild", "noisy"],
)
def test_overfitting_is_found_soon(
    onset: int, rise: float, sigma: float, latest: int, seed: int
) -> None:
    """A rise is found soon after the turn, never before it."""
    finding = found(run(turning(80, onset, rise, sigma, seed)))[-1]

    assert (onset - 3) * EVERY <= finding.step <= latest * EVERY


@pytest.mark.parametrize("sigma", [0.0, 0.005, 0.03], ids=["smooth", "plain", "noisy"])
def test_a_falling_loss_is_no_overfitting(sigma: float) -> None:
    """Noise about a falling loss hardly ever is taken for a rise."""
    alarms = [bool(found(run(power_law(80, sigma, seed)))) for seed in range(20)]

    assert sum(alarms) <= 2


def test_a_gap_is_no_overfitting() -> None:
    """However far above the training loss: while validation falls, all is well."""
    assert [] == found(run(power_law(60), train=0.001 * 0.9 ** np.arange(60)))


def test_a_flat_validation_is_no_overfitting() -> None:
    """A loss that stops falling has not turned."""
    rng = np.random.default_rng(3)

    assert [] == found(run(1.5 * np.exp(0.004 * rng.standard_normal(60))))


def test_no_overfitting_without_a_fall_of_the_training_loss() -> None:
    """Where training loss rises too, it is divergence."""
    val = turning(60, 20, 0.02)

    assert [] == found(run(val, train=val - 0.1))


def test_a_fall_within_noise_is_none() -> None:
    """A noisy training loss must fall by more than its noise."""
    alarms = []
    for seed in range(20):
        wild = np.random.default_rng(seed).standard_normal(60)
        val = turning(60, 20, 0.01, seed=seed)
        alarms.append(bool(found(run(val, train=1.5 * np.exp(0.2 * wild)))))

    assert sum(alarms) <= 2


def test_a_slow_rise_under_noise_is_seen_by_means() -> None:
    """Where single evaluations drown in noise, their means do not."""
    runs = [run(turning(150, 30, 0.001, 0.04, seed)) for seed in range(20)]

    assert all(found(log) for log in runs)


def test_a_loss_on_its_way_back_is_none() -> None:
    """A bump in both losses is no overfitting when training falls again first."""
    val = [2.3, 2.2, 2.1, 2.03, 1.98, 1.95, 2.6, 2.5, 2.3, 2.15, 2.1, 2.05, 2.0]
    train = [3.0, 2.8, 2.6, 2.4, 2.2, 2.0, 2.6, 2.4, 1.9, 1.8, 1.7, 1.6, 1.5]

    assert [] == found(run(val, train))


def test_a_bump_that_goes_back_is_none() -> None:
    """One outlier is no rise."""
    val = power_law(40)
    val[20] *= 1.5

    assert [] == found(run(val))


def test_a_new_best_clears() -> None:
    """A second descent ends the warning; a rise after it is another one."""
    second = [2.2, 2.0, 1.8, 1.65, 1.55, 1.5, 1.48, 1.58, 1.68, 1.78, 1.88, 1.98]

    one, two = found(run([*TURN, *second]))

    assert (70, 130) == (one.step, one.cleared_step)
    assert (170, None) == (two.since_step, two.cleared_step)
    assert 190 <= two.step <= 210


def test_two_trainings_in_a_file_are_two() -> None:
    """A restart from step 0 clears and forgets."""
    steps = [i * EVERY for i in range(len(TURN))]
    train = 4 * 0.93 ** np.arange(len(TURN))

    one, two = found(run([*TURN, *TURN], np.tile(train, 2), [*steps] * 2))

    assert (70, 0) == (one.step, one.cleared_step)
    assert (70, 50, None) == (two.step, two.since_step, two.cleared_step)


def test_a_resumption_drops_what_it_trains_again() -> None:
    """From the best on, the run goes another way: the old rise is forgotten."""
    val = [*TURN, 1.93, 1.92, 1.91, 1.9, 1.89]
    steps = [i * EVERY for i in (*range(11), *range(6, 11))]

    (finding,) = found(run(val, 4 * 0.9 ** (np.array(steps) / EVERY), steps))

    assert (70, 60) == (finding.step, finding.cleared_step)


def test_what_every_process_prints_counts_once() -> None:
    """The same evaluation printed twice changes nothing."""
    train = 4 * 0.93 ** np.arange(len(TURN))
    steps = [i * EVERY for i in range(len(TURN))]

    twice = found(run(np.repeat(TURN, 2), np.repeat(train, 2), sorted(steps * 2)))

    assert [(70, 50)] == [(f.step, f.since_step) for f in twice]


def test_evaluations_that_are_not_finite_are_passed_over() -> None:
    """NaN is another rule's matter."""
    val = [*TURN[:2], NAN, *TURN[2:6], math.inf, TURN[6], NAN, *TURN[7:]]
    good = np.isfinite(val)
    train = np.where(good, 4 * 0.93 ** np.cumsum(good), NAN)

    (finding,) = found(run(val, train))

    assert (100, 60) == (finding.step, finding.since_step)


def test_without_training_losses_it_is_never_sure() -> None:
    """Validation alone may warn, but not confirm."""
    val = turning(60, 20, 0.02, sigma=0.004)

    (finding,) = found(run(val, train=np.full(60, NAN)))

    assert finding.confirmed_step is None
    assert "train_fall_share" not in finding.evidence


@pytest.mark.parametrize("n", range(4))
def test_few_evaluations_say_nothing(n: int) -> None:
    """Before four evaluations there is no warning."""
    assert [] == found(run([1.0, 2.0, 3.0][:n]))


def test_a_log_without_validation_has_none() -> None:
    """No validation, no overfitting."""
    assert [] == found(nothing())


@pytest.mark.parametrize("seed", range(3))
def test_only_the_past_counts(seed: int) -> None:
    """Warnings of the beginning of a log stay as the log grows."""
    whole = run(turning(60, 25, 0.006, 0.02, seed))
    assert whole.val is not None
    assert whole.val_train is not None
    final = [f.step for f in found(whole)]

    for n in range(60):
        part = run(whole.val.values[:n], whole.val_train[:n])
        steps = [f.step for f in found(part)]
        assert [s for s in final if s < n * EVERY] == steps


def test_evidence_holds_what_the_sentence_needs() -> None:
    """Numbers of the best and of now."""
    val = [4.0, 3.0, 2.5, 2.2, 2.0, 2.0, 2.1, 2.2, 2.3, 2.4, 2.5]
    (finding,) = found(run(val, train=[*range(30, 20, -1), 15]))

    assert 2.0 == pytest.approx(finding.evidence["best"])
    assert 0.5 == pytest.approx(finding.evidence["rise"])
    assert 0.25 == pytest.approx(finding.evidence["rise_share"])
    assert 0.4 == pytest.approx(finding.evidence["train_fall_share"])
    assert 0.5 == pytest.approx(finding.evidence["share_after"])
    assert 5 == finding.evidence["evaluations_since"]
    assert "nats/token" == finding.evidence["unit"]


def test_sensitivity_moves_the_warning() -> None:
    """High warns no later than normal, low no earlier."""
    log = run(turning(80, 30, 0.005, 0.01, seed=2))
    steps = [found(log, sensitivity=s)[0].step for s in ("high", "normal", "low")]

    assert sorted(steps) == steps
    assert steps[0] < steps[-1]


def test_a_rise_can_be_asked_for() -> None:
    """With a setting of 50 %, a rise of 25 % is none."""
    assert [] == found(run(TURN), rise=0.5)


def test_noise_does_not_see_a_trend() -> None:
    """The deviation is that of the noise, whatever the slope."""
    rng = np.random.default_rng(7)
    y = 0.05 * rng.standard_normal(2000) + 3 * np.arange(2000)

    assert 0.05 == pytest.approx(sigma(second_differences(y.tolist()))[0], rel=0.1)


@pytest.mark.parametrize(
    ("t", "freedom", "p"), [(0, 5, 0.5), (2.015, 5, 0.95), (-1.372, 10, 0.10)]
)
def test_student_agrees_with_the_tables(t: float, freedom: int, p: float) -> None:
    """Values from a table of Student's distribution."""
    assert p == pytest.approx(student_cdf(t, freedom), abs=0.003)


# Few evaluations


def test_three_rises_in_a_row_of_few_evaluations_are_enough() -> None:
    """Each above the one before, 3 % in all, while training falls by 20 %."""
    val = [1.30, 1.10, 1.15, 1.21, 1.29]

    (finding,) = found(run(val, [1.2, 0.9, 0.8, 0.72, 0.65]))

    assert (40, 10) == (finding.step, finding.since_step)


@pytest.mark.parametrize(
    ("val", "train"),
    [
        pytest.param([1.3, 1.1, 1.15, 1.21], [1.2, 0.9, 0.8, 0.7], id="two rises"),
        pytest.param(
            [1.3, 1.1, 1.11, 1.115, 1.12], [1.2, 0.9, 0.8, 0.7, 0.6], id="2 %"
        ),
        pytest.param(
            [1.3, 1.1, 1.2, 1.19, 1.3], [1.2, 0.9, 0.8, 0.7, 0.6], id="a fall between"
        ),
        pytest.param(
            [1.3, 1.1, 1.15, 1.2, 1.3], [1.2, 0.9, 0.8, 0.85, 0.6], id="training rises"
        ),
        pytest.param(
            [1.3, 1.1, 1.15, 1.2, 1.3], [1.2, 0.9, 0.88, 0.86, 0.84], id="training slow"
        ),
    ],
)
def test_few_evaluations_need_clear_evidence(
    val: list[float], train: list[float]
) -> None:
    """Every condition is needed while the run goes on."""
    assert [] == found(run(val, train))


def test_few_evaluations_are_eight_at_most() -> None:
    """Later, three rises are ordinary noise: the test of significance decides."""
    rng = np.random.default_rng(3)
    val = np.append(1.5 + 0.05 * rng.standard_normal(9), [1.38, 1.40, 1.42, 1.44])

    assert [] == found(run(val, 4 * 0.9 ** np.arange(13)))


@pytest.mark.parametrize(("ended", "n"), [(False, 0), (True, 1)])
def test_the_end_of_a_short_run_has_a_final_word(ended: bool, n: int) -> None:  # noqa: FBT001
    """Two evaluations since the best, 5 % above it: known once the run has ended."""
    short = replace(run([0.50, 0.51, 0.60], [0.6, 0.4, 0.3]), ended=ended)

    assert n == len(found(short))


@pytest.mark.parametrize(
    ("val", "train"),
    [
        ([0.50, 0.51, 0.52], [0.6, 0.4, 0.3]),
        ([0.55, 0.50, 0.60], [0.6, 0.4, 0.3]),
        ([0.50, 0.51, 0.60], [0.6, 0.55, 0.5]),
        ([0.9, 0.8, 0.7, 0.6, 0.62, 0.66], [0.6, 0.5, 0.4, 0.3, 0.25, 0.2]),
    ],
    ids=["little", "one since", "training slow", "six"],
)
def test_the_final_word_needs_clear_evidence(
    val: list[float], train: list[float]
) -> None:
    """Otherwise the end of a run adds nothing."""
    assert [] == found(replace(run(val, train), ended=True))


def test_a_jump_that_stays_is_no_noise() -> None:
    """A level shift hides in the noise estimate unless it is left out."""
    val = [1.0, 0.9, 0.8, 0.95, 0.87, 0.88, 1.3, 1.33, 1.35, 1.34]
    train = [1.1, 0.8, 0.6, 0.4, 0.3, 0.25, 0.2, 0.16, 0.14, 0.13]

    (finding,) = found(run(val, train))

    assert finding.since_step == 20
    assert finding.step <= 80


def test_an_early_peak_is_forgotten() -> None:
    """Only the peak of the last 24 evaluations shows that a loss is coming back."""
    val = np.append([2.0, 1.5, 1.2, 1.0, 4.0, 4.0], np.linspace(1.1, 1.8, 40))

    (finding,) = found(run(val, 4 * 0.95 ** np.arange(46)))

    assert finding.since_step == 30


def test_the_best_is_the_best_of_now() -> None:
    """A lower value that does not resolve the warning moves the best."""
    val = [*TURN, 2.0, 1.945, 2.1, 2.2, 2.3]

    (finding,) = found(run(val))

    assert (70, 120) == (finding.step, finding.since_step)
    assert 1.945 == pytest.approx(finding.evidence["best"])


def test_an_evaluation_printed_twice_is_one() -> None:
    """The last evaluation of a training is often printed again at its end."""
    val = [2.3, 2.2, 2.1, 2.03, 1.98, 1.95, 2.1, 2.1]

    assert [] == found(run(val, steps=[0, 10, 20, 30, 40, 50, 60, 60]))


# Task metrics


def with_task(name: str, values: Sequence[float]) -> Analysis:
    """A run that overfits by loss, with a task metric at each evaluation."""
    log = run(TURN)
    assert log.val is not None
    task = curve(name, log.val.steps, values, log.val.lines)
    return replace(log, curves={name: task}, lines=len(TURN))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("val_accuracy", np.linspace(0.5, 0.8, len(TURN))),
        ("val_wer", np.linspace(40.0, 20.0, len(TURN))),
    ],
)
def test_a_task_metric_that_still_improves_is_named(name: str, values: Floats) -> None:
    """Its best, and what it was at the lowest loss."""
    (finding,) = found(with_task(name, values.tolist()))

    assert (name, 100) == (finding.evidence["task"], finding.evidence["task_step"])
    assert values[-1] == finding.evidence["task_best"]
    assert values[5] == finding.evidence["task_before"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param("val_accuracy", [0.5 - 0.01 * i for i in range(11)], id="falls"),
        pytest.param("val_accuracy", [0.5] * 11, id="constant"),
        pytest.param("val_wer", [20.0 + i for i in range(11)], id="rises"),
        pytest.param("grad_norm", [1.0 + i for i in range(11)], id="no task"),
    ],
)
def test_a_metric_that_agrees_with_the_loss_is_not_named(
    name: str, values: list[float]
) -> None:
    """Nor is one without a direction."""
    (finding,) = found(with_task(name, values))

    assert "task" not in finding.evidence


def test_the_noise_is_that_of_the_last_evaluations() -> None:
    """However long the run since the best: what came before costs nothing."""
    rng = np.random.default_rng(0)
    values = 1 + rng.normal(0, 0.01, 200).clip(-0.02)
    history, other = History(), History()
    for i, value in enumerate(values.tolist()):
        history.append(i, i, value, 1.0)
        other.append(i, i, 9.0 if i == 100 else value, 1.0)

    assert _noise(history, 3) == _noise(other, 3)
