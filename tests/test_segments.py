"""Restarts are found, and what they trained again is superseded."""

import numpy as np
import pytest

from parsers.batch import Ints, Milestone
from watcher.analysis.segments import current, segments


def at(*steps: int) -> tuple[Ints, Ints]:
    """Records with these steps on every second line, from line 10."""
    return np.arange(len(steps), dtype=np.int64) * 2 + 10, np.array(steps)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param((0, 10, 20), [(0, 20, "start")], id="one stretch"),
        pytest.param((5, 5, 6), [(5, 6, "start")], id="repeated step"),
        pytest.param(
            (0, 10, 20, 10, 20, 30), [(0, 20, "start"), (10, 30, "resumed")], id="back"
        ),
        pytest.param(
            (0, 10, 20, 0, 10), [(0, 20, "start"), (0, 10, "restarted")], id="again"
        ),
    ],
)
def test_a_step_back_begins_a_stretch(
    steps: tuple[int, ...], expected: list[tuple[int, int, str]]
) -> None:
    """Steps that go back mean a restart: from a checkpoint, or from the beginning."""
    found = segments(*at(*steps), [])

    assert expected == [(s.first_step, s.last_step, s.reason) for s in found]


def test_a_log_that_says_resumed_is_believed() -> None:
    """A resumption from the very first checkpoint is no new training."""
    lines, steps = at(0, 10, 0, 10)
    said = Milestone("resumed", 13, None, "Resuming training from out")

    assert "resumed" == segments(lines, steps, [said])[1].reason


def test_two_writers_are_no_restarts() -> None:
    """Two processes that write one file go back and forth; that is one stretch."""
    steps = [s for i in range(40) for s in (i * 10 + 10, i * 10)]

    assert 1 == len(segments(*at(*steps), []))


def test_trained_again_is_superseded() -> None:
    """Of steps trained twice only the last time is current, however often."""
    lines, steps = at(0, 10, 20, 30, 20, 30, 40, 10, 20)

    mask = current(lines, steps, segments(lines, steps, []))

    assert [True, False, False, False, False, False, False, True, True] == list(mask)


def test_nothing_is_one_empty_log() -> None:
    """A log without records has no stretches."""
    assert () == segments(*at(), [])
