"""Findings of a growing log are those of the whole log at that time."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from parsers.parser import Parser
from watcher.analysis import rules
from watcher.analysis.model import Analysis
from watcher.analysis.pipeline import analyse
from watcher.outputs.text.findings import sentence
from watcher.outputs.text.headline import headline
from watcher.storage.columns import Run


FIXTURES = sorted((Path(__file__).parent / "data").glob("*/train.log"))

assert FIXTURES, "no fixtures under tests/data"

# How a sentence states that it is over, and headlines that name no finding.
OVER = re.compile(
    r"Resolved|resumed|restarted|stood out|from step [\d,]+ to|: [\d.]+, typical"
)
HEALTHY = re.compile(
    r"Training loss [\d.]+ after|Still|Not enough|No |Validation loss [\d.]+"
)


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


def eventful(seed: int, again: int = 3500) -> bytes:
    """A nanoGPT log that overfits, diverges, slows down, is resumed, and turns NaN.

    `again`: the step from which it is resumed.
    """
    rng = np.random.default_rng(seed)
    lines = []
    for step in [*range(0, 4000, 10), *range(again, 6000, 10)]:
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


def troubled(seed: int) -> bytes:
    """A log of keys: gradients, skipped steps, a crash, a jump at the resume, zeros."""
    rng = np.random.default_rng(seed)
    lines = []
    for step in range(1, 1001):
        loss = 2 + np.exp(-step / 40) + 0.002 * max(0, step - 250)
        loss = (loss + (step > 900) * 2) * np.exp(rng.normal(0, 0.003))
        norm = 50000 if step == 100 else np.nan if 150 < step <= 200 else rng.gamma(9)
        if 200 < step <= 230:
            scale = 2.0 ** (230 - step)
            lines.append(f"Gradient overflow. Skipping step, loss scale to {scale}")
        if step == 901:
            lines += ["Traceback (most recent call last):", '  File "a.py", line 1']
            lines += ["RuntimeError: bad batch", "Resuming from checkpoint ckpt.pt"]
        shown = 0.0 if 960 < step <= 990 else loss
        lines.append(f"step {step} | loss {shown:.4f} | grad_norm {norm:.3f}")
        if step % 50 == 0:
            val = 1.9 if step <= 250 else 1.7 if step <= 500 else 6.0
            lines.append(f"step {step} | val_loss {val:.4f}")
    return "".join(f"{line}\n" for line in lines).encode()


def stuck(seed: int) -> bytes:
    """A log of a learning rate of 0, and of the loss of a guess among 65."""
    rng = np.random.default_rng(seed)
    lines = []
    for step in range(1, 301):
        loss = np.log(65) + rng.normal(0, 0.002) - max(0, step - 200) * 0.02
        lines.append(f"step {step} | loss {loss:.4f} | lr {1e-4 * (step > 40)}")
    return "".join(f"{line}\n" for line in lines).encode()


KINDS = {"eventful": eventful, "troubled": troubled, "stuck": stuck}


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.parent.name)
def test_a_log_that_grows_takes_nothing_back(path: Path) -> None:
    """Findings of its beginning begin the findings of the whole."""
    data = path.read_bytes()
    whole = fired(analysed(data))

    for early in map(fired, growing(data, 1 + data.count(b"\n") // 25)):
        assert early == {n: steps[: len(early[n])] for n, steps in whole.items()}


def test_every_rule_but_plateau_fires_in_these_logs() -> None:
    """What never fires takes nothing back."""
    fires = {
        name
        for make in KINDS.values()
        for name, judge in rules.RULES.items()
        if judge(analysed(make(0)), rules.Settings())
    }

    assert rules.RULES.keys() - {"plateau"} == fires


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", KINDS)
def test_an_eventful_log_takes_nothing_back(kind: str, seed: int) -> None:
    """The same, of a log with findings."""
    data = KINDS[kind](seed)
    whole = fired(analysed(data))

    for early in map(fired, growing(data, 3)):
        assert early == {n: steps[: len(early[n])] for n, steps in whole.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_of_a_log_that_grows_contradicts_nothing(kind: str) -> None:
    """What it says of a prefix the text of the whole says, or that it is over.

    Of all texts: headlines and sentences, behind the inhibition.  Of steps that were
    trained twice a text does not tell which time it means.
    """
    data = eventful(0, again=3750) if kind == "eventful" else KINDS[kind](0)
    whole = analysed(data)
    said = {(f.rule, f.step): f for f in whole.findings}
    text = " ".join(map(sentence, whole.findings))

    for early in growing(data, 3):
        for finding in early.findings:
            later = said.get((finding.rule, finding.step))
            if later is None:  # the end of a process, named by the jump behind it
                assert f"rashed at step {finding.step}" in text
            elif finding.cleared_step is None and later.cleared_step is not None:
                assert OVER.search(sentence(later)), sentence(later)
        firing = [f for f in early.findings if f.cleared_step is None]
        grave = any(f.severity != "info" for f in firing)
        assert grave == (HEALTHY.match(headline(early)) is None), headline(early)


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
