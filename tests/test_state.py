"""How a run is, from the signs of its life."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.daemon.run_state import Signs, decide
from watcher.daemon.state_names import (
    CRASHED,
    FINISHED,
    OVER,
    QUIET,
    RUNNING,
    STALLED,
    STOPPED,
)


# A line a second; more than a minute of silence is too much.
ALIVE = Signs(
    outcome=None,
    writer="alive",
    silent_s=1.0,
    timeout_s=60.0,
    usual_s=1.0,
    last_step=500,
    max_steps=1000,
)
BAD_ENDS = ("crashed", "out of memory", "killed")


@pytest.mark.parametrize(
    ("expected", "signs"),
    [
        (RUNNING, {}),
        (RUNNING, {"silent_s": 5.0}),
        (QUIET, {"silent_s": 6.0}),
        (QUIET, {"silent_s": 60.0}),
        (STALLED, {"silent_s": 61.0}),
        (QUIET, {"silent_s": 300.0, "usual_s": 30.0, "timeout_s": 900.0}),
        (RUNNING, {"usual_s": 0.01, "silent_s": 4.0}),
        # Its process has ended.
        (RUNNING, {"writer": "gone"}),
        (QUIET, {"writer": "gone", "silent_s": 19.0}),
        (STOPPED, {"writer": "gone", "silent_s": 20.0}),
        (CRASHED, {"writer": "gone", "outcome": "crashed"}),
        (CRASHED, {"writer": "gone", "outcome": "out of memory"}),
        (CRASHED, {"writer": "gone", "outcome": "killed"}),
        (FINISHED, {"writer": "gone", "outcome": "finished"}),
        (FINISHED, {"writer": "gone", "last_step": 1000}),
        (FINISHED, {"writer": "gone", "last_step": 999}),
        (STOPPED, {"writer": "gone", "last_step": 998, "silent_s": 20.0}),
        (STOPPED, {"writer": "gone", "outcome": "interrupted"}),
        # Nobody can tell who writes.
        (STALLED, {"writer": "unknown", "silent_s": 3600.0}),
        (STOPPED, {"writer": "unknown", "silent_s": 86_400.0}),
        (CRASHED, {"writer": "unknown", "outcome": "killed"}),
        (RUNNING, {"writer": "unknown", "last_step": 1000}),
        (FINISHED, {"writer": "unknown", "last_step": 1000, "silent_s": 20.0}),
        # Its process lives.
        (RUNNING, {"outcome": "crashed"}),
        (RUNNING, {"outcome": "finished"}),
        (FINISHED, {"outcome": "finished", "silent_s": 20.0}),
        (RUNNING, {"last_step": 1000}),
        (STALLED, {"last_step": 1000, "silent_s": 61.0}),
        # Nothing is known of steps.
        (STOPPED, {"writer": "gone", "last_step": None, "silent_s": 20.0}),
        (STOPPED, {"writer": "gone", "max_steps": None, "silent_s": 20.0}),
        (STOPPED, {"writer": "gone", "max_steps": 0, "silent_s": 20.0}),
    ],
)
def test_signs_decide_the_state(expected: str, signs: dict[str, object]) -> None:
    """The table of what is concluded from what."""
    assert expected == decide(replace(ALIVE, **signs))  # type: ignore[arg-type]


ANY = st.builds(
    Signs,
    outcome=st.sampled_from([None, "finished", "interrupted", *BAD_ENDS]),
    writer=st.sampled_from(["alive", "gone", "unknown"]),
    silent_s=st.floats(0, 1e6),
    timeout_s=st.floats(30, 1e5),
    usual_s=st.floats(0, 1e4),
    last_step=st.none() | st.integers(0, 2000),
    max_steps=st.none() | st.integers(0, 2000),
)


@given(ANY)
def test_no_false_crashed_ever(signs: Signs) -> None:
    """Only a log that tells a bad end of a process that is not alive is of a crash."""
    if decide(signs) == CRASHED:
        assert signs.outcome in BAD_ENDS
        assert signs.writer != "alive"


@given(ANY)
def test_a_living_process_is_over_only_where_its_log_says_so(signs: Signs) -> None:
    """Silence alone never ends a run whose process lives."""
    if signs.writer == "alive" and decide(signs) in OVER:
        assert (FINISHED, "finished") == (decide(signs), signs.outcome)


@given(ANY, st.floats(0, 1e6))
def test_silence_only_makes_it_graver(signs: Signs, more_s: float) -> None:
    """What is over stays over while nothing comes, and nothing runs again by itself."""
    order = [RUNNING, QUIET, STALLED]
    before = decide(signs)
    after = decide(replace(signs, silent_s=signs.silent_s + more_s))

    if before in OVER:
        assert after in OVER
    elif after not in OVER:
        assert order.index(before) <= order.index(after)
