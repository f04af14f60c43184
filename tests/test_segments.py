"""Restarts are found, and what they trained again is superseded."""

import numpy as np
import pytest
from analyses import curve

from parsers.batch import Ints, Milestone
from watcher.analysis.segments import current, replay, restarts, segments, spans


def at(*steps: int) -> tuple[Ints, Ints]:
    """Records with these steps on every second line, from line 10."""
    return np.arange(len(steps), dtype=np.int64) * 2 + 10, np.array(steps)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param((0, 10, 20), [(0, 20, "start")], id="one stretch"),
        pytest.param((5, 5, 6), [(5, 6, "start")], id="repeated step"),
        pytest.param((0, 10, 20, 20, 30), [(0, 30, "start")], id="the same step again"),
        pytest.param(
            (0, 10, 20, 30, 20, 30), [(0, 30, "start"), (20, 30, "resumed")], id="back"
        ),
        pytest.param(
            (0, 1, 2, 1, 2), [(0, 2, "start"), (1, 2, "restarted")], id="next stage"
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
    message = Milestone("resumed", 13, None, "Resuming training from out")

    assert "resumed" == segments(lines, steps, [message])[1].reason


def test_a_resumption_that_loses_no_step_begins_a_segment() -> None:
    """A process that was killed may go on at the very next step."""
    lines, steps = at(0, 10, 20, 30)
    loaded = Milestone("resumed", 13, None, "loaded checkpoint")

    found = segments(lines, steps, [loaded])

    assert [(0, 10, 1), (20, 30, 13)] == [
        (s.first_step, s.last_step, s.first_line) for s in found
    ]
    assert all(current(lines, steps, found))


@pytest.mark.parametrize(("steps", "n"), [((0, 0, 10), 2), ((0, 10, 20), 1)])
def test_a_training_that_starts_at_the_same_step_is_another(
    steps: tuple[int, ...], n: int
) -> None:
    """A run of one record is followed by another; other starts are only announced."""
    message = Milestone("start", 11, None, "Training started")

    assert n == len(segments(*at(*steps), [message]))


def test_restarts_are_places_in_any_curve() -> None:
    """A curve with fewer points goes on at its first point after a restart."""
    lines, steps = at(0, 10, 20, 30, 20, 30, 40)
    found = segments(lines, steps, [])
    val = curve("val_loss", [0, 30, 30], [3.0, 2.0, 2.1], [11, 16, 21])

    assert [4] == restarts(lines, found).tolist()
    assert [2] == restarts(val.lines, found).tolist()
    assert [(0, 2), (2, 3)] == list(spans(val.lines, found))
    assert [(0, None), (1, None), (2, 20)] == list(replay(val, found))


def test_two_writers_are_no_restarts() -> None:
    """Two processes that write one file go back and forth; that is one stretch."""
    steps = [s for i in range(40) for s in (i * 10 + 10, i * 10)]

    assert 1 == len(segments(*at(*steps), []))


def test_writers_of_whole_blocks_are_no_restarts() -> None:
    """Standard output that is buffered comes in blocks, now of one, now of another."""
    blocks = [
        [*range(i, i + 20), *range(5000 + i, 5020 + i)] for i in range(0, 200, 20)
    ]
    steps = [step for block in blocks for step in block]

    assert 1 == len(segments(*at(*steps), []))


def test_many_trainings_in_one_file_are_restarts() -> None:
    """A sweep that appends to one log."""
    steps = [*range(0, 240, 10)] * 12

    assert 12 == len(segments(*at(*steps), []))


def test_trained_again_is_superseded() -> None:
    """Of steps trained twice only the last time is current, however often."""
    lines, steps = at(0, 10, 20, 30, 20, 30, 40, 10, 20)

    mask = current(lines, steps, segments(lines, steps, []))

    assert [True, False, False, False, False, False, False, True, True] == list(mask)


def test_nothing_is_one_empty_log() -> None:
    """A log without records has no stretches."""
    assert () == segments(*at(), [])


def test_the_last_evaluation_belongs_to_the_run_before() -> None:
    """It stands behind its last record; the first of the next before its first."""
    lines, steps = at(0, 10, 20, 30, 0, 10)  # lines 10, 12, 14, 16, 18, 20
    val = curve("val_loss", [0, 30, 0], [3.0, 2.0, 3.0], [9, 16, 17])

    found = segments(lines + (lines > 16), steps, [], val)

    assert [1, 17] == [s.first_line for s in found]
