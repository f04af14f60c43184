"""Timing: what is logged agrees with the wall clock, around pauses and on a GPU."""

import time
from typing import Any

import pytest
import torch

from trainer import machine
from trainer.report import Clock, Report


class FakeTime:
    """A host and a GPU that works off a queue; both advance only on request."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Replace the clocks and the CUDA calls that the trainer uses."""
        self.host = self.gpu = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.host)
        monkeypatch.setattr(torch.cuda, "Event", lambda **_: FakeEvent(self))
        monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: self.synchronize())

    def launch(self, seconds: float) -> None:
        """Queue a kernel; the host continues at once."""
        self.gpu = max(self.gpu, self.host) + seconds

    def synchronize(self) -> None:
        """Wait for the queue."""
        self.host = max(self.host, self.gpu)


class FakeEvent:
    """A CUDA event: the time at which the GPU gets to it."""

    def __init__(self, fake: FakeTime) -> None:
        """Not recorded yet."""
        self.fake, self.at = fake, 0.0

    def record(self) -> None:
        """Put it into the queue."""
        self.at = max(self.fake.gpu, self.fake.host)

    def synchronize(self) -> None:
        """Wait for it."""
        self.fake.host = max(self.fake.host, self.at)

    def elapsed_time(self, other: "FakeEvent") -> float:
        """Milliseconds from this to the other."""
        return 1000 * (other.at - self.at)


class FakeLoss:
    """A loss that can be copied to the CPU."""

    def to(self, *_: object, **__: object) -> "FakeLoss":
        """Copy it."""
        return self

    def item(self) -> float:
        """Its value."""
        return 2.5


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    """Time that the test advances."""
    return FakeTime(monkeypatch)


def simulate(fake: FakeTime, device: str, *, log_interval: int) -> list[Any]:
    """1,000 steps of 20 ms with an evaluation of 3 s at each 250th; the log's times."""
    clock = Clock(device)
    clock.start(0)
    logged = []
    for step in range(1001):
        if step % 250 == 0:
            logged += clock.take(keep=0)
            with clock.pause():
                fake.launch(3.0)
                fake.synchronize()
        if device == "cpu":
            fake.host += 0.020
        else:
            fake.host += 0.0005  # the host runs ahead of the GPU
            fake.launch(0.020)
        if step % log_interval == 0:
            clock.mark(step, FakeLoss())
            logged += clock.take(keep=0 if device == "cpu" else 1)
    return [*logged, *clock.take(keep=0)]


@pytest.mark.parametrize("log_interval", [1, 10])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_logged_times_are_those_of_steps(
    fake: FakeTime, device: str, log_interval: int
) -> None:
    """Neither a pause nor a queue that the host has filled changes any line's time."""
    logged = simulate(fake, device, log_interval=log_interval)

    assert len(range(0, 1001, log_interval)) == len(logged)
    times = [seconds for *_, seconds in logged]
    assert [0.020] * len(logged) == pytest.approx(times, rel=0.05)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_wall_clock_is_steps_and_pauses(fake: FakeTime, device: str) -> None:
    """Training time and pauses sum up to the wall clock."""
    logged = simulate(fake, device, log_interval=10)

    assert 1001 * 0.020 + 5 * 3.0 == pytest.approx(max(fake.host, fake.gpu), rel=0.01)
    assert 1000 * 0.020 == pytest.approx(
        sum(10 * seconds for *_, seconds in logged[1:]), rel=0.01
    )


class FakeRun:
    """As much of a run as a report reads."""

    class config:  # noqa: N801 - an attribute
        """Settings."""

        device, dtype = "cpu", "float32"
        stats_interval, log_interval, max_iters, eval_interval = 100, 10, 1000, 250
        decay_lr, learning_rate = False, 1e-3

    class world:  # noqa: N801 - an attribute
        """One process."""

        size, rank = 1, 0

    def __init__(self) -> None:
        """124M, 491,520 tokens a step."""
        from trainer.model import GPT, GPTConfig

        with torch.device("meta"):
            self.model = GPT(GPTConfig(bias=False))
        self.tokens_per_iter = 491_520
        self.lines: list[str] = []
        self.log = self
        self.norm, self.loss_sum = None, 2.5
        self.data = {"train": self}
        self.length = 10**6

    def line(self, text: str) -> None:
        """Keep a line."""
        self.lines.append(text)

    def event(self, name: str, **fields: Any) -> None:
        """Keep an event."""
        self.stats = {"event": name, **fields}


@pytest.fixture
def report(fake: FakeTime, monkeypatch: pytest.MonkeyPatch) -> tuple[Report, FakeRun]:
    """A report on a machine of 900 TFLOP/s."""
    assert fake
    monkeypatch.setattr(machine, "peak_flops", lambda *_: (900e12, "a test"))
    run = FakeRun()
    return Report(run), run


def test_mfu_is_nanogpts_and_the_true_one_stands_beside_it(
    fake: FakeTime, report: tuple[Report, FakeRun]
) -> None:
    """`mfu` is against an A100, as nanoGPT's; `mfu_true` against this machine."""
    one, run = report
    one.clock.start(0)
    for step in range(0, 101, 10):
        fake.host += 0.7 if step == 0 else 7.0
        one.clock.mark(step, FakeLoss())
        one.steps()
    one.stats(100)

    flops = (6 * 123_587_328 + 12 * 12 * 768 * 1024) * 491_520
    assert "iter 0: loss 2.5000, time 700.00ms, mfu -100.00%" == run.lines[0]
    assert f"mfu {100 * flops / 0.7 / 312e12:.2f}%" in run.lines[-1]
    assert flops / 0.7 / 900e12 == pytest.approx(run.stats["mfu_true"])


def test_stats_are_means_that_fit_each_other(
    fake: FakeTime, report: tuple[Report, FakeRun]
) -> None:
    """Tokens per second belong to the mean time of a step, not to the last line's."""
    one, run = report
    one.clock.start(0)
    for step in range(0, 101, 10):
        fake.host += 1.0 if step < 100 else 12.0  # the last ten are slow
        one.clock.mark(step, FakeLoss())
        one.steps()
    one.stats(100)

    mean_s = (10 * 1.0 + 12.0) / 101
    assert 1000 * mean_s == pytest.approx(run.stats["step_ms"])
    assert run.tokens_per_iter / mean_s == pytest.approx(run.stats["tok_s"])


def test_the_eta_counts_steps_and_evaluations(
    fake: FakeTime, report: tuple[Report, FakeRun]
) -> None:
    """At step 100 of 1,000 there are 900 steps and four evaluations to go."""
    one, run = report
    one.clock.start(1)
    one.eval_s = 30.0
    for step in range(10, 101, 10):
        fake.host += 5.0
        one.clock.mark(step, FakeLoss())
        one.steps()
    one.stats(100)

    assert 900 * 0.5 + 4 * 30.0 == pytest.approx(run.stats["eta_s"])
