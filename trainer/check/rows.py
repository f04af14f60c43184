"""What the rows of `python -m trainer.check` share: settings, helpers, the registry."""

import contextlib
import gc
import io
import json
import re
import statistics
import time
from pathlib import Path

import torch

from trainer import build, loop, machine
from trainer.baseline import PlainLoop, write_data
from trainer.config import Config
from trainer.log import Log


HOPPER = ("H100", "H200", "H100 NVL")
CHAR = {"dataset": "char", "n_layer": 6, "n_head": 6, "n_embd": 384, "block_size": 256}
CHAR |= {"batch_size": 64, "gradient_accumulation_steps": 1, "learning_rate": 1e-3}
GPT2 = {"dataset": "gpt2", "batch_size": 12, "gradient_accumulation_steps": 40}
TINY = {"n_layer": 2, "n_head": 2, "n_embd": 64, "block_size": 32, "batch_size": 8}
QUIET = {"eval_iters": 2, "eval_interval": 1000, "warmup_iters": 2, "log_interval": 1}


class Wrong(Exception):
    """A row that does not pass."""


class Impossible(Exception):
    """A row that this machine cannot run."""


def row(seconds):
    """Make a function a row of the check, with its time limit on a GPU."""

    def mark(function):
        function.time_limit_s = seconds
        return function

    return mark


class Setup:
    """Where rows run, and how large their models are."""

    def __init__(self):
        self.device = machine.pick_device("auto")
        self.cuda = self.device == "cuda"

    @property
    def hopper(self):
        """Whether the goals of an H100 or H200 apply."""
        name = torch.cuda.get_device_name() if self.cuda else ""
        return machine.find_card(name) in HOPPER

    def need_cuda(self):
        """Skip a row that needs a GPU."""
        if not self.cuda:
            raise Impossible("needs a CUDA GPU")

    def settings(self, base=CHAR, **more):
        """Settings of a model: the real one on a GPU, else a small one."""
        size = {} if self.cuda else {**TINY, "threads": 1}
        if base is GPT2 and not self.cuda:
            size |= {"batch_size": 2, "gradient_accumulation_steps": 5}
        return {**base, **QUIET, **size, "device": self.device, **more}

    def train(self, **settings):
        """(exit code, lines) of a training."""
        prepare(settings["dataset"])
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = loop.train([f"--{key}={value}" for key, value in settings.items()])
        return code, out.getvalue().splitlines()

    def losses(self, **settings):
        """The loss of each logged step of a training."""
        code, lines = self.train(**settings)
        expect(code == 0, f"exit code {code}")
        return [float(m[1]) for m in map(STEP.match, lines) if m]

    def run(self, **settings):
        """A run that is stepped by hand."""
        prepare(settings["dataset"])
        world = build.World()
        run = loop.Run(build.resolve(Config(**settings), world), world, Log(quiet=True))
        run.report.clock.start(0)
        return run

    def plain(self, *, compiled=False, dtype="float32", **settings):
        """NanoGPT's loop."""
        prepare(settings["dataset"])
        vocab = VOCAB[settings["dataset"]]
        return PlainLoop(Config(**settings), vocab, compiled=compiled, dtype=dtype)


STEP = re.compile(r"iter \d+: loss (\S+), time (\S+)ms")
VOCAB = {"char": 65, "gpt2": 50304}


def prepare(dataset):
    """Write the dataset of a row; free what the run before held."""
    gc.unfreeze()
    gc.collect()
    if not Path("data", dataset, "train.bin").exists():
        write_data(dataset, VOCAB[dataset])


def expect(condition, message):
    """Let a row fail."""
    if not condition:
        raise Wrong(message)


def difference(one, other):
    """The largest difference of two lists of losses of equal length."""
    expect(len(one) == len(other) > 0, f"{len(one)} and {len(other)} losses")
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def events(lines, name):
    """The events of a kind in a log."""
    found = [json.loads(line[10:]) for line in lines if line.startswith("gptwatch: ")]
    return [event for event in found if event["event"] == name]


def seconds_per_step(setup, step, steps, warm):
    """Median seconds of a step, in blocks, after warming up."""
    for _ in range(warm):
        step()
    times = []
    for _ in range(4):
        machine.wait(setup.device)
        start = time.perf_counter()
        for _ in range(steps):
            step()
        machine.wait(setup.device)
        times.append((time.perf_counter() - start) / steps)
    return statistics.median(times)
