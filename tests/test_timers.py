"""The daemon's timers run by time that passes, whatever the wall clock says."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from oracle import FakeClock, until

from watcher.daemon.timers import Timers


STEPS = [-3600.0, 3600.0]


class Still(FakeClock):
    """A wall clock that stands still as the uptime does, however slow the machine.

    Attributes:
        asked: the `jump` that each of APScheduler's looks at the clock saw.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def now(self) -> float:
        """The time, as far as it was set."""
        return 1e9 + self.up + self.jump


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Still:
    """A wall clock that can be set; APScheduler sees it, too."""
    clock = Still()

    class Shifted(dt.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            clock.asked.append(clock.jump)
            return dt.datetime.now(tz) + dt.timedelta(seconds=clock.asked[-1])

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Shifted)
    monkeypatch.setattr("apscheduler.triggers.interval.datetime", Shifted)
    return clock


@pytest.fixture
def called() -> list[str]:
    return []


@pytest.fixture
def timers(clock: Still, called: list[str]) -> Iterator[Timers]:
    timers = Timers({"sweep": 0.05, "draw": "0 3 * * *"}, called.append, clock)
    timers.start()
    yield timers
    timers.stop()


def goes_on(called: list[str]) -> None:
    """Waits for calls; those under way when the clock was set do not count."""
    before = len(called) + 3
    until(lambda: len(called) > before)


@pytest.mark.parametrize("step", STEPS)
def test_a_stepped_wall_clock_stops_no_timer(
    timers: Timers,
    clock: Still,
    called: list[str],
    caplog: pytest.LogCaptureFixture,
    step: float,
) -> None:
    """After the clock was set, intervals go on, and that is logged once."""
    until(lambda: called)

    clock.jump += step
    timers.check()
    timers.check()
    goes_on(called)

    expected = f"the wall clock was set by {step:+.0f} s; timers start anew"
    assert [expected] == caplog.messages


@pytest.mark.parametrize("step", STEPS)
def test_a_clock_that_was_stepped_and_set_right_between_two_checks(
    timers: Timers,
    clock: Still,
    called: list[str],
    caplog: pytest.LogCaptureFixture,
    step: float,
) -> None:
    """No step is seen, but the next call may be an hour away: it is overdue."""
    until(lambda: called)
    clock.jump += step
    until(lambda: clock.asked[-1] == step)
    clock.jump = 0.0
    timers.check()

    clock.up += 10.0
    timers.check()
    goes_on(called)

    assert [] == caplog.messages


def test_a_call_that_is_overdue_is_made_at_once(clock: Still) -> None:
    """And the next one after its interval."""
    called: list[str] = []
    timers = Timers({"scan": 1000.0, "draw": "0 3 * * *"}, called.append, clock)
    timers.start()
    clock.up += 1001.0
    timers.check()
    assert [] == called  # late, as under load

    clock.up += 10.0
    timers.check()
    timers.check()
    timers.stop()

    assert ["scan"] == called


def test_a_steady_clock_disturbs_no_timer(
    timers: Timers, clock: Still, caplog: pytest.LogCaptureFixture
) -> None:
    """Small corrections, as NTP makes them, are no step."""
    clock.jump += 1.5
    timers.check()
    clock.jump += 1.5
    timers.check()

    assert [] == caplog.messages
