"""A finding is said once, reminded of, and said to be over; nothing more."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from watcher.alerts.lifecycle import Alert, Moment, Notification, Settings, update


def finding(
    rule: str = "overfitting", step: int = 100, **fields: Any
) -> dict[str, Any]:
    """A finding as it comes from a judgement."""
    return {
        "rule": rule,
        "severity": "warning",
        "step": step,
        "since_step": None,
        "evidence": {},
        "confirmed_step": None,
        "cleared_step": None,
        "message": f"{rule} at {step}",
        "advice": "",
    } | fields


class Run:
    """One run, judged again and again."""

    def __init__(self, **chosen: Any) -> None:
        self.settings = Settings(**chosen)
        self.alerts: dict[str, Alert] = {}
        self.now = 1e9

    def judge(
        self, *findings: dict[str, Any], after: float = 1.0, **moment: Any
    ) -> list[str]:
        """Kinds and rules of the notices that a judgement gives."""
        self.now += after
        self.alerts, notices = update(
            self.alerts, findings, Moment(now=self.now, **moment), self.settings
        )
        return [f"{n.kind} {n.alert.rule}" for n in notices]


def test_a_finding_is_told_once() -> None:
    """The same finding in every judgement gives one notice."""
    run = Run()

    assert ["firing overfitting"] == run.judge(finding())
    assert [] == run.judge(finding()) + run.judge(finding())


def test_what_is_over_is_told_if_its_beginning_was() -> None:
    """An alert that clears is resolved, once."""
    run = Run()
    run.judge(finding())

    assert ["resolved overfitting"] == run.judge(finding(cleared_step=200))
    assert [] == run.judge(finding(cleared_step=200))


def test_what_was_over_before_it_was_seen_is_not_told() -> None:
    """A finding that comes already cleared is history."""
    run = Run()

    assert [] == run.judge(finding(cleared_step=200))


def test_raised_again_is_a_second_alert() -> None:
    """After it cleared, the same rule at a later step is told again."""
    run = Run()
    run.judge(finding())
    run.judge(finding(cleared_step=200))

    again = run.judge(finding(cleared_step=200), finding(step=300))

    assert ["firing overfitting"] == again
    assert 2 == len(run.alerts)


def test_a_finding_that_vanishes_is_over_after_a_while() -> None:
    """A stall ends when lines come again; a moment's absence is none."""
    run = Run(keep_firing_for_s=60.0)
    run.judge(finding("stalled"))

    assert [] == run.judge()
    assert [] == run.judge(after=59)
    assert ["resolved stalled"] == run.judge(after=1)


def test_a_warning_that_becomes_certain_is_told() -> None:
    """Confirmed once, however often it is found."""
    run = Run()
    run.judge(finding())

    assert ["confirmed overfitting"] == run.judge(finding(confirmed_step=150))
    assert [] == run.judge(finding(confirmed_step=150))


def test_reminders_come_while_the_run_goes_on() -> None:
    """Every `repeat_interval_s`, but not of a run that ended."""
    run = Run(repeat_interval_s=100.0)
    run.judge(finding())

    assert [] == run.judge(finding(), after=50)
    assert ["reminder overfitting"] == run.judge(finding(), after=51)
    assert [] == run.judge(finding(), after=500, running=False)


def test_a_grave_finding_silences_what_follows_from_it() -> None:
    """With a loss that is not finite, overfitting says nothing new."""
    run = Run()

    told = run.judge(finding("not_finite", severity="critical"), finding())

    assert ["firing not_finite"] == told


def test_what_was_silenced_is_told_when_the_silence_ends() -> None:
    """A silence delays, and loses nothing that lasts."""
    run = Run()

    assert [] == run.judge(finding(), silenced=lambda rule: rule == "overfitting")
    assert ["firing overfitting"] == run.judge(finding())


