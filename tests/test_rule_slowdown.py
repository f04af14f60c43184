"""Slowdowns that come, go and come again, and those of MFU alone."""

import numpy as np
import pytest
from analyses import curve, nothing
from numpy.typing import NDArray

from watcher.analysis.finding import Finding
from watcher.analysis.rules.settings import Slowdown
from watcher.analysis.rules.slowdown import _slow, slowdown
from watcher.outputs.text.findings import sentence
from watcher.outputs.text.numbers import plain


Floats = NDArray[np.float64]


def found(ms: Floats) -> list[Finding]:
    """What the rule finds in times of iterations."""
    time = curve("iter_ms", np.arange(len(ms)), ms)
    return slowdown(nothing(time=time), Slowdown())


def stretches(*lengths: tuple[int, float]) -> Floats:
    """So many lines of so many ms each."""
    return np.concatenate([np.full(n, ms) for n, ms in lengths])


def test_a_slowdown_that_ends_is_cleared() -> None:
    """When the device is free again the finding is over."""
    (finding,) = found(stretches((300, 100.0), (60, 150.0), (100, 100.0)))

    assert finding.cleared_step is not None
    assert 360 < finding.cleared_step < 380


def test_a_second_slowdown_is_a_second_finding() -> None:
    """A second slowdown is a second finding."""
    ms = stretches((300, 100.0), (60, 150.0), (300, 100.0), (60, 150.0))

    one, two = found(ms)

    assert (300, 660) == (one.since_step, two.since_step)
    assert one.cleared_step is not None
    assert two.cleared_step is None


def test_a_lasting_slowdown_stays_one() -> None:
    """When it has become the usual pace, it is still slower than it was."""
    (finding,) = found(stretches((300, 100.0), (1000, 150.0)))

    assert finding.cleared_step is None


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_slowdown(seed: int) -> None:
    """Medians of 20 hardly move."""
    rng = np.random.default_rng(seed)

    assert [] == found(100 * np.exp(0.15 * rng.standard_normal(2000)))


def test_wild_times_are_no_slowdown() -> None:
    """Where single times scatter, so do medians of twenty."""
    rng = np.random.default_rng(0)

    assert [] == found(rng.uniform(25.0, 400.0, 20_000))


@pytest.mark.parametrize("seed", range(4))
def test_every_slow_stretch_is_found(seed: int) -> None:
    """Counting, which spares most medians, misses none."""
    rng = np.random.default_rng(seed)
    ms = 100 * np.exp(0.05 * rng.standard_normal(9000))
    for start, length in zip(
        rng.integers(300, 9000, 6), rng.integers(5, 900, 6), strict=True
    ):
        ms[start : start + length] *= rng.uniform(0.8, 1.5)
    windows = np.lib.stride_tricks.sliding_window_view(ms, 220)
    before, last = windows[:, :200], np.median(windows[:, 200:], axis=1)
    ratio = last / np.median(before, axis=1)
    beaten = (before < last[:, None]).sum(axis=1)

    assert np.array_equal((ratio > 1.15) & (beaten >= 180), _slow(ms, 1.15))


@pytest.mark.parametrize(
    ("name", "metric", "message"),
    [
        ("mfu", "mfu", "MFU is 30.0%, down from 40.0%."),
        ("throughput", "tokens_per_s", "30.0 tokens/s, down from 40.0 tokens/s."),
    ],
)
def test_a_log_without_times_is_judged_by_its_use(
    name: str, metric: str, message: str
) -> None:
    """Less is slower."""
    falls = curve(metric, np.arange(400), stretches((300, 40.0), (100, 30.0)))

    (finding,) = slowdown(nothing(**{name: falls}), Slowdown())

    assert (318, 300) == (finding.step, finding.since_step)
    assert plain(sentence(finding)) == f"Slower since step 300: {message}"


def test_a_faster_run_is_fine() -> None:
    """MFU that rises is no slowdown."""
    rises = curve("mfu", np.arange(400), stretches((300, 30.0), (100, 40.0)))

    assert [] == slowdown(nothing(mfu=rises), Slowdown())


def staged(first: int, **changed: object) -> Finding:
    """A clean step from 32 to 60 ms, of 900 planned, then another to 87 ms."""
    ms = stretches((first, 32.0), (600 - first, 60.0), (300, 87.0))
    run = nothing(time=curve("iter_ms", np.arange(900), ms), **changed)
    (finding,) = slowdown(run, Slowdown())
    return finding


@pytest.mark.parametrize(
    ("first", "changed", "severity"),
    [
        pytest.param(300, {"info": {"max_iters": 900}}, "info", id="a third"),
        pytest.param(340, {"format": "modded_nanogpt"}, "info", id="format"),
        pytest.param(340, {"info": {"max_iters": 900}}, "warning", id="elsewhere"),
        pytest.param(300, {}, "warning", id="no plan"),
    ],
)
def test_a_clean_step_where_stages_are_usual_is_info(
    first: int, changed: dict[str, object], severity: str
) -> None:
    """Its level is the last one."""
    finding = staged(first, **changed)

    assert severity == finding.severity
    assert 87.0 == finding.evidence["now_ms"]


def test_times_below_a_millisecond_are_not_judged() -> None:
    """Keras rounds microseconds a sample."""
    assert [] == found(stretches((300, 0.09), (300, 0.17)))
