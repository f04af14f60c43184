"""Our trainer beside a plain nanoGPT loop: the same model, the same batches.

    python tests/bench/bench_trainer.py                  all models this machine can do
    python tests/bench/bench_trainer.py tiny baby        only these
    python tests/bench/bench_trainer.py --steps 20

On a CPU the figure is CPU time of one thread, both loops in turn, step by step, in one
process: a busy machine disturbs both alike.  On a CUDA GPU it is wall time of blocks of
steps, in turn, and tokens/s and true MFU are given as well.  The plain loop is what
nanoGPT does: slices stacked in Python, AdamW unfused on CPU, float32 on CPU, float16 or
bfloat16 and torch.compile on a GPU, `.item()` at every step.
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

import numpy as np


os.environ.setdefault("OMP_NUM_THREADS", "1" if "cuda" not in sys.argv else "8")
sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

from trainer import build, machine, report
from trainer.config import Config
from trainer.log import Log
from trainer.loop import Run
from trainer.model import GPT, GPTConfig


CHAR: dict[str, Any] = {"dropout": 0.0, "beta2": 0.99, "gradient_accumulation_steps": 1}
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
VOCAB = {"124m": 50304}


Times = dict[str, list[float]]


class Loop(Protocol):
    """What can be timed."""

    def step(self) -> object:
        """Do one step."""


class Plain:
    """A nanoGPT loop, written for this bench."""

    def __init__(self, config: Config, vocab_size: int) -> None:
        """Make what nanoGPT's train.py makes."""
        torch.manual_seed(config.seed)
        self.config = config
        names = ("n_layer", "n_head", "n_embd", "block_size", "bias", "dropout")
        sizes = {name: getattr(config, name) for name in names}
        model = GPT(GPTConfig(**sizes, vocab_size=vocab_size)).to(config.device)
        self.model: Any = model
        self.cuda = config.device.startswith("cuda")
        weights = list(model.parameters())
        groups = [
            {"params": [p for p in weights if p.dim() >= 2], "weight_decay": 0.1},
            {"params": [p for p in weights if p.dim() < 2], "weight_decay": 0.0},
        ]
        more: dict[str, Any] = {"fused": True} if self.cuda else {}
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.learning_rate, betas=(0.9, 0.99), **more
        )
        self.autocast: Any = contextlib.nullcontext()
        if self.cuda:
            self.autocast = torch.autocast("cuda", torch.bfloat16)
            self.model = torch.compile(model)
        self.x, self.y = self.batch()

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Stack slices of a memory map, converted one by one."""
        config, size = self.config, self.config.block_size
        data = np.memmap(Path("data/bench/train.bin"), dtype=np.uint16, mode="r")
        starts = torch.randint(len(data) - size, (config.batch_size,))
        x, y = (
            torch.stack(
                [torch.from_numpy(data[i : i + size].astype(np.int64)) for i in first]
            )
            for first in (starts, starts + 1)
        )
        if self.cuda:
            x, y = x.pin_memory(), y.pin_memory()
        x = x.to(config.device, non_blocking=True)
        return x, y.to(config.device, non_blocking=True)

    def step(self) -> float:
        """Do one step and look at its loss."""
        with self.autocast:
            _, loss = self.model(self.x, self.y)
        self.x, self.y = self.batch()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.item())


class Ours:
    """Our loop, with all that it does at a step but print."""

    def __init__(self, config: Config) -> None:
        """Build a run as `python -m trainer` does."""
        self.run = Run(
            build.resolve(config, build.World()), build.World(), Log(quiet=True)
        )
        self.run.clock.start(0)

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
    write_data(vocab)
    batch = (GPU_BATCH if cuda else CPU_BATCH)[name]
    settings = {**MODELS[name], "batch_size": batch, "device": device}
    if cuda and name == "124m":
        settings["block_size"] = 1024
    config = Config(dataset="bench", threads=1, **settings)
    ours = Ours(config)
    loops: dict[str, Loop] = {
        "plain": Plain(config, vocab),
        "exact": Ours(dataclasses.replace(config, exact=True)),
        "ours": ours,
    }
    tokens = batch * config.block_size
    times = gpu_times(loops, count) if cuda else cpu_times(loops, name, count)
    show(name, times, tokens, ours.run)


def write_data(vocab: int) -> None:
    """Write random tokens where a data set would be; only their number matters."""
    folder = Path("data/bench")
    folder.mkdir(parents=True, exist_ok=True)
    tokens = np.random.default_rng(0).integers(0, vocab, 300_000, dtype=np.uint16)
    for split in ("train", "val"):
        tokens.tofile(folder / f"{split}.bin")
    chars = "".join(map(chr, range(256, 256 + vocab)))
    meta = f'{{"kind": "char", "vocab_size": {vocab}, "chars": "{chars}"}}'
    (folder / "meta.json").write_text(meta, encoding="utf-8")


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


def show(name: str, times: Times, tokens: int, run: Any) -> None:
    """Print a row for each loop."""
    print(f"{name}: {run.config.device}, ours in {run.config.dtype}")
    for key, values in times.items():
        best, middle = min(values), statistics.median(values)
        ratio = min(times["plain"]) / best
        usual = statistics.median(times["plain"]) / middle
        mfu = report.flops(run) / middle / run.peak
        print(
            f"  {key:6} min {1000 * best:9.2f} ms, median {1000 * middle:9.2f} ms, "
            f"ratio {ratio:.2f} / {usual:.2f}, {tokens / middle:,.0f} tokens/s, "
            f"mfu {100 * mfu:.1f}% of {run.peak:.3g}"
        )


if __name__ == "__main__":
    main()
