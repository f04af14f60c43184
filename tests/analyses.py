"""Analyses as the outputs meet them, from the plain to the broken."""

from dataclasses import replace
from typing import Any

import numpy as np

from parsers.batch import Milestone
from parsers.metrics import unit
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Curve, Segment, Summary
from watcher.analysis.segments import segments


INFO = {
    "parameters": 10_646_784,
    "n_layer": 6,
    "n_head": 6,
    "n_embd": 384,
    "block_size": 256,
    "vocab_size": 65,
    "dataset": "shakespeare_char",
    "batch_size": 64,
    "gradient_accumulation_steps": 1,
    "learning_rate": 0.001,
    "min_lr": 0.0001,
    "dropout": 0.2,
    "max_iters": 5000,
    "eval_interval": 250,
    "eval_iters": 200,
    "warmup_iters": 100,
    "beta2": 0.99,
    "compile": True,
    "dtype": "bfloat16",
    "out_dir": "out-shakespeare-char",
}


def curve(metric: str, steps: Any, values: Any, lines: Any = None) -> Curve:
    """A curve of a run that was never restarted; lines count from 1."""
    steps = np.asarray(steps, np.int64)
    lines = np.arange(1, len(steps) + 1) if lines is None else lines
    return Curve(
        metric=metric,
        unit=unit(metric),
        steps=steps,
        values=np.asarray(values, np.float64),
        lines=np.asarray(lines, np.int64),
        current=np.ones(len(steps), np.bool_),
    )


def nothing(**changed: Any) -> Analysis:
    """A log in which nothing was found, but for what is changed."""
    empty = Analysis(
        name="empty",
        path="logs/empty.log",
        format="",
        info={},
        train=None,
        train_smooth=None,
        window=1,
        val=None,
        val_train=None,
        comparable=False,
        time=None,
        pause=None,
        mfu=None,
        throughput=None,
        curves={},
        elapsed_s=None,
        smoothed_loss=False,
        segments=(),
        milestones=(),
    )
    run = replace(empty, **changed)
    return run if "segments" in changed else segmented(run)


def segmented(run: Analysis) -> Analysis:
    """The analysis with the segments of its own curves."""
    main = run.train or run.val or run.time
    if main is None:
        return run
    return replace(run, segments=segments(main.lines, main.steps, run.milestones))


def overfit() -> Analysis:
    """A character-level nanoGPT that learns its training set by heart."""
    steps = np.arange(0, 5001, 10)
    loss = 0.05 + 4.2 * np.exp(-steps / 900)
    time = np.where(steps % 250 == 0, 1770.0, 118.0)
    time[0] = 17_612.0
    at = np.arange(0, 5001, 250)
    val = 1.4697 + 2.8 * np.exp(-at / 300) + np.maximum(0, at - 1250) * 0.0013
    train_at = 0.05 + 4.2 * np.exp(-at / 900)
    lines = np.arange(len(steps)) + np.arange(len(steps)) // 25 + 2
    val_lines = np.arange(len(at)) * 26 + 1
    mfu = np.where(steps % 250 == 0, 8.0, 10.1)
    curves = {
        "loss": curve("loss", steps, loss, lines),
        "iter_ms": curve("iter_ms", steps, time, lines),
        "mfu": curve("mfu", steps[1:], mfu[1:], lines[1:]),
        "train_loss": curve("train_loss", at, train_at, val_lines),
        "val_loss": curve("val_loss", at, val, val_lines),
    }
    best = int(val.argmin())
    return nothing(
        name="shakespeare-char",
        path="logs/shakespeare-char.log",
        format="nanogpt",
        info=INFO,
        train=curves["loss"],
        train_smooth=loss,
        window=50,
        val=curves["val_loss"],
        val_train=train_at,
        comparable=True,
        time=curves["iter_ms"],
        pause=steps % 250 == 0,
        mfu=curves["mfu"],
        curves=curves,
        elapsed_s=steps * 0.1246,
        segments=(Segment(0, 5000, 1, "start"),),
        milestones=(Milestone("checkpoint", 27, 240, "saving checkpoint to out"),),
        summary=Summary(
            records=len(steps),
            first_step=0,
            last_step=5000,
            max_steps=5000,
            first_loss=loss[0],
            final_loss=loss[-1],
            improvement=loss[0] / loss[-1],
            best_loss=loss.min(),
            first_val=val[0],
            final_val=val[-1],
            final_val_step=5000,
            train_at_final_val=train_at[-1],
            best_val=val[best],
            best_val_step=int(at[best]),
            evaluations=len(at),
            evaluations_since_best=len(at) - best - 1,
            rise=(val[-1] - val[best]) / val[best],
            ratio=val[-1] / train_at[-1],
            gap=val[-1] - train_at[-1],
            verdict="overfitting",
            typical_ms=118.0,
            mean_ms=183.9,
            eval_ms=1652.0,
            eval_every=250,
            eval_share=0.053,
            training_s=623.0,
            typical_mfu=10.1,
            mean_mfu=10.0,
            tokens_per_s=138_847.0,
            tokens_per_step=16_384,
            checkpoints=20,
            last_checkpoint_step=5000,
            outcome="finished",
        ),
        findings=(
            Finding(
                "overfitting",
                "warning",
                step=int(at[best + 2]),
                since_step=int(at[best]),
                evidence={
                    "best": float(val[best]),
                    "last": float(val[-1]),
                    "last_step": 5000,
                    "rise": float(val[-1] - val[best]),
                    "rise_share": float((val[-1] - val[best]) / val[best]),
                    "evaluations_since": len(at) - best - 1,
                    "unit": "nats/token",
                    "train_fall_share": float(1 - train_at[-1] / train_at[best]),
                    "share_after": 0.75,
                },
                confirmed_step=int(at[best + 4]),
            ),
        ),
        lines=523,
        changed_at=1_763_800_000.0,
    )


