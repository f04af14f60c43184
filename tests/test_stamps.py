"""Training time out of the times of day that stand before the lines of a log."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.parser import Parser
from watcher.analysis.model import Analysis
from watcher.analysis.pipeline import analyse
from watcher.storage.columns import Run


def lines(
    *gaps: float, start: float = 0.0, first: int = 1, stamp: str = "{day} {time}"
) -> bytes:
    """A log of one record a step, so many seconds after the one before."""
    clock, text = start, ""
    for step, gap in enumerate(gaps, first):
        clock += gap
        day, rest = divmod(clock, 86400)
        hours, rest = divmod(int(rest), 3600)
        time = f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
        head = stamp.format(day=f"2026-01-{1 + int(day):02d}", time=time)
        text += f"{head} INFO step {step}/1000 | loss {2 - step / 1000:.4f}\n"
    return text.encode()


def read(data: bytes, *cuts: int) -> Analysis:
    """What is known of a log, fed in pieces."""
    parser, run = Parser(), Run()
    for first, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
        run.add(parser.feed(data[first:end]))
    run.add(parser.flush())
    return analyse(run, name="run", path="run")


@pytest.mark.parametrize(
    "stamp", ["{day} {time}", "[{day}T{time}]", "{day} {time},000 -"]
)
def test_stamps_give_time_and_what_is_left(stamp: str) -> None:
    """Of a log that prints no time itself."""
    summary = read(lines(*[3.0] * 300, stamp=stamp)).summary

    assert summary.typical_ms == 3000.0
    assert summary.training_s == pytest.approx(3.0 * 299, abs=10)
    assert summary.eta_s == pytest.approx(3.0 * 700, rel=0.01)


def objects(key: str, *times: object, **more: object) -> bytes:
    """A log of JSON lines with the time of each under a key."""
    rows = (
        {key: time, "step": step, "loss": 2 - step / 1000, "max_steps": 1000} | more
        for step, time in enumerate(times, 1)
    )
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def instants(form: str) -> list[object]:
    """300 times, three seconds one after the other, in one form."""
    seconds = [1_755_930_007.6 + 3 * n for n in range(300)]
    if form == "seconds":
        return [round(s, 3) for s in seconds]
    if form == "whole seconds":
        return [int(s) for s in seconds]
    if form == "milliseconds":
        return [int(1000 * s) for s in seconds]
    return [datetime.fromtimestamp(s, UTC).strftime(form) for s in seconds]


@pytest.mark.parametrize("key", ["timestamp", "ts", "time"])
@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S.%f+02:00",
        "%Y-%m-%d %H:%M:%S",
        "seconds",
        "whole seconds",
        "milliseconds",
    ],
)
def test_json_lines_state_when_they_were_written(form: str, key: str) -> None:
    """Rows that are read by columns, and odd ones."""
    rows = objects(key, *instants(form))
    odd = objects(key, *instants(form), tags=["a"])

    for data in (rows, odd, rows[:4001] + odd[odd.index(b"\n", 5000) + 1 :]):
        summary = read(data, 1000, 4000).summary
        assert summary.typical_ms == 3000.0
        assert summary.eta_s == pytest.approx(3.0 * 700, rel=0.01)


def test_a_key_named_time_is_no_clock_where_it_is_none() -> None:
    """Seconds since the start, and times of an iteration, are no time of writing."""
    small = read(objects("time", *(0.1 * n for n in range(300))))
    stated = read(objects("ts", *instants("seconds"), iter_ms=150.0))

    assert small.summary.typical_ms is None
    assert "train_time_ms" not in small.curves
    assert stated.summary.typical_ms == 150.0


def test_stamps_show_a_slowdown() -> None:
    """From the clock alone."""
    analysis = read(lines(*[20.0] * 60, *[120.0] * 20))

    assert [("slowdown", 61)] == [(f.rule, f.since_step) for f in analysis.findings]


def test_midnight_is_no_step_back() -> None:
    """The time of the day begins anew, the training goes on."""
    analysis = read(lines(*[20.0] * 100, start=86_400 - 1000))

    assert analysis.summary.training_s == 20.0 * 99


def test_a_restart_takes_no_time() -> None:
    """The night between two processes is none of training."""
    first, second = lines(*[20.0] * 50), lines(*[20.0] * 80, start=40_000)

    analysis = read(first + second)

    assert analysis.summary.training_s == 20.0 * (49 + 79)


def test_a_log_that_states_its_times_needs_no_stamps() -> None:
    """The printed time of an iteration is more exact."""
    stamped = lines(*[20.0] * 50).replace(b"| loss", b"| 150.0ms | loss")

    assert read(stamped).summary.typical_ms == 150.0


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 6000), max_size=5))
def test_stamps_are_the_same_however_the_log_is_cut(cuts: list[int]) -> None:
    """The clock is part of the state of the parser."""
    data = lines(*np.random.default_rng(0).gamma(2, 4, 120).tolist())

    whole, cut = read(data), read(data, *sorted(min(c, len(data)) for c in cuts))

    assert whole.curves["train_time_ms"].values.tolist() == (
        cut.curves["train_time_ms"].values.tolist()
    )


def test_the_mean_of_a_resumed_log_is_of_its_own_steps() -> None:
    """It begins at step 900 of 1,000: what came before took none of its time."""
    summary = read(lines(*[20.0] * 100, first=900)).summary

    assert summary.mean_ms == pytest.approx(20_000.0, rel=0.02)


def test_the_mean_of_a_restarted_log_counts_steps_trained_again() -> None:
    """Its second process begins at step 0 and gets less far than the first."""
    text = lines(*[20.0] * 100, first=900) + lines(*[20.0] * 50, start=40_000)

    assert read(text).summary.mean_ms == pytest.approx(20_000.0, rel=0.03)


def test_a_mean_of_several_iterations_shows_no_cost_of_an_evaluation() -> None:
    """It is unknown rather than wrong."""
    text = lines(*[2.0, 2.0, 2.0, 30.0] * 50).replace(b"/1000", b"")
    evaluated = b"".join(
        line + (b"\nValidation loss: 2.5000" if i % 4 == 2 else b"") + b"\n"
        for i, line in enumerate(text.splitlines())
    )

    summary = read(evaluated).summary

    assert summary.evaluations
    assert (None, None) == (summary.eval_ms, summary.eval_share)
