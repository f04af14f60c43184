"""The life cycle of alerts: one notification for each transition, and reminders."""

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
    """A finding as an analysis returns it."""
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
    """One run, analysed again and again."""

    def __init__(self, **chosen: Any) -> None:
        self.settings = Settings(**chosen)
        self.alerts: dict[str, Alert] = {}
        self.now = 1e9

    def analyse(
        self, *findings: dict[str, Any], after: float = 1.0, **moment: Any
    ) -> list[str]:
        """Kinds and rules of the notifications after an analysis."""
        self.now += after
        self.alerts, notices = update(
            self.alerts, findings, Moment(now=self.now, **moment), self.settings
        )
        return [f"{n.kind} {n.alert.rule}" for n in notices]


def test_firing_notifies_once() -> None:
    """The same finding in every analysis gives one notification."""
    run = Run()

    assert ["firing overfitting"] == run.analyse(finding())
    assert [] == run.analyse(finding()) + run.analyse(finding())


def test_resolved_notifies_where_firing_did() -> None:
    """An alert that clears is resolved, once."""
    run = Run()
    run.analyse(finding())

    assert ["resolved overfitting"] == run.analyse(finding(cleared_step=200))
    assert [] == run.analyse(finding(cleared_step=200))


def test_resolved_before_it_was_seen_does_not_notify() -> None:
    """A finding that is cleared from the start is history."""
    run = Run()

    assert [] == run.analyse(finding(cleared_step=200))


def test_a_later_step_is_a_second_alert() -> None:
    """After it cleared, the same rule at a later step notifies again."""
    run = Run()
    run.analyse(finding())
    run.analyse(finding(cleared_step=200))

    again = run.analyse(finding(cleared_step=200), finding(step=300))

    assert ["firing overfitting"] == again
    assert 2 == len(run.alerts)


def test_hysteresis_before_an_absent_finding_resolves() -> None:
    """It must be absent for `keep_firing_for_s`."""
    run = Run(keep_firing_for_s=60.0)
    run.analyse(finding("stalled"))

    assert [] == run.analyse()
    assert [] == run.analyse(after=59)
    assert ["resolved stalled"] == run.analyse(after=1)


def test_confirmation_notifies_once() -> None:
    """However often it is found."""
    run = Run()
    run.analyse(finding())

    assert ["confirmed overfitting"] == run.analyse(finding(confirmed_step=150))
    assert [] == run.analyse(finding(confirmed_step=150))


def test_reminders_come_while_the_run_goes_on() -> None:
    """Every `repeat_interval_s`, but not of a run that ended."""
    run = Run(repeat_interval_s=100.0)
    run.analyse(finding())

    assert [] == run.analyse(finding(), after=50)
    assert ["reminder overfitting"] == run.analyse(finding(), after=51)
    assert [] == run.analyse(finding(), after=500, running=False)


def test_a_reminder_waits_for_the_whole_interval_since_the_last_notification() -> None:
    """Of whatever kind that was; with an interval of 0 none comes."""
    run = Run(repeat_interval_s=100.0)
    run.analyse(finding())

    assert [] == run.analyse(finding(), after=99)
    assert ["reminder overfitting"] == run.analyse(finding(), after=1)
    assert [] == run.analyse(finding(), after=99)
    assert ["confirmed overfitting"] == run.analyse(
        finding(confirmed_step=150), after=0.5
    )
    assert [] == run.analyse(finding(confirmed_step=150), after=99)
    assert ["reminder overfitting"] == run.analyse(finding(confirmed_step=150))

    never = Run(repeat_interval_s=0.0)
    never.analyse(finding())
    assert [] == never.analyse(finding(), after=1e6)


def test_two_findings_of_a_rule_at_one_step_are_two_alerts() -> None:
    """Each fires and resolves for itself."""
    run = Run()

    both = run.analyse(finding(), finding(message="the other"))
    cleared = run.analyse(finding(), finding(message="the other", cleared_step=200))

    assert ["firing overfitting"] * 2 == both
    assert ["resolved overfitting"] == cleared
    assert {
        "overfitting@100": ("overfitting at 100", "firing"),
        "overfitting@100#2": ("the other", "resolved"),
    } == {key: (a.finding["message"], a.state) for key, a in run.alerts.items()}


def test_a_resolved_alert_that_is_found_again_keeps_its_time() -> None:
    """Until it fires again: then it is active since now, and not resolved."""
    run = Run()
    run.analyse(finding())
    run.analyse(finding(cleared_step=200))
    ended = run.now
    run.analyse(finding(cleared_step=200))
    (kept,) = run.alerts.values()
    run.analyse(finding())
    (again,) = run.alerts.values()

    assert (ended, ended - 1) == (kept.resolved_at, kept.since)
    assert (None, run.now) == (again.resolved_at, again.since)


