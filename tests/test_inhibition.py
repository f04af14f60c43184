"""One event gives one finding: what follows from it is left out."""

from watcher.analysis.finding import Finding
from watcher.analysis.inhibition import inhibit


def test_what_follows_while_the_cause_is_firing_is_left_out() -> None:
    """A spike within a divergence is the divergence."""
    cause = Finding("divergence", "critical", 100, 80)

    assert inhibit([cause, Finding("spike", "info", 100)]) == [cause]


def test_what_was_reported_before_its_cause_stays() -> None:
    """A longer log takes nothing back."""
    both = [Finding("divergence", "critical", 100, 80), Finding("spike", "info", 90)]

    assert inhibit(both) == both


def test_what_comes_after_the_cause_resolved_is_a_finding() -> None:
    """A resolved cause explains nothing that fires later."""
    both = [
        Finding("divergence", "critical", 100, 80, cleared_step=150),
        Finding("spike", "info", 200),
    ]

    assert inhibit(both) == both
