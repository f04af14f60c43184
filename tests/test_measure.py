"""Curves and figures of a run are those of its log, pauses apart."""

import math

import numpy as np
import pytest

from parsers.batch import Floats
from parsers.parser import Parser
from watcher.analysis import pieces
from watcher.analysis.model import Analysis
from watcher.analysis.pipeline import analyse
from watcher.analysis.smoothing import centred_mean
from watcher.storage.columns import Run


HEADER = "max_iters = 1000\nbatch_size = 12\nblock_size = 64\n"


def measured(log: str, window: int | None = None) -> Analysis:
    """The analysis of a log, without findings."""
    parser, run = Parser(), Run()
    run.add(parser.feed(log.encode()))
    run.add(parser.flush())
    return analyse(run, name="run", path="run", window=window)


def nanogpt(iterations: int, *, every: int = 50, evaluation_ms: float = 1650.0) -> str:
    """A run of 118 ms an iteration, logged each tenth, with costly evaluations.

    The MFU is nanoGPT's running mean of 23.6 % and of less where a pause is in it.
    """
    rows, mean = [HEADER], -1.0
    for i in range(0, iterations, 10):
        pause = evaluation_ms if i % every == 0 else 0.0
        if pause:
            loss = 4 - i / iterations
            rows.append(f"step {i}: train loss {loss:.4f}, val loss {loss:.4f}\n")
        ms = 118.0 + pause
        fresh = 23.6 * 118.0 / ms
        mean = fresh if mean < 0 else 0.9 * mean + 0.1 * fresh
        shown = mean if i >= 50 else -100.0
        rows.append(f"iter {i}: loss 3.5, time {ms:.2f}ms, mfu {shown:.2f}%\n")
    return "".join(rows)


def test_pauses_do_not_distort_the_time() -> None:
    """The typical iteration and the cost of evaluations are separate figures."""
    summary = measured(nanogpt(1000)).summary

    assert 118.0 == summary.typical_ms
    assert pytest.approx(118.0 + 1650 * 20 / 991) == summary.mean_ms
    assert 1650.0 == summary.eval_ms
    assert pytest.approx(1650 / (1650 + 50 * 118)) == summary.eval_share


def test_pauses_do_not_distort_the_mfu() -> None:
    """Out of nanoGPT's running mean comes the MFU of an iteration itself."""
    analysis = measured(nanogpt(1000))

    assert analysis.mfu is not None
    finite = analysis.mfu.values[np.isfinite(analysis.mfu.values)]
    assert np.abs(finite - 23.6).max() < 0.3
    assert analysis.summary.mean_mfu is not None
    assert analysis.summary.mean_mfu < 22


def test_stated_evaluation_times_are_used() -> None:
    """Where evaluations have a time of their own, iterations hold none of it."""
    rows = [
        f"step {i}: train loss 2.5, val loss 2.5\n"
        f'gptwatch: {{"event": "eval", "step": {i}, "eval_ms": 500.0}}\n'
        + "".join(f"iter {i + k}: loss 2.5, time 10.00ms\n" for k in range(50))
        for i in range(0, 500, 50)
    ]

    summary = measured("".join(rows)).summary

    assert (500.0, 0.5) == (summary.eval_ms, summary.eval_share)


def test_throughput_comes_from_the_settings() -> None:
    """Tokens a second are tokens of a step over the typical time."""
    summary = measured(nanogpt(1000)).summary

    assert 12 * 64 == summary.tokens_per_step
    assert pytest.approx(12 * 64 / 0.118) == summary.tokens_per_s


def test_time_left_counts_evaluations() -> None:
    """To 1,000 steps from 490 it takes iterations and their share of pauses."""
    summary = measured(nanogpt(500)).summary

    assert pytest.approx(510 * (118 + 1650 / 50) / 1000) == summary.eta_s
    assert summary.outcome is None


def test_a_run_at_its_last_step_is_finished() -> None:
    """At max_iters a run has ended, and nothing is left."""
    summary = measured(nanogpt(1001)).summary

    assert ("finished", None) == (summary.outcome, summary.eta_s)


def test_training_loss_at_an_evaluation_is_what_was_known_then() -> None:
    """Without one in the log: the mean since the evaluation before, nothing later."""
    rows = [f"step {i} loss={10 - i}" + "\n" for i in range(8)]
    rows.insert(4, "step 3 val_loss=9.0\n")
    rows.append("step 7 val_loss=8.0\n")

    analysis = measured("".join(rows))

    assert analysis.val_train is not None
    assert [8.5, 4.5] == analysis.val_train.tolist()


def test_bits_per_byte_are_never_compared_with_nats() -> None:
    """A validation figure in another unit has no ratio and no gap."""
    rows = [
        f"Step {i:05d} | Validation bpb: {1.5 - i / 9000:.4f}\n"
        f"step {i:05d}/01000 (0.00%) | loss: 4.500000 | lrm: 1.00 | dt: 900.00ms | "
        f"tok/sec: 14,336 | mfu: 48.00 | total time: 0.00m\n"
        for i in range(0, 1000, 100)
    ]

    analysis = measured("".join(rows))

    assert analysis.val is not None
    assert "bits/byte" == analysis.val.unit
    assert not analysis.comparable
    assert (None, None) == (analysis.summary.ratio, analysis.summary.gap)


