"""Slowdowns of logs that are too short for medians of two hundred times."""

import numpy as np
from analyses import curve, nothing

from parsers.parser import Parser
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.analysis.pipeline import analyse
from watcher.analysis.rules.early_slowdown import early_slowdown
from watcher.outputs.text.findings import sentence
from watcher.outputs.text.numbers import plain
from watcher.storage.columns import Run


def found(*stretches: tuple[int, float]) -> list[Finding]:
    """What the rule finds in so many times of so many ms, one each ten steps."""
    ms = np.concatenate([np.full(n, value) for n, value in stretches])
    return early_slowdown(nothing(time=curve("iter_ms", np.arange(len(ms)) * 10, ms)))


def bars(*stretches: tuple[int, float]) -> Analysis:
    """A log of the Trainer whose bars alone state times, a loss each five steps."""
    text, step, clock = "", 0, 0.0
    for records, seconds in stretches:
        for _ in range(records):
            for _ in range(5):
                step += 1
                clock += seconds
                at = f"{int(clock) // 60:02d}:{int(clock) % 60:02d}"
                bar = f"\r 5%|5 | {step}/1000 [{at}<9:00:00, {seconds:.2f}s/it]"
                text += bar
            record = f"{{'loss': {2 - step / 1000:.4f}, 'learning_rate': 1e-05}}"
            text += f"\n{record}\n{bar}"  # tqdm draws the bar again behind it
    parser, run = Parser(), Run()
    run.add(parser.feed(text.encode()))
    run.add(parser.flush())
    return analyse(run, name="run", path="run")


def test_five_slow_times_in_a_row_fire() -> None:
    """Four might be an evaluation on every rank; the fifth is the pace."""
    (finding,) = found((30, 100.0), (9, 900.0))

    assert (finding.step, finding.since_step) == (340, 300)
    assert finding.cleared_step is None
    assert [] == found((30, 100.0), (4, 900.0))


def test_it_resolves_when_times_come_back() -> None:
    """The median of five is below the middle again."""
    (finding,) = found((30, 100.0), (9, 900.0), (20, 100.0))

    assert finding.cleared_step == 410


def test_single_pauses_and_doubled_times_are_none() -> None:
    """Evaluations take one time; rounding to whole seconds may double all."""
    assert [] == found(*[(9, 100.0), (1, 5000.0)] * 10)
    assert [] == found((30, 1000.0), (30, 2000.0))


def test_a_log_of_bars_has_times_what_is_left_and_a_slowdown() -> None:
    """One whose records state no time: the bar beside them does."""
    analysis = bars((24, 2.0), (6, 30.0))

    (finding,) = analysis.findings
    assert plain(sentence(finding)) == (
        "Slower since step 125: an iteration takes 30.0 s, up from 2.00 s."
    )
    # 850 steps at 30 s: the pace of now, not that of the whole log.
    assert analysis.summary.eta_s == 850 * 30.0
    assert analysis.summary.training_s == 120 * 2.0 + 30 * 30.0


def test_single_steps_need_ten_in_a_row() -> None:
    """Eight slow ones are a neighbour on the device that has gone again."""
    ms = np.full(60, 100.0)
    ms[30:38] = 600.0
    steps = np.arange(60)

    assert [] == early_slowdown(nothing(time=curve("iter_ms", steps, ms)))

    ms[30:40] = 600.0
    (finding,) = early_slowdown(nothing(time=curve("iter_ms", steps, ms)))
    assert (30, 39) == (finding.since_step, finding.step)


def test_a_resumed_bar_is_trusted_when_it_has_settled() -> None:
    """It takes the steps it skips for done in no time."""
    text = ""
    for step in range(601, 700):
        rate = f"{40 * 0.9 ** (step - 601) + 0.5:.2f}it/s"
        bar = f"\r 60%|6 | {step}/1000 [{(step - 600) * 2 // 60:02d}:00<9:00, {rate}]"
        text += f"{bar}\n{{'loss': 2.0, 'learning_rate': 1e-05}}\n{bar}"
    parser, run = Parser(), Run()
    run.add(parser.feed(text.encode()))
    run.add(parser.flush())

    analysis = analyse(run, name="run", path="run")

    assert analysis.time is not None
    assert 651 == analysis.time.steps[0]
    assert "slowdown" not in {f.rule for f in analysis.findings}