def test_a_run_that_was_over_is_recorded_in_silence() -> None:
    """An old log tells nothing, not even later."""
    run = Run()

    assert [] == run.judge(finding(), fresh=False)
    assert [] == run.judge(finding())
    assert ["firing"] == [alert.state for alert in run.alerts.values()]


def test_mild_findings_are_listed_only() -> None:
    """Information is kept, and told only where settings say so."""
    mild = finding("finished", severity="info")

    assert [] == Run().judge(mild)
    assert ["firing finished"] == Run(finished=True).judge(mild)
    assert ["firing spike"] == Run(min_severity="info").judge(
        finding("spike", severity="info")
    )
    assert [] == Run(mute=("overfitting",)).judge(finding())


def test_pending_first_where_time_is_asked() -> None:
    """With `for_s` a finding must last before it is told."""
    run = Run(for_s=10.0)

    assert [] == run.judge(finding())
    assert [] == run.judge(finding(), after=5)
    assert ["firing overfitting"] == run.judge(finding(), after=6)


def test_what_ended_with_its_run_is_over_at_once() -> None:
    """Of a run that ended nothing more is heard: a stall does not outlast it."""
    run = Run(keep_firing_for_s=60.0)
    run.judge(finding("stalled"))

    assert ["resolved stalled"] == run.judge(running=False)


def test_a_crash_ends_a_stall_without_a_word() -> None:
    """Whoever reads of the crash need not read that the silence is over."""
    run = Run()
    run.judge(finding("stalled"))

    told = run.judge(finding("crashed", severity="critical"), running=False)

    assert ["firing crashed"] == told
    assert ["firing", "resolved"] == [a.state for a in run.alerts.values()]


def test_what_ended_without_a_word_comes_back_without_one() -> None:
    """Who was not told that a stall was over is not told twice that it began."""
    run = Run()
    run.judge(finding("stalled"))
    run.judge(finding("crashed", severity="critical"), running=False)

    assert [] == run.judge(finding("stalled"))
    assert ["resolved crashed"] == run.judge(finding("stalled"), after=60)


def test_nothing_is_pending_in_a_run_that_ended() -> None:
    """Nobody judges it again, so what is found of it is told now."""
    run = Run(for_s=600.0)

    assert ["firing crashed"] == run.judge(finding("crashed"), running=False)


def test_what_became_certain_in_silence_is_told_afterwards() -> None:
    """A silence delays that a warning became certain, too."""
    run = Run()
    run.judge(finding())

    assert [] == run.judge(finding(confirmed_step=150), silenced=lambda _: True)
    assert ["confirmed overfitting"] == run.judge(finding(confirmed_step=150))
    assert [] == run.judge(finding(confirmed_step=150))


HISTORIES = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from(["overfitting", "stalled", "not_finite", "spike"]),
            st.integers(0, 2),
            st.sampled_from([None, None, 500]),
        ),
        max_size=4,
    ),
    max_size=12,
)


@given(HISTORIES, st.floats(1.0, 100.0))
def test_any_history_tells_each_alert_once(
    history: Sequence[Sequence[tuple[str, int, int | None]]], pace: float
) -> None:
    """Told once before resolved, resolved only after told, whatever is found."""
    known: dict[str, Alert] = {}
    told: list[Notification] = []
    now = 1e9
    for judgement in history:
        now += pace
        found = [finding(rule, step, cleared_step=end) for rule, step, end in judgement]
        known, notices = update(
            known, found, Moment(now), Settings(repeat_interval_s=0)
        )
        told += notices
        again, more = update(known, found, Moment(now), Settings(repeat_interval_s=0))
        assert (known, []) == (again, more)  # a restart repeats nothing

    for key in {notice.alert.key for notice in told}:
        kinds = [notice.kind for notice in told if notice.alert.key == key]
        assert "firing" == kinds[0]
        assert all(a != b for a, b in pairwise(kinds))
        assert Counter(kinds)["firing"] >= Counter(kinds)["resolved"]