def test_a_traceback_behind_the_last_record_is_how_it_ended() -> None:
    """The last line of the traceback is quoted; not of one that was resumed from."""
    crash = "Traceback (most recent call last):\n  File x\nValueError: bad batch\n"

    ended = measured(nanogpt(500) + crash).summary
    went_on = measured(nanogpt(300) + crash + nanogpt(500)).summary

    assert ("crashed", "ValueError: bad batch") == (ended.outcome, ended.outcome_text)
    assert went_on.outcome is None


def test_what_is_not_finite_is_counted() -> None:
    """NaN losses are counted, and the first of them has its step."""
    rows = [
        f"iter {i}: loss {'nan' if i > 6 else 2.5}, time 9.00ms\n" for i in range(9)
    ]

    summary = measured("".join(rows)).summary

    assert (2, 7, 2.5) == (
        summary.nonfinite,
        summary.first_nonfinite_step,
        summary.final_loss,
    )


@pytest.mark.parametrize(("n", "window"), [(30, 3), (1000, 50), (4, 0)])
def test_window_grows_with_the_log_up_to_fifty(n: int, window: int) -> None:
    """The moving average is over min(50, n // 10) points unless set otherwise."""
    log = "".join(f"iter {i}: loss 2.5, time 9.00ms\n" for i in range(n))

    assert (window, 7) == (measured(log).window, measured(log, 7).window)


def test_smoothing_does_not_lag() -> None:
    """A straight line stays where it is, to its very ends."""
    line = np.linspace(5.0, 1.0, 100_001)

    assert np.allclose(line, centred_mean(line, 51), rtol=1e-12)


def test_smoothing_breaks_at_what_is_not_finite() -> None:
    """A gap stays a gap, and no window reaches over it."""
    values = np.array([1.0, 1.0, math.nan, 3.0, math.inf, 5.0, 6.0, 7.0])

    smooth = centred_mean(values, 3)

    assert [1.0, 1.0] == smooth[:2].tolist()
    assert [3.0, 5.0, 6.0, 7.0] == smooth[[3, 5, 6, 7]].tolist()
    assert np.isnan(smooth[[2, 4]]).all()


def _noisy(level: Floats) -> Floats:
    return np.asarray(level + 0.05 * np.sin(np.arange(len(level)) * 2.4))


@pytest.mark.parametrize("first", [0, 101, 497])
def test_smoothing_does_not_smear_a_spike(first: int) -> None:
    """Three iterations at 900 leave no plateau around them, wherever they stand."""
    values = _noisy(np.full(500, 2.0))
    values[first : first + 3] = 900.0

    smooth = centred_mean(values, 50)

    around = np.r_[0:first, first + 3 : 500]
    assert 2.06 > smooth[around].max()


@pytest.mark.parametrize("at", [102, 250, 255])
def test_smoothing_rises_where_the_loss_rises(at: int) -> None:
    """A jump, even between two blocks, is as sharp as in the log."""
    values = _noisy(np.where(np.arange(510) < at, 2.0, 5.0))

    smooth = centred_mean(values, 50)

    assert 2.1 > smooth[:at].max()
    assert 4.9 < smooth[at:].min()


def test_smoothing_of_a_long_log_has_no_seams() -> None:
    """Blocks of a long log give what the log in one piece gives."""
    values = _noisy(np.full(140_000, 2.0))
    values[65_530:65_540] = 40.0

    smooth = centred_mean(values, 50)

    assert 2.06 > np.delete(smooth, np.s_[65_530:65_540]).max()
    assert np.allclose(
        smooth[65_600:65_900], centred_mean(values[65_550:65_950], 50)[50:350]
    )


def test_an_end_noted_by_the_runner_is_quoted_as_its_exit_code() -> None:
    """The note of `gptwatch run` is quoted as an exit code; a cause goes before it."""
    note = 'gptwatch: {"event": "exit", "status": "crashed", "code": 3}\n'
    log = nanogpt(20)

    assert "exit code 3" == measured(log + note).summary.outcome_text
    cause = "Traceback (most recent call last):\nValueError: bad batch\n"
    assert "ValueError: bad batch" == measured(log + cause + note).summary.outcome_text


@pytest.mark.parametrize(
    ("line", "epochs"),
    [("epoch={0} loss={1}\n", True), ("step={0} epoch=1 loss={1}\n", False)],
)
def test_a_log_that_counts_epochs_is_known(line: str, *, epochs: bool) -> None:
    """Its steps are epochs, in every sentence."""
    log = "".join(line.format(i, 4 - i / 10) for i in range(1, 20))

    assert epochs is measured(log).epochs


def test_time_is_the_same_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of millions of records only some are looked at together."""
    log = nanogpt(1000).replace("iter 500: ", "iter 503: ")
    whole = measured(log).elapsed_s
    assert whole is not None

    monkeypatch.setattr(pieces, "_PART", 7)

    np.testing.assert_array_equal(whole, measured(log).elapsed_s)
