"""Each rule fires where it should, and only there; findings are never taken back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import analyses
import numpy as np
import pytest

from parsers.batch import Floats, Milestone
from watcher.analysis import rules
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Curve
from watcher.errors import ConfigError


EVERY = 10  # records between evaluations


def noise(n: int, size: float, seed: int = 0) -> Floats:
    """Normal noise that is the same each time."""
    return np.random.default_rng(seed).normal(0, size, n)


def evaluated(val: Any, train: Any = None, **changed: Any) -> Analysis:
    """A log of evaluations every 100 steps, with training losses or without."""
    val = np.asarray(val, np.float64)
    steps = np.arange(len(val)) * 100
    beside = np.full(len(val), np.nan) if train is None else np.asarray(train)
    metric = changed.pop("metric", "val_loss")
    curve = analyses.curve(metric, steps, val)
    return analyses.nothing(val=curve, val_train=beside, comparable=True, **changed)


def trained(loss: Any, **changed: Any) -> Analysis:
    """A log of training losses, one a step."""
    return analyses.nothing(
        train=analyses.curve("loss", np.arange(len(loss)), loss), **changed
    )


def timed(ms: Any, pause: Any = None) -> Analysis:
    """A log of iteration times, one a step."""
    time = analyses.curve("iter_ms", np.arange(len(ms)), ms)
    return analyses.nothing(time=time, pause=pause)


def falling(n: int, low: float = 1.0) -> Floats:
    """A loss that falls from 4 more and more slowly."""
    return low + (4 - low) * np.exp(-np.arange(n) / (n / 6))


def turning(n: int, onset: int, slope: float, *, size: float = 0.0) -> Analysis:
    """Validation rises by a slope an evaluation from the onset on."""
    at = np.arange(n)
    train = 4.0 * np.exp(-at / n * 2)
    val = 1.5 + 2.5 * np.exp(-np.minimum(at, onset) / onset * 5)
    val += slope * np.maximum(0, at - onset)
    return evaluated(val * np.exp(noise(n, size)), train)


def of(rule: str, run: Analysis) -> list[Finding]:
    """What one rule finds, in the order of steps."""
    return sorted(
        (f for f in rules.findings(run) if f.rule == rule), key=lambda f: f.step
    )


def only(rule: str, run: Analysis) -> Finding:
    """The one finding of a rule."""
    found = of(rule, run)
    assert len(found) == 1, found
    return found[0]


def restarted(run: Analysis, again: Analysis, step: int) -> Analysis:
    """The run, then another whose first evaluation is at a step of the first."""
    assert run.val is not None
    assert again.val is not None
    assert run.val_train is not None
    assert again.val_train is not None
    steps = np.concatenate([run.val.steps, again.val.steps + step])
    curve = analyses.curve(
        "val_loss", steps, np.concatenate([run.val.values, again.val.values])
    )
    superseded = np.flatnonzero(run.val.steps >= step)
    curve.current[superseded] = False
    beside = np.concatenate([run.val_train, again.val_train])
    return analyses.segmented(replace(run, val=curve, val_train=beside))


# Overfitting


@pytest.mark.parametrize(
    ("run", "onset", "within"),
    [
        pytest.param(turning(30, 10, 0.1), 10, 3, id="strong"),
        pytest.param(turning(60, 20, 0.01), 20, 10, id="mild"),
        pytest.param(turning(60, 20, 0.05, size=0.02), 20, 12, id="noisy"),
        pytest.param(turning(60, 50, 0.08), 50, 4, id="late"),
        pytest.param(turning(9, 4, 0.2), 4, 4, id="sparse"),
    ],
)
def test_overfitting_is_seen_soon_after_its_onset(
    run: Analysis, onset: int, within: int
) -> None:
    """The warning comes a few evaluations after the minimum and names it."""
    found = only("overfitting", run)

    assert onset < found.step / 100 <= onset + within
    assert found.since_step is not None
    assert abs(found.since_step / 100 - onset) <= 4
    assert found.cleared_step is None


def test_a_strong_rise_is_warned_of_at_its_third_evaluation() -> None:
    """Two in a row, once the rise exceeds the bend of the curve: an exact step."""
    found = only("overfitting", turning(30, 10, 0.1))

    assert (found.since_step, found.step) == (1000, 1300)
    assert found.confirmed_step == 1300


def test_the_evidence_is_of_the_last_evaluation() -> None:
    """Rise and its share are those of validation now."""
    evidence = only("overfitting", turning(30, 10, 0.1)).evidence

    low = 1.5 + 2.5 * np.exp(-5)
    assert evidence["best"] == pytest.approx(low)
    assert evidence["rise"] == pytest.approx(1.9)
    assert evidence["rise_share"] == pytest.approx(1.9 / low)
    assert evidence["share_after"] == pytest.approx(19 / 29)
    assert evidence["unit"] == "nats/token"


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(evaluated(falling(40), falling(40)), id="clean"),
        pytest.param(
            evaluated(falling(40) * np.exp(noise(40, 0.03)), falling(40)), id="noisy"
        ),
        pytest.param(evaluated(falling(40) + 1, falling(40, 0.1)), id="gap"),
        pytest.param(evaluated(np.full(40, 2.0), falling(40)), id="flat"),
        pytest.param(evaluated([2.0, 3.0, 4.0], [2.0, 1.0, 0.5]), id="three"),
        pytest.param(evaluated(falling(9)[::-1], falling(9)[::-1]), id="both rise"),
    ],
)
def test_healthy_validation_is_no_overfitting(run: Analysis) -> None:
    """Noise, a gap, a flat loss and a divergence are none."""
    assert [] == of("overfitting", run)


def test_overfitting_that_ends_and_returns_is_two_findings() -> None:
    """Cleared on a new best, raised again after it."""
    val = np.interp(np.arange(40), [0, 8, 16, 24, 39], [3, 2, 2.8, 1.5, 2.5])
    train = 4.0 * np.exp(-np.arange(40) / 12)

    a, b = of("overfitting", evaluated(val, train))

    assert (a.since_step, a.cleared_step) == (800, 2200)
    assert (b.since_step, b.cleared_step) == (2400, None)


def test_overfitting_ends_where_the_run_goes_back() -> None:
    """A restart before the warning takes it back."""
    run = restarted(turning(20, 10, 0.1), evaluated(falling(9), falling(9)), 0)

    assert only("overfitting", run).cleared_step == 0


def test_overfitting_without_training_loss_is_never_confirmed() -> None:
    """What cannot be distinguished from divergence stays a warning."""
    run = turning(30, 10, 0.1)

    found = only("overfitting", replace(run, val_train=np.full(30, np.nan)))

    assert found.confirmed_step is None
    assert "train_fall_share" not in found.evidence


def test_bits_per_byte_overfit_as_nats_do() -> None:
    """The rule compares validation with itself; the unit is in the evidence."""
    run = turning(30, 10, 0.1)
    assert run.val is not None

    bits = replace(run, val=replace(run.val, metric="val_bpb", unit="bits/byte"))

    assert only("overfitting", bits).step == 1300
    assert only("overfitting", bits).evidence["unit"] == "bits/byte"


# Losses


def test_each_stretch_without_numbers_is_a_finding() -> None:
    """NaN and infinity fire at once, and resolve."""
    nan, inf = float("nan"), float("inf")
    run = trained([3.0, nan, inf, *[2.9] * 21, nan])

    found = [(f.severity, f.step, f.cleared_step) for f in of("not_finite", run)]

    assert found == [("critical", 1, 3), ("critical", 24, None)]


def test_values_without_numbers_that_recur_soon_are_one_finding() -> None:
    """A loss that is NaN at every other record has one cause."""
    nan = float("nan")
    run = trained([3.0, *[nan, 2.9] * 8, *[2.9] * 30])

    found = only("not_finite", run)

    assert (found.step, found.cleared_step) == (1, 16)


def test_two_losses_without_numbers_are_one_finding() -> None:
    """Validation is NaN because training is: there is one cause."""
    nan = float("nan")
    train = analyses.curve("loss", range(6), [3, 3, nan, nan, 2, 2], range(6))
    val = analyses.curve("val_loss", [2, 5], [nan, 2.0], [3, 7])

    found = only("not_finite", analyses.nothing(train=train, val=val))

    assert (found.step, found.cleared_step) == (2, 5)
    assert found.evidence["metric"] == "loss"


def test_divergence_is_seen_where_the_median_of_three_is_halfway_up() -> None:
    """An exact step, for a loss without noise."""
    loss = np.concatenate([falling(100), np.linspace(1, 6, 50)])
    level = [float(np.median(loss[i - 2 : i + 1])) for i in range(100, 150)]
    best, start = float(np.median(loss[91:100])), float(np.median(loss[:3]))
    expected = next(
        100 + i for i, v in enumerate(level) if v > best + (start - best) / 2
    )

    found = only("divergence", trained(loss))

    assert found.severity == "critical"
    assert abs(found.step - expected) <= 1
    assert found.cleared_step is None


def test_divergence_that_comes_back_is_cleared() -> None:
    """A hump is a finding with an end."""
    hump = 3 * np.exp(-(((np.arange(60) - 30) / 8) ** 2))
    loss = np.concatenate([falling(100), 1 + hump, np.full(40, 1.0)])

    found = only("divergence", trained(loss))

    assert 120 <= found.step <= 130
    assert found.cleared_step is not None
    assert 135 <= found.cleared_step <= 150


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(falling(300) + noise(300, 0.05), id="clean"),
        pytest.param(2.5 + noise(2000, 0.6), id="noise of single sequences"),
        pytest.param(np.concatenate([[1.5], falling(300)]), id="odd first value"),
        pytest.param(np.full(50, 2.0), id="constant"),
        pytest.param(np.array([2.0, 1.0]), id="two values"),
        pytest.param(-falling(100)[::-1], id="negative"),
    ],
)
def test_noise_is_no_divergence(loss: Floats) -> None:
    """A loss that is as noisy as it is high does not diverge."""
    assert [] == of("divergence", trained(loss))


@pytest.mark.parametrize("size", [0.1, 0.25])
def test_long_noise_is_no_divergence(size: float) -> None:
    """Among a million losses there are low ones, and stretches that look quiet."""
    loss = 2.5 * (1 + noise(1_000_000, size))

    assert [] == of("divergence", trained(loss))


def test_a_run_after_another_does_not_diverge() -> None:
    """Steps that go back begin anew; the median sees no value of the run before."""
    curve = analyses.curve("loss", [*range(60)] * 2, np.tile(falling(60), 2))

    assert [] == of("divergence", analyses.nothing(train=curve))


@pytest.mark.parametrize("last", [2, 3, 5])
def test_a_spike_has_its_height_and_end(last: int) -> None:
    """Known at its second value; the level before is the usual one."""
    loss = 3 + noise(200, 0.01)
    loss[100 : 100 + last] = 4.0

    found = only("spike", trained(loss))

    assert (found.since_step, found.step, found.cleared_step) == (100, 101, 100 + last)
    assert found.evidence["peak"] == pytest.approx(4.0)
    assert found.evidence["usual"] == pytest.approx(3.0, abs=0.02)
    assert found.evidence["records"] == last


def test_one_high_loss_is_an_odd_batch() -> None:
    """The loss after it is as low as before: the model did not change."""
    loss = 3 + noise(200, 0.01)
    loss[[100, 120, 122]] = 9.0

    assert [] == of("spike", trained(loss))


def test_a_new_training_does_not_begin_with_a_spike() -> None:
    """The losses of the run before are no baseline for the next."""
    loss = np.concatenate([falling(200, 1.0), falling(200, 1.0)])
    curve = analyses.curve("loss", [*range(200)] * 2, loss)

    assert [] == of("spike", analyses.nothing(train=curve))


def test_flagged_values_do_not_hide_the_next_spike() -> None:
    """A spike does not enter the window."""
    loss = 3 + noise(200, 0.01)
    loss[100:110] = 4.0
    loss[120:122] = 3.6

    assert [100, 120] == [f.since_step for f in of("spike", trained(loss))]


def test_a_new_level_fires_once() -> None:
    """What lasts is no spike after spike."""
    loss = 3 + noise(300, 0.01)
    loss[100:] += 1

    found = only("spike", trained(loss))

    assert (found.since_step, found.cleared_step) == (100, None)


def test_an_averaged_loss_has_no_spikes() -> None:
    """A running average shows the past, not a batch."""
    loss = 3 + noise(200, 0.01)
    loss[100:105] = 5.0

    assert [] == of("spike", trained(loss, smoothed_loss=True))


def test_a_plateau_fires_once_where_nothing_has_moved() -> None:
    """Twelve evaluations without change: an exact step."""
    val = [4.0, 3.0, 2.5, *[2.0] * 30]

    found = only("plateau", evaluated(val, val))

    assert (found.since_step, found.step) == (200, 1400)


@pytest.mark.parametrize(
    ("val", "train"),
    [
        pytest.param(falling(30), falling(30), id="falling"),
        pytest.param(np.full(30, 2.0), falling(30), id="training falls"),
        pytest.param(np.full(12, 2.0), np.full(12, 2.0), id="too few"),
    ],
)
def test_progress_is_no_plateau(val: Floats, train: Floats) -> None:
    """Either loss that moves is progress."""
    assert [] == of("plateau", evaluated(val, train))


def test_many_evaluations_of_a_few_steps_are_no_plateau() -> None:
    """A program that evaluates at every step towards the end has not stood still."""
    val = np.append(falling(20), np.full(20, 1.0))
    steps = np.append(np.arange(20) * 100, 1900 + np.arange(1, 21))
    run = evaluated(val, val)
    dense = replace(run, val=analyses.curve("val_loss", steps, val))

    assert [] == of("plateau", dense)


def test_evaluations_that_are_trained_again_make_no_plateau() -> None:
    """Eight flat evaluations, then the same eight anew, are eight."""
    flat = evaluated(np.full(8, 2.0), np.full(8, 2.0))

    assert [] == of("plateau", restarted(flat, flat, 0))
    assert len(of("plateau", restarted(flat, flat, 800))) == 1


# Course


def test_a_slowdown_fires_after_ten_slow_lines() -> None:
    """Medians of twenty turn at the tenth slow line; for ten lines they stay."""
    ms = np.full(400, 100.0)
    ms[300:] = 140.0

    found = only("slowdown", timed(ms))

    assert (found.since_step, found.step) == (300, 318)
    assert {"now_ms": 140.0, "before_ms": 100.0, "clean": "yes"} == found.evidence


@pytest.mark.parametrize("height", [110.0, 130.0])
def test_short_or_small_delays_are_no_slowdown(height: float) -> None:
    """A tenth for long, or a third for a few lines, is nothing."""
    ms = np.full(400, 100.0)
    ms[300 : 400 if height < 115 else 308] = height

    assert [] == of("slowdown", timed(ms))


def test_a_quick_stretch_before_makes_no_slowdown() -> None:
    """The pace before is the median of two hundred, not its quickest part."""
    ms = np.full(400, 100.0)
    ms[150:170], ms[300:] = 50.0, 110.0

    assert [] == of("slowdown", timed(ms))


def test_pauses_are_no_slowdown() -> None:
    """An evaluation every other line does not slow the iterations."""
    ms = np.full(500, 100.0)
    ms[300::2] = 900.0

    assert [] == of("slowdown", timed(ms, ms > 500))


def saved(line: int) -> Milestone:
    """A checkpoint at a line of the log."""
    return Milestone("checkpoint", line, 0, "saving checkpoint to out")


def test_a_checkpoint_worse_than_the_best_fires() -> None:
    """The last one saved counts, against the best until then."""
    run = evaluated([2.0, 1.0, 1.5, 1.8], [2.0] * 4, format="nanogpt")

    late = only("best_checkpoint_lost", replace(run, milestones=(saved(3), saved(9))))
    good = replace(run, milestones=(saved(3),))

    assert (late.since_step, late.step) == (100, 300)
    assert [] == of("best_checkpoint_lost", good)


def end(kind: str, line: int = 999) -> Milestone:
    """A milestone behind the last record."""
    return Milestone(kind, line, None, "text")


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("finished", ["finished"]),
        ("error", ["crashed"]),
        ("out of memory", ["crashed"]),
        ("killed", ["crashed"]),
        ("cancelled", ["crashed"]),
        ("interrupted", []),
        ("checkpoint", []),
    ],
)
def test_the_end_is_a_finding(kind: str, rule: list[str]) -> None:
    """Finished or not; a run that a person interrupted is none."""
    run = trained([3.0, 2.9], milestones=(end(kind),))

    assert rule == [f.rule for f in rules.findings(run)]


def test_a_crash_before_the_first_step_is_a_finding() -> None:
    """A log that holds nothing but an error has its finding; an empty one none."""
    dead = analyses.nothing(milestones=(end("error"),))

    assert [("crashed", 0)] == [(f.rule, f.step) for f in rules.findings(dead)]
    assert () == rules.findings(analyses.nothing())


def test_the_most_severe_comes_first() -> None:
    """Findings are sorted by severity, then by step."""
    loss = 3 + noise(200, 0.01)
    loss[99:101], loss[150] = 4.0, float("nan")
    run = trained(loss, milestones=(end("error"),))

    found = [(f.severity, f.step) for f in rules.findings(run)]

    assert found == [("critical", 150), ("critical", 199), ("info", 100)]


# The online law


def cut(run: Analysis, line: int) -> Analysis:
    """The run as it was when the log had so many lines."""
    val, train, time = (short(c, line) for c in (run.val, run.train, run.time))
    early = replace(
        run,
        val=val,
        train=train,
        time=time,
        val_train=run.val_train[: len(val)]
        if val and run.val_train is not None
        else None,
        pause=run.pause[: len(time)] if time and run.pause is not None else None,
    )
    return analyses.segmented(early)


def short(curve: Curve | None, line: int) -> Curve | None:
    """The points of a curve up to a line; all current that were so then."""
    if curve is None:
        return None
    n = int(np.searchsorted(curve.lines, line, "right"))
    steps = curve.steps[:n]
    ahead = np.minimum.accumulate(steps[::-1])[::-1]
    current = np.append(steps[:-1] < ahead[1:], values=True)[:n]
    return Curve(
        curve.metric, curve.unit, steps, curve.values[:n], curve.lines[:n], current
    )


def wild(seed: int) -> Analysis:
    """A run with spikes, a new level, NaN, a hump and slow stretches."""
    rng = np.random.default_rng(seed)
    n = 900
    loss = falling(n) * np.exp(rng.normal(0, 0.02, n))
    for at, length, factor in zip(
        rng.integers(0, n, 8), rng.integers(1, 60, 8), rng.uniform(1, 3, 8), strict=True
    ):
        loss[at : at + length] *= factor
    at, length = int(rng.integers(0, n)), int(rng.integers(1, 40))
    loss[at : at + length] = np.nan
    evaluations = np.arange(0, n, EVERY)
    val = turning(len(evaluations), 30, 0.02 * seed, size=0.01).val
    assert val is not None
    values = val.values.copy()
    values[rng.integers(0, len(values), 2)] = np.nan
    ms = rng.gamma(400, 0.25, n) * np.where(np.arange(n) > 500, 1.3, 1)
    return analyses.nothing(
        train=analyses.curve("loss", range(n), loss),
        val=analyses.curve("val_loss", evaluations, values, evaluations + 1),
        val_train=falling(len(evaluations), 0.2),
        comparable=True,
        time=analyses.curve("iter_ms", range(n), ms),
        pause=rng.random(n) < 0.1,
    )


def flat(seed: int) -> Analysis:
    """A run whose evaluations hardly move, and which goes back."""
    val = np.append(falling(20), np.full(40, 1.0)) + noise(60, 0.001, seed)
    run = evaluated(val, val)
    return restarted(run, evaluated(val, val), 1500 + 500 * seed)


KINDS: list[Callable[[int], Analysis]] = [wild, flat]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("rule", list(rules.RULES))
def test_findings_are_never_taken_back(
    make: Callable[[int], Analysis], seed: int, rule: str
) -> None:
    """Findings of a prefix of the log begin the findings of the whole."""
    run, judge = make(seed), rules.RULES[rule]
    settings = rules.Settings()
    whole = [f.step for f in judge(run, settings)]
    curve = run.train or run.val
    assert curve is not None

    for line in range(1, len(curve) + 1, 7):
        early = [f.step for f in judge(cut(run, line), settings)]
        assert early == whole[: len(early)], line


def test_the_wild_runs_have_findings() -> None:
    """The law above is not kept by silence."""
    found = {f.rule for seed in range(4) for f in rules.findings(wild(seed))}
    found |= {f.rule for seed in range(4) for f in rules.findings(flat(seed))}

    wanted = {"overfitting", "not_finite", "divergence", "spike", "slowdown", "plateau"}
    assert wanted <= found


def test_long_logs_come_to_an_end() -> None:
    """A million records and twenty thousand evaluations."""
    n = 1_000_000
    steps = np.arange(0, n, 50)
    loss = falling(n) * np.exp(noise(n, 0.02))
    run = analyses.nothing(
        train=analyses.curve("loss", range(n), loss),
        val=analyses.curve("val_loss", steps, loss[::50], steps + 1),
        val_train=loss[::50],
        time=analyses.curve("iter_ms", range(n), 100 + noise(n, 1)),
        pause=np.zeros(n, dtype=bool),
    )

    assert {"spike"} >= {f.rule for f in rules.findings(run)} - {"plateau"}


# Settings


def test_settings_are_taken_by_their_keys() -> None:
    """Every key of every rule can be set; the others keep their defaults."""
    tables = {
        "overfitting": {"sensitivity": "low", "rise": 0.02, "evaluations": 6},
        "divergence": {"share": 0.4, "factor": 2},
        "spike": {"deviations": 6, "rise": 0.2},
        "plateau": {"change": 0.01, "evaluations": 20},
        "slowdown": {"factor": 1.5, "lines": 30},
        "evaluation_cost": {"share": 0.5},
        "best_checkpoint_lost": {"rise": 0.05},
    }

    chosen = rules.settings(tables)

    assert chosen.overfitting.sensitivity == "low"
    assert chosen.overfitting.train_fall == rules.Settings().overfitting.train_fall
    assert chosen.slowdown.lines == 30
    assert chosen.best_checkpoint_lost.rise == 0.05
    assert rules.settings({}) == rules.Settings()


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([], "must be a table"),
        ({"overfiting": {}}, "did you mean 'overfitting'"),
        ({"zzz": {}}, "known: overfitting"),
        ({"spike": 3}, "write [rules.spike]"),
        ({"spike": {"deviation": 3}}, "did you mean 'deviations'"),
        ({"spike": {"rise": "high"}}, "a number above 0, got 'high'"),
        ({"spike": {"rise": True}}, "a number above 0"),
        ({"spike": {"rise": 0}}, "a number above 0"),
        ({"spike": {"rise": float("nan")}}, "a number above 0"),
        ({"slowdown": {"lines": 2.5}}, "a whole number above 0, got 2.5"),
        ({"overfitting": {"sensitivity": "hgih"}}, "one of low, normal, high"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tables: Any, message: str) -> None:
    """The message names what was meant."""
    with pytest.raises(ConfigError) as error:
        rules.settings(tables)

    assert message in str(error.value)


def test_settings_change_what_is_found() -> None:
    """A rule uses its settings."""
    loss = 3 + noise(200, 0.01)
    loss[100:102] = 3.5
    strict = rules.settings({"spike": {"rise": 0.3}})

    assert rules.findings(trained(loss), strict) == ()
    assert len(rules.findings(trained(loss))) == 1