def spike(severity: str, step: int, **changed: Any) -> Finding:
    """A finding that any run may have."""
    evidence = {"peak": 6.1, "usual": 4.2, "records": 3}
    return replace(Finding("spike", severity, step, step, evidence), **changed)


def with_summary(analysis: Analysis, **changed: Any) -> Analysis:
    """The analysis with other figures."""
    return replace(analysis, summary=replace(analysis.summary, **changed))


def user_sample() -> Analysis:
    """The run of the user's own report: ratio 128.35, possible overfitting."""
    return with_summary(overfit(), ratio=128.35, verdict="possible")


def no_validation() -> Analysis:
    """A run that is going on and never evaluates."""
    run = overfit()
    known = ("loss", "iter_ms", "mfu")
    return replace(
        run,
        name="pretrain",
        val=None,
        val_train=None,
        comparable=False,
        curves={name: run.curves[name] for name in known},
        findings=(),
        segments=(Segment(0, 2600, 1, "start"), Segment(2500, 5000, 300, "resumed")),
        summary=Summary(
            records=501,
            first_step=0,
            last_step=5000,
            max_steps=600_000,
            first_loss=10.9815,
            final_loss=3.2109,
            improvement=3.42,
            typical_ms=135.2,
            mean_ms=136.0,
            typical_mfu=45.3,
            mean_mfu=44.9,
            tokens_per_s=3_635_123.4,
            eta_s=80_456.0,
        ),
    )


def only_validation() -> Analysis:
    """A speed run that prints nothing but validation."""
    steps = np.arange(0, 1376, 125)
    val = curve("val_loss", steps, 3.28 + 7.5 * np.exp(-steps / 200))
    return nothing(
        name="speedrun",
        path="logs/speedrun.txt",
        format="modded-nanogpt",
        val=val,
        val_train=np.full(len(steps), np.nan),
        curves={"val_loss": val},
        segments=(Segment(0, 1375, 1, "start"),),
        summary=Summary(
            records=12,
            first_step=0,
            last_step=1375,
            max_steps=1375,
            first_val=10.8258,
            final_val=3.2797,
            final_val_step=1375,
            best_val=3.2797,
            best_val_step=1375,
            evaluations=12,
            verdict="none",
            typical_ms=142.0,
            training_s=195.0,
        ),
    )


def not_finite() -> Analysis:
    """A run whose loss becomes NaN halfway, then infinite."""
    loss = [4.0, 3.9, 3.8, float("nan"), float("nan"), float("inf")]
    train = curve("loss", range(0, 60, 10), loss)
    return nothing(
        name="unstable",
        format="nanogpt",
        train=train,
        train_smooth=train.values,
        curves={"loss": train},
        segments=(Segment(0, 50, 1, "start"),),
        summary=Summary(
            records=6,
            first_step=0,
            last_step=50,
            first_loss=4.0,
            final_loss=3.8,
            improvement=4.0 / 3.8,
            best_loss=3.8,
            nonfinite=3,
            first_nonfinite_step=30,
        ),
        findings=(Finding("not_finite", "critical", 30, 30, {"metric": "loss"}),),
    )


