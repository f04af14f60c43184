"""How long a log may be silent."""

from dataclasses import replace

import pytest

from watcher.analysis.rules.settings import Stalled
from watcher.analysis.rules.stalled import stalled, timeout_s


USUAL = Stalled()


def test_a_young_log_may_compile() -> None:
    """Before a second line, half an hour passes unsaid."""
    assert 1800 == timeout_s([], USUAL)


@pytest.mark.parametrize(
    ("gaps", "wait"),
    [
        ([1.0] * 50, 300),
        ([1.0] * 50 + [40.0] + [1.0] * 50, 300),
        ([1.0] * 50 + [40.0, 1.0, 45.0], 90),
        ([0.1] * 50 + [3.0, 0.1, 3.0], 60),
        ([30.0] * 300, 600),
        ([1.0, 200.0], 2010),
        ([500.0, 500.0] + [1.0] * 500 + [7.0, 7.0], 60),
    ],
    ids=[
        "no evaluation yet",
        "one evaluation",
        "twice the longest of two",
        "quick log",
        "slow lines",
        "two lines",
        "long ago",
    ],
)
def test_the_wait_is_learned(gaps: list[float], wait: float) -> None:
    """20 medians, twice the longest, a minute; 5 minutes before two evaluations."""
    assert wait == timeout_s(gaps, USUAL)


def test_silence_fires_beyond_the_timeout_only() -> None:
    """The evidence holds how long, and what was usual."""
    gaps = [1.0] * 50 + [40.0, 1.0, 45.0]

    finding = stalled(gaps, 90.5, 250, USUAL)

    assert stalled(gaps, 90.0, 250, USUAL) is None
    assert finding is not None
    assert ("stalled", 250) == (finding.rule, finding.step)
    assert (90.5, 45.0) == (finding.evidence["silent_s"], finding.evidence["longest_s"])


def test_the_least_wait_is_a_setting() -> None:
    """Ten seconds of silence may be too many for somebody."""
    gaps = [0.1] * 50 + [3.0, 0.1, 3.0]

    assert 10 == timeout_s(gaps, replace(USUAL, least_s=10.0))
