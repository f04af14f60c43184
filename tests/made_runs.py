"""Analysis records made up from a seed, one a kind of log, for tests of pictures."""

from dataclasses import replace

import numpy as np
from analyses import curve, nothing

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Segment
from watcher.analysis.smoothing import centred_mean
from watcher.outputs.plot.decimate import Mask


def bare(name: str = "run") -> Analysis:
    """Make an analysis of a log without any metric."""
    return nothing(
        name=name,
        path=f"logs/{name}.log",
        format="nanoGPT",
        comparable=True,
        changed_at=1_795_371_600.0,
    )


def with_train(
    run: Analysis, steps: Ints, values: Floats, *, window: int = 51
) -> Analysis:
    """Add a per-iteration training loss and its centred mean."""
    train = curve("loss", steps, values)
    bad = ~np.isfinite(values)
    summary = replace(
        run.summary,
        last_step=int(steps[-1]) if len(steps) else None,
        nonfinite=int(bad.sum()),
        first_nonfinite_step=int(steps[bad.argmax()]) if bad.any() else None,
    )
    return replace(
        run,
        train=train,
        train_smooth=centred_mean(values, window),
        window=window,
        curves={**run.curves, "loss": train},
        summary=summary,
    )


def with_val(
    run: Analysis,
    steps: Ints,
    values: Floats,
    beside: Floats | None = None,
    *,
    metric: str = "val_loss",
) -> Analysis:
    """Add validation, and the training loss at each evaluation."""
    val = curve(metric, steps, values)
    good = np.isfinite(values)
    best = int(np.where(good, values, np.inf).argmin()) if good.any() else None
    summary = replace(
        run.summary,
        last_step=max(run.summary.last_step or 0, int(steps[-1])),
        best_val=None if best is None else float(values[best]),
        best_val_step=None if best is None else int(steps[best]),
        evaluations=len(steps),
    )
    return replace(
        run,
        val=val,
        val_train=beside,
        comparable=metric == "val_loss" and beside is not None,
        curves={**run.curves, metric: val},
        summary=summary,
    )


def with_time(run: Analysis, steps: Ints, values: Floats, pause: Mask) -> Analysis:
    """Add iteration times with their pauses."""
    time = curve("iter_ms", steps, values)
    return replace(run, time=time, pause=pause, curves={**run.curves, "iter_ms": time})


def with_curve(run: Analysis, metric: str, steps: Ints, values: Floats) -> Analysis:
    """Add any other metric."""
    return replace(run, curves={**run.curves, metric: curve(metric, steps, values)})