def three_points() -> Analysis:
    """A fine-tuning of three iterations."""
    train = curve("loss", [0, 1, 2], [3.4012, 3.3551, 3.2987])
    return nothing(
        name="finetune",
        format="nanogpt",
        info={"parameters": 1_557_611_200, "vocab_size": 50_257, "dropout": 0.0},
        train=train,
        train_smooth=train.values,
        curves={"loss": train},
        segments=(Segment(0, 2, 1, "start"),),
        summary=Summary(
            records=3,
            first_step=0,
            last_step=2,
            max_steps=20,
            first_loss=3.4012,
            final_loss=3.2987,
            improvement=1.031,
            eta_s=41.0,
        ),
    )


def bits_per_byte() -> Analysis:
    """A run whose validation is in bits per byte, its loss already an average."""
    train = curve("loss", range(100), 8 * np.exp(-np.arange(100) / 30) + 3)
    val = curve("val_bpb", [0, 50, 99], [3.3, 1.2, 1.1])
    return nothing(
        name="d20",
        format="nanochat",
        train=train,
        train_smooth=train.values,
        val=val,
        val_train=train.values[[0, 50, 99]],
        curves={"loss": train, "val_bpb": val},
        smoothed_loss=True,
        segments=(Segment(0, 99, 1, "start"),),
        summary=Summary(
            records=103,
            first_step=0,
            last_step=99,
            first_loss=11.0,
            final_loss=3.29,
            improvement=3.34,
            final_val=1.1,
            final_val_step=99,
            best_val=1.1,
            best_val_step=99,
            evaluations=3,
            verdict="none",
        ),
    )


def out_of_memory() -> Analysis:
    """A run that died while the batch was too large."""
    text = (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. "
        "GPU 0 has a total capacity of 23.65 GiB of which 12.38 MiB is free."
    )
    return replace(
        with_summary(
            three_points(), outcome="out of memory", outcome_text=text, eta_s=None
        ),
        name="too-large",
        milestones=(Milestone("out of memory", 4, 2, text),),
    )


def extreme() -> Analysis:
    """Numbers from both ends of the range, and a name that means harm."""
    train = curve("loss", [0, 10**15], [1e300, 1e-300])
    val = curve("val_loss", [0, 10**15], [1e-9, 1e12])
    return nothing(
        name="\x1b[31mred\x07\u202e\udcff",
        path="logs/\x1b]0;title\x07.log",
        format="generic",
        info={"seed": 10**30, "na\x1bme": "va\nlue", "learning_rate": 1e-30},
        train=train,
        train_smooth=train.values,
        val=val,
        val_train=train.values,
        comparable=True,
        curves={"loss": train, "val_loss": val},
        summary=Summary(
            records=4,
            first_step=0,
            last_step=10**15,
            max_steps=10**18,
            first_loss=1e300,
            final_loss=1e-300,
            improvement=float("inf"),
            best_val=1e-9,
            best_val_step=0,
            final_val=1e12,
            final_val_step=10**15,
            evaluations=2,
            evaluations_since_best=1,
            rise=1e21,
            ratio=float("inf"),
            verdict="possible",
            typical_ms=1e12,
            mean_ms=1e-9,
            eval_ms=1e15,
            eval_every=1,
            eval_share=1.0,
            training_s=1e15,
            mean_mfu=1e-9,
            typical_mfu=1e-9,
            tokens_per_s=1e18,
            eta_s=1e18,
            outcome_text="\x1b[2Jgone",
            outcome="crashed",
        ),
        findings=(spike("info", 5),),
    )


ALL = {
    "nothing": nothing,
    "overfit": overfit,
    "user_sample": user_sample,
    "no_validation": no_validation,
    "only_validation": only_validation,
    "not_finite": not_finite,
    "three_points": three_points,
    "bits_per_byte": bits_per_byte,
    "out_of_memory": out_of_memory,
    "extreme": extreme,
}