def test_a_cause_inhibits_its_consequences() -> None:
    """With a loss that is not finite, overfitting adds nothing."""
    run = Run()

    sent = run.analyse(finding("not_finite", severity="critical"), finding())

    assert ["firing not_finite"] == sent


def test_a_cause_that_is_over_inhibits_nothing() -> None:
    """What fires after it has another cause."""
    run = Run()
    cause = finding("not_finite", severity="critical")
    run.analyse(cause)

    sent = run.analyse(cause | {"cleared_step": 150}, finding())

    assert {"resolved not_finite", "firing overfitting"} == set(sent)


def test_an_alert_fires_when_its_silence_expires() -> None:
    """A silence delays the notification of what is still firing."""
    run = Run()

    assert [] == run.analyse(finding(), silenced=lambda rule: rule == "overfitting")
    assert ["firing overfitting"] == run.analyse(finding())


def test_a_run_that_had_ended_does_not_notify() -> None:
    """Its alerts are listed; an old log notifies nobody, not even later."""
    run = Run()

    assert [] == run.analyse(finding(), fresh=False)
    assert [] == run.analyse(finding())
    assert ["firing"] == [alert.state for alert in run.alerts.values()]


def test_min_severity_and_mute() -> None:
    """Less severe alerts are listed, and notify only where settings ask for it."""
    mild = finding("finished", severity="info")

    assert [] == Run().analyse(mild)
    assert ["firing finished"] == Run(finished=True).analyse(mild)
    assert ["firing spike"] == Run(min_severity="info").analyse(
        finding("spike", severity="info")
    )
    assert [] == Run(mute=("overfitting",)).analyse(finding())


def test_pending_for_a_time() -> None:
    """With `for_s` a condition must hold before its alert fires."""
    run = Run(for_s=10.0)

    assert [] == run.analyse(finding())
    assert [] == run.analyse(finding(), after=5)
    assert ["firing overfitting"] == run.analyse(finding(), after=6)


def test_no_hysteresis_after_the_end_of_a_run() -> None:
    """No analysis follows that could resolve it later."""
    run = Run(keep_firing_for_s=60.0)
    run.analyse(finding("stalled"))

    assert ["resolved stalled"] == run.analyse(running=False)


def test_a_crash_resolves_a_stall_without_notification() -> None:
    """The notification of the crash says enough."""
    run = Run()
    run.analyse(finding("stalled"))

    sent = run.analyse(finding("crashed", severity="critical"), running=False)

    assert ["firing crashed"] == sent
    assert ["firing", "resolved"] == [a.state for a in run.alerts.values()]


def test_firing_again_notifies_only_after_a_notified_resolution() -> None:
    """Otherwise the same stall would notify twice."""
    run = Run()
    run.analyse(finding("stalled"))
    run.analyse(finding("crashed", severity="critical"), running=False)

    assert [] == run.analyse(finding("stalled"))
    assert ["resolved crashed"] == run.analyse(finding("stalled"), after=60)


def test_nothing_is_pending_in_a_run_that_ended() -> None:
    """No analysis follows, so `for_s` does not delay it."""
    run = Run(for_s=600.0)

    assert ["firing crashed"] == run.analyse(finding("crashed"), running=False)


def test_confirmation_during_a_silence_notifies_afterwards() -> None:
    """A silence delays this notification, too."""
    run = Run()
    run.analyse(finding())

    assert [] == run.analyse(finding(confirmed_step=150), silenced=lambda _: True)
    assert ["confirmed overfitting"] == run.analyse(finding(confirmed_step=150))
    assert [] == run.analyse(finding(confirmed_step=150))


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
def test_any_history_notifies_once_per_transition(
    history: Sequence[Sequence[tuple[str, int, int | None]]], pace: float
) -> None:
    """Firing before resolved, resolved only after firing, whatever is found."""
    known: dict[str, Alert] = {}
    sent: list[Notification] = []
    now = 1e9
    for findings in history:
        now += pace
        found = [finding(rule, step, cleared_step=end) for rule, step, end in findings]
        known, notices = update(
            known, found, Moment(now), Settings(repeat_interval_s=0)
        )
        sent += notices
        again, more = update(known, found, Moment(now), Settings(repeat_interval_s=0))
        assert (known, []) == (again, more)  # a restart repeats nothing

    for key in {notice.alert.key for notice in sent}:
        kinds = [notice.kind for notice in sent if notice.alert.key == key]
        assert "firing" == kinds[0]
        assert all(a != b for a, b in pairwise(kinds))
        assert Counter(kinds)["firing"] >= Counter(kinds)["resolved"]