def nanogpt(
    n: int = 5000, *, seed: int = 0, name: str = "shakespeare-char"
) -> Analysis:
    """Make a character-level run of n iterations that overfits from half way on."""
    rng = np.random.default_rng(seed)
    steps = np.arange(n)
    share = steps / max(n - 1, 1)
    trained = 0.62 + 3.6 * np.exp(-share * 25) + 0.9 * np.exp(-share * 4)
    run = with_train(bare(name), steps, trained + rng.normal(0, 0.05, n))
    every = max(1, n // 20)
    at = np.append(np.arange(0, n, every), n - 1)
    gap = 0.06 + 0.9 * np.clip(share[at] - 0.3, 0, None) ** 1.5
    run = with_val(run, at, trained[at] + gap, trained[at])
    pause = steps % every == 0
    times = rng.gamma(200, 28 / 200, n) + np.where(pause, 1650.0, 0.0)
    run = with_time(run, steps, times, pause)
    mfu = curve("mfu", steps, rng.normal(23, 0.4, n) - np.where(pause, 9.0, 0.0))
    best = run.summary.best_val_step
    return replace(
        run,
        mfu=mfu,
        info=INFO,
        elapsed_s=np.cumsum(times) / 1000,
        segments=(Segment(0, n - 1, 1, "start"),),
        summary=replace(
            run.summary, max_steps=n, tokens_per_step=16384, eval_share=0.22
        ),
        findings=(Finding("overfitting", "warning", n - 1, since_step=best),),
    )


INFO: dict[str, int | float | str | bool] = {
    "parameters": 10_650_000,
    "n_layer": 6,
    "n_head": 6,
    "n_embd": 384,
    "block_size": 256,
    "vocab_size": 65,
    "dataset": "shakespeare_char",
    "batch_size": 64,
    "learning_rate": 1e-3,
    "dropout": 0.2,
    "max_iters": 5000,
}


def improving(n: int = 2000, *, name: str = "gpt2-124M") -> Analysis:
    """Make a run that still improves at its end."""
    run = nanogpt(n, name=name)
    assert run.train is not None
    assert run.val is not None
    steps, noise = run.train.steps, np.random.default_rng(1).normal(0, 0.06, n)
    share = steps / n
    trained = 3.3 + 7.6 * np.exp(-share * 30) + 1.6 * np.exp(-share * 5)
    run = with_train(run, steps, trained + noise)
    at = run.val.steps if run.val is not None else steps[:0]
    return replace(with_val(run, at, trained[at] + 0.03, trained[at]), findings=())


def lost() -> Analysis:
    """Make a run whose losses are NaN from step 1,300 on."""
    run = improving(name="bf16-no-clip")
    assert run.train is not None
    assert run.val is not None
    steps, at = run.train.steps, run.val.steps
    train = np.where(steps >= 1300, np.nan, run.train.values)
    val = np.where(at >= 1300, np.nan, run.val.values)
    return with_val(with_train(run, steps, train), at, val, val - 0.03)


def diverged() -> Analysis:
    """Make a run whose losses rise again."""
    run = improving(name="diverged")
    assert run.train is not None
    assert run.val is not None
    steps, at = run.train.steps, run.val.steps
    values = run.train.values + np.clip(steps - 1500, 0, None) * 0.012
    return with_val(with_train(run, steps, values), at, values[at] + 0.05, values[at])


def speedrun() -> Analysis:
    """Make a modded-nanogpt log: thirteen evaluations, no training loss."""
    at = np.append(np.arange(0, 1500, 125), 1480)
    values = 3.28 + 7.5 * np.exp(-at / 80) + np.exp(-at / 500) * (1 - at / 1600)
    run = with_val(bare("speedrun"), at, values)
    means = 140 + np.random.default_rng(2).normal(0, 0.3, 12)
    run = with_curve(run, "step_avg_ms", at[1:], means)
    return replace(run, format="modded-nanogpt", elapsed_s=at * 0.14)


def trainer() -> Analysis:
    """Make a Hugging Face log: loss, gradient norm, learning rate, no time."""
    rng = np.random.default_rng(3)
    steps = np.arange(10, 1010, 10)
    losses = 2.1 * np.exp(-steps / 300) + 1.1 + rng.normal(0, 0.06, 100)
    run = with_train(bare("llama-lora"), steps, losses, window=10)
    assert run.train_smooth is not None
    at = np.arange(100, 1001, 100)
    values = 2.0 * np.exp(-at / 300) + 1.2
    run = with_val(run, at, values, run.train_smooth[9::10])
    run = with_curve(run, "grad_norm", steps, np.exp(rng.normal(0, 0.4, 100)))
    rates = 2e-5 * (1 - steps / 1010) * np.clip(steps / 100, 0, 1)
    return with_curve(run, "lr", steps, rates)


def epochs() -> Analysis:
    """Make a Keras log: one point an epoch."""
    steps = np.arange(1, 13)
    losses = 2.3 * np.exp(-steps / 4) + 0.15
    run = with_train(bare("mnist-cnn"), steps, losses, window=1)
    rise = 0.02 * np.clip(steps - 7, 0, None) ** 1.3
    run = with_val(run, steps, 2.1 * np.exp(-steps / 2) + 0.3 + rise, losses)
    run = with_curve(run, "accuracy", steps, 1 - 0.6 * np.exp(-steps / 3))
    run = with_curve(run, "val_accuracy", steps, 0.93 - 0.5 * np.exp(-steps / 3))
    return replace(run, findings=(Finding("overfitting", "warning", 12, 7),))


def started() -> Analysis:
    """Make a log of three points."""
    steps = np.array([0, 10, 20])
    run = with_train(bare("started"), steps, np.array([10.9, 9.8, 9.1]), window=1)
    run = with_val(run, steps[:1], np.array([10.95]), np.array([10.93]))
    times = np.array([21_000.0, 132.0, 133.0])
    return with_time(run, steps, times, np.array([True, False, False]))


def in_bits() -> Analysis:
    """Make a nanochat log: validation in bits per byte, an averaged loss."""
    rng = np.random.default_rng(4)
    steps = np.arange(5000)
    losses = 2.6 + 8 * np.exp(-steps / 150) + np.exp(-steps / 1500)
    run = with_train(bare("nanochat-d20"), steps, losses + rng.normal(0, 0.02, 5000))
    at = np.arange(0, 5000, 250)
    bits = 0.82 + 2.4 * np.exp(-at / 200) + 0.25 * np.exp(-at / 1500)
    run = with_val(run, at, bits, metric="val_bpb")
    run = with_time(run, steps, rng.normal(480, 4, 5000), steps % 250 == 249)
    return replace(run, smoothed_loss=True, mfu=curve("mfu", steps, losses + 40))


def resumed() -> Analysis:
    """Make a run taken up at step 1,000 after it had reached 1,399."""
    steps = np.concatenate([np.arange(1400), np.arange(1000, 3000)])
    alive = np.ones(len(steps), bool)
    alive[1000:1400] = False
    noise = np.random.default_rng(5).normal(0, 0.05, len(steps))
    values = 0.7 + 4 * np.exp(-steps / 200) + np.exp(-steps / 900) + noise
    run = with_train(bare("resumed"), steps, values)
    train = replace(curve("loss", steps, values), current=alive)
    at = np.flatnonzero(steps % 150 == 0)
    val = replace(curve("val_loss", steps[at], values[at] + 0.1), current=alive[at])
    stretches = (Segment(0, 1399, 1, "start"), Segment(1000, 2999, 1401, "resumed"))
    return replace(run, train=train, val=val, val_train=values[at], segments=stretches)


def rewards() -> Analysis:
    """Make a run whose loss is negative, so that no logarithm exists."""
    steps = np.arange(800)
    return with_train(bare("ppo"), steps, -4 * np.exp(-steps / 100) + 0.2)


def awkward() -> Analysis:
    """Make a run with the worst of names and the longest of captions."""
    name = "$\\alpha$_run \x1b[31m训练 \udcff " + "very-long-name-" * 12
    info = {**INFO, "dataset": "my " * 90}
    path = "/data/" + "deep/" * 40 + "train.log"
    return replace(nanogpt(), name=name, path=path, info=info, changed_at=None)


KINDS = {
    "overfitting": nanogpt,
    "improving": improving,
    "NaN": lost,
    "diverged": diverged,
    "modded-nanogpt": speedrun,
    "HF Trainer": trainer,
    "Keras": epochs,
    "three points": started,
    "bits per byte": in_bits,
    "resumed": resumed,
    "negative": rewards,
    "awkward": awkward,
    "empty": bare,
}
