"""The cost of evaluations and the ends of runs, from the text of a log."""

from collections.abc import Iterable

import pytest

from parsers.parser import Parser
from watcher.analysis import rules
from watcher.analysis.finding import Finding
from watcher.analysis.pipeline import analyse
from watcher.outputs.text.findings import sentence
from watcher.outputs.text.numbers import plain
from watcher.storage.columns import Run


def found(text: str) -> tuple[Finding, ...]:
    """What the rules find in a log."""
    parser, run = Parser(), Run()
    run.add(parser.feed(text.encode()))
    run.add(parser.flush())
    return rules.findings(analyse(run, name="run", path="run"))


def only(rule: str, text: str) -> Finding:
    """The one finding of a rule."""
    finding = [f for f in found(text) if f.rule == rule]
    assert len(finding) == 1, finding
    return finding[0]


def trained(steps: Iterable[int], *, eval_ms: float = 0.0, every: int = 100) -> str:
    """NanoGPT's lines, each ten steps, an evaluation now and then."""
    lines = []
    for step in steps:
        loss = 1 + 3 / (1 + step / 100)
        evaluated = step % every == 0
        if evaluated:
            lines.append(f"step {step}: train loss {loss:.4f}, val loss {loss:.4f}")
        ms = 100.0 + eval_ms * evaluated
        lines.append(f"iter {step}: loss {loss:.4f}, time {ms:.2f}ms, mfu 30.00%")
    return "".join(f"{line}\n" for line in lines)


CRASH = """\
Traceback (most recent call last):
  File "train.py", line 9, in <module>
ValueError: bad batch
"""
RESUMED = "Resuming training from out\n"


# The cost of evaluations


def test_costly_evaluations_fire_at_the_third() -> None:
    """The first holds a compilation; three more make a median."""
    finding = only("evaluation_cost", trained(range(0, 601, 10), eval_ms=5000))

    assert (finding.step, finding.cleared_step) == (300, None)
    assert finding.evidence == {
        "share": pytest.approx(1 / 3),
        "eval_ms": 5000.0,
        "every": 100,
    }


def test_cheap_evaluations_do_not_fire() -> None:
    """A fifth of the time is theirs."""
    assert () == found(trained(range(0, 601, 10), eval_ms=2500))


def test_evaluations_that_became_cheap_are_over() -> None:
    """It resolves when the run is started again with fewer of them."""
    dear = trained(range(0, 601, 10), eval_ms=5000)
    cheap = trained(range(610, 2001, 10), eval_ms=500)

    assert 800 == only("evaluation_cost", dear + cheap).cleared_step


def test_the_time_of_a_start_is_no_evaluation() -> None:
    """Whatever compiles at the beginning of each process costs once."""
    starts = [trained(range(0, 50, 10), eval_ms=60_000, every=1000) for _ in range(6)]

    assert () == found("".join(starts))


# The end


def test_a_crash_fires_at_the_last_step() -> None:
    """With the line that explains it."""
    finding = only("crashed", trained(range(0, 101, 10)) + CRASH)

    assert (finding.step, finding.cleared_step) == (100, None)
    assert "Crashed at step 100: ValueError: bad batch" == plain(sentence(finding))


def test_a_crash_before_the_first_step_has_none() -> None:
    """A log that holds nothing but an error."""
    finding = only(
        "crashed", "found vocab_size = 65 (inside data/x/meta.pkl)\n" + CRASH
    )

    message = "Crashed before its first step: ValueError: bad batch"
    assert message == plain(sentence(finding))


def test_a_crash_that_was_resumed_is_over() -> None:
    """It stays a finding of the run, at its step."""
    again = trained(range(100, 301, 10))

    finding = only("crashed", trained(range(0, 151, 10)) + CRASH + RESUMED + again)

    assert (finding.step, finding.cleared_step) == (150, 100)
    message = (
        "Crashed at step 150: ValueError: bad batch. The run resumed from step 100."
    )
    assert message == plain(sentence(finding))


def test_two_crashes_are_two_findings() -> None:
    """The one that lasts, and the one that was resumed."""
    first = trained(range(0, 151, 10)) + CRASH + RESUMED
    second = trained(range(100, 301, 10)) + CRASH

    finding = [(f.step, f.cleared_step) for f in found(first + second)]

    assert [(150, 100), (300, None)] == finding


def test_an_error_that_a_run_outlives_is_no_crash() -> None:
    """A traceback of something else, and training goes on as before."""
    survived = trained(range(0, 151, 10)) + CRASH + trained(range(160, 301, 10))

    assert () == found(survived)


def test_an_interruption_by_the_user_is_no_finding() -> None:
    """Nor is it a finding when the run goes on."""
    stopped = trained(range(0, 151, 10)) + "KeyboardInterrupt\n"

    assert () == found(stopped)
    assert () == found(stopped + RESUMED + trained(range(100, 301, 10)))


def test_a_program_that_gives_up_at_nan_is_one_finding() -> None:
    """The loss that is NaN is the cause, and its rule names it."""
    log = trained(range(0, 151, 10)) + "iter 160: loss nan, time 100.00ms\n"
    stopped = log + "Loss is nan, stopping training\n"

    assert ["not_finite"] == [f.rule for f in found(stopped)]
    only("crashed", stopped.replace("loss nan,", "loss 2.0,"))
