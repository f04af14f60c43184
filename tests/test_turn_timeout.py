"""The limit on the CPU time of one log's turn."""

import time

import pytest

from watcher.ingest.timeout import TimeLimit, TurnTimeoutError


def work() -> None:
    """Uses the CPU until it is interrupted, but not for ever."""
    end = time.process_time() + 10.0
    while time.process_time() < end:
        pass


def test_a_turn_that_swallows_the_interrupt_is_interrupted_again() -> None:
    """As the collector of garbage does, which only reports what a `__del__` raises."""
    with TimeLimit(0.05) as limit:
        limit.start()
        for _ in range(2):
            with pytest.raises(TurnTimeoutError):
                work()
        limit.stop()


def test_nothing_is_interrupted_between_two_turns() -> None:
    """Nor after the last one."""
    with TimeLimit(0.01) as limit:
        limit.start()
        limit.stop()
        end = time.process_time() + 0.1
        while time.process_time() < end:
            pass
