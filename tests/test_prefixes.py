"""Findings of a growing log are those of the whole log at that time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from parsers.parser import Parser
from watcher.analysis import rules
from watcher.analysis.model import Analysis
from watcher.analysis.pipeline import analyse
from watcher.storage.columns import Run


FIXTURES = sorted((Path(__file__).parent / "data").glob("*/train.log"))

assert FIXTURES, "no fixtures under tests/data"


def analysed(data: bytes) -> Analysis:
    """What is known of a log with these bytes."""
    parser, run = Parser(), Run()
    run.add(parser.feed(data))
    run.add(parser.flush())
    return analyse(run, name="run", path="run")


def fired(analysis: Analysis) -> dict[str, list[int]]:
    """The steps at which each rule spoke, in the order of the log."""
    return {
        name: [finding.step for finding in judge(analysis, rules.Settings())]
        for name, judge in rules.RULES.items()
        if name != "ended"  # a prefix ends where the whole log goes on
    }


def growing(data: bytes, lines: int) -> Iterator[Analysis]:
    """What is known of a log each time that so many lines were added."""
    parser, run = Parser(), Run()
    whole = data.splitlines(keepends=True)
    for at in range(0, len(whole), lines):
        run.add(parser.feed(b"".join(whole[at : at + lines])))
        yield analyse(run, name="run", path="run")


def eventful(seed: int) -> bytes:
    """A nanoGPT log that overfits, diverges, slows down, is resumed, and turns NaN."""
    rng = np.random.default_rng(seed)
    lines = []
    for step in [*range(0, 4000, 10), *range(3500, 6000, 10)]:
        loss = (1 + 3 * np.exp(-step / 900)) * np.exp(rng.normal(0, 0.02))
        loss *= 1.8 if step % 1000 in {510, 520, 530} else 1
        loss = np.nan if step in {5000, 5010} else loss
        if step % 100 == 0:
            val = 1.2 + 3 * np.exp(-step / 600) + max(0, step - 2000) * 2e-4
            lines.append(f"step {step}: train loss {loss:.4f}, val loss {val:.4f}")
            if step % 500 == 0:
                lines.append("saving checkpoint to out")
        slow = 1.4 if step > 4500 else 1
        ms = 100 * slow * rng.gamma(400, 1 / 400) + 4000 * (step % 100 == 0)
        lines.append(f"iter {step}: loss {loss:.4f}, time {ms:.2f}ms, mfu 30.00%")
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.parent.name)
def test_a_log_that_grows_takes_nothing_back(path: Path) -> None:
    """Findings of its beginning begin the findings of the whole."""
    data = path.read_bytes()
    whole = fired(analysed(data))

    for early in map(fired, growing(data, 1 + data.count(b"\n") // 25)):
        assert early == {n: steps[: len(early[n])] for n, steps in whole.items()}


@pytest.mark.parametrize("seed", range(2))
def test_an_eventful_log_takes_nothing_back(seed: int) -> None:
    """The same, of a log with findings."""
    data = eventful(seed)
    whole = fired(analysed(data))

    found = {name for name, steps in whole.items() if steps}
    assert {"overfitting", "not_finite", "divergence", "slowdown", "spike"} <= found
    for early in map(fired, growing(data, 3)):
        assert early == {n: steps[: len(early[n])] for n, steps in whole.items()}


@pytest.mark.parametrize("seed", range(5))
def test_a_slow_turn_is_found_that_the_ratio_hides(seed: int) -> None:
    """Validation turned at 450 of 1,000 and rose by 5 %, training loss halved."""
    at = np.arange(0, 1001, 50)
    val = 1.6 + 2.6 * np.exp(-at / 75) * (at < 450) + np.maximum(0, at - 450) * 1.455e-4
    train = 0.918 * 2 ** np.clip((1000 - at) / 550, 0, 2.2)
    val *= np.exp(np.random.default_rng(seed).normal(0, 0.002, len(at)))
    log = "".join(
        f"step {s}: train loss {t:.4f}, val loss {v:.4f}\n"
        for s, t, v in zip(at.tolist(), train, val, strict=True)
    )

    analysis = analysed(log.encode())
    (found,) = rules.RULES["overfitting"](analysis, rules.Settings())

    assert analysis.summary.ratio == pytest.approx(1.83, abs=0.02)
    assert found.since_step in {400, 450, 500}
    assert 500 < found.step <= 900
    assert found.cleared_step is None
