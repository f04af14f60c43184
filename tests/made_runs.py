"""Analysis records made up from a seed, one a kind of log, for tests of pictures."""

from dataclasses import replace

import numpy as np

from parsers.batch import Floats, Ints
from parsers.metrics import unit
from watcher.analysis import Analysis, Curve, Segment, Summary
from watcher.finding import Finding
from watcher.outputs.thin import Mask
from watcher.smooth import centred_mean


def curve(
    metric: str, steps: Ints, values: Floats, *, current: list[bool] | None = None
) -> Curve:
    """Make a curve whose lines are 1, 2, 3."""
    n = len(steps)
    alive = np.ones(n, bool) if current is None else np.array(current)
    return Curve(metric, unit(metric), steps, values, np.arange(1, n + 1), alive)


def bare(name: str = "run") -> Analysis:
    """Make an analysis of a log without any metric."""
    return Analysis(
        name=name,
        path=f"logs/{name}.log",
        format="nanoGPT",
        info={},
        train=None,
        train_smooth=None,
        window=1,
        val=None,
        val_train=None,
        comparable=True,
        time=None,
        pause=None,
        mfu=None,
        throughput=None,
        curves={},
        elapsed_s=None,
        smoothed_loss=False,
        segments=(),
        milestones=(),
        summary=Summary(),
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
