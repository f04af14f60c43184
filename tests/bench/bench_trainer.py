"""Our trainer beside a plain nanoGPT loop: the same model, the same batches.

    python tests/bench/bench_trainer.py                  all models this machine can do
    python tests/bench/bench_trainer.py tiny baby        only these
    python tests/bench/bench_trainer.py --steps 20

On a CPU the figure is CPU time of one thread, both loops in turn, step by step, in one
process: a busy machine disturbs both alike.  On a CUDA GPU it is wall time of blocks of
steps, in turn, and tokens/s and true MFU are given as well; there the plain loop is
compiled and in bfloat16.  `python -m trainer.check` compares more on a GPU.
"""

import argparse
import contextlib
import dataclasses
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol


os.environ.setdefault("OMP_NUM_THREADS", "1" if "cuda" not in sys.argv else "8")
sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

from trainer import build, machine
from trainer.baseline import PlainLoop, write_data
from trainer.config import Config
from trainer.log import Log
from trainer.loop import Run


CHAR: dict[str, Any] = {"beta2": 0.99, "gradient_accumulation_steps": 1}
MODELS: dict[
    str, dict[str, Any]
] = {  # CPU batch sizes; a GPU takes those of the configurations
    "tiny": {**CHAR, "n_layer": 4, "n_head": 4, "n_embd": 128, "block_size": 64},
    "baby": {**CHAR, "n_layer": 6, "n_head": 6, "n_embd": 384, "block_size": 256},
    "21m": {**CHAR, "n_layer": 12, "n_head": 12, "n_embd": 384, "block_size": 256},
    "124m": {**CHAR, "block_size": 256},
}
CPU_BATCH = {"tiny": 12, "baby": 8, "21m": 8, "124m": 1}
GPU_BATCH = {"tiny": 12, "baby": 64, "21m": 64, "124m": 12}
GPU_MORE: dict[str, dict[str, Any]] = {  # as in the configurations
    "baby": {"dropout": 0.2},
    "21m": {"dropout": 0.2},
    "124m": {"block_size": 1024, "gradient_accumulation_steps": 40},
}
VOCAB = {"124m": 50304}


Times = dict[str, list[float]]


class Loop(Protocol):
    """What can be timed."""

    def step(self) -> object:
        """Do one step."""


class Ours:
    """Our loop, with all that it does at a step but print."""

    def __init__(self, config: Config) -> None:
        """Build a run as `python -m trainer` does."""
        self.run = Run(
            build.resolve(config, build.World()), build.World(), Log(quiet=True)
        )
        self.run.report.clock.start(0)

    def step(self) -> None:
        """Do one step with its log line."""
        self.run.step()
        self.run.after_step()


def main() -> None:
    """Compare the models that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=["tiny", "baby", "124m"])
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device = machine.pick_device(options.device)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name in options.models:
            compare(name, device, options.steps)


def compare(name: str, device: str, count: int) -> None:
    """Time one model in all its variants, and print the ratios."""
    cuda = device.startswith("cuda")
    vocab = VOCAB.get(name, 65)
    write_data("bench", vocab)
    torch.compiler.reset()  # dynamo compiles a function eight times, then no more
    batch = (GPU_BATCH if cuda else CPU_BATCH)[name]
    settings = {**MODELS[name], "batch_size": batch, "device": device}
    settings |= GPU_MORE.get(name, {}) if cuda else {}
    config = Config(dataset="bench", threads=1, **settings)
    ours = Ours(config)
    dtype = "bfloat16" if cuda else "float32"
    loops: dict[str, Loop] = {
        "plain": PlainLoop(config, vocab, compiled=cuda, dtype=dtype),
        "exact": Ours(dataclasses.replace(config, exact=True)),
        "ours": ours,
    }
    times = gpu_times(loops, count) if cuda else cpu_times(loops, name, count)
    show(name, times, ours.run)


def cpu_times(loops: Mapping[str, Loop], name: str, count: int) -> Times:
    """Give CPU seconds per step of each loop, taken in turn on one thread."""
    torch.set_num_threads(1)
    times: Times = {key: [] for key in loops}
    for i in range(3 + (count or {"tiny": 60, "baby": 8, "21m": 5, "124m": 5}[name])):
        for key, loop in loops.items():
            start = time.thread_time()
            loop.step()
            if i >= 3:
                times[key].append(time.thread_time() - start)
    return times


def gpu_times(loops: Mapping[str, Loop], count: int) -> Times:
    """Give wall seconds per step of each loop, in blocks of steps taken in turn."""
    times: Times = {key: [] for key in loops}
    for i in range(6):
        for key, loop in loops.items():
            block = count or 50
            torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(block):
                loop.step()
            torch.cuda.synchronize()
            if i:  # the first block compiles and warms up
                times[key].append((time.perf_counter() - start) / block)
    return times


def show(name: str, times: Times, run: Any) -> None:
    """Print a row for each loop."""
    print(f"{name}: {run.config.device}, ours in {run.config.dtype}")
    for key, values in times.items():
        best, middle = min(values), statistics.median(values)
        ratio = min(times["plain"]) / best
        usual = statistics.median(times["plain"]) / middle
        speed = run.tokens_per_iter / middle
        mfu = run.report.flops / middle / run.report.peak
        print(
            f"  {key:6} min {1000 * best:9.2f} ms, median {1000 * middle:9.2f} ms, "
            f"ratio {ratio:.2f} / {usual:.2f}, {speed:,.0f} tokens/s, "
            f"mfu {100 * mfu:.1f}% of {run.report.peak:.3g}"
        )


if __name__ == "__main__":
    main()
