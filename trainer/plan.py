"""How a step is computed: threads, micro batches, compilation."""

import os
from dataclasses import dataclass
from typing import Any

import torch

from trainer import machine
from trainer.errors import TrainerError


SMALL = 50e6  # parameters; below, launching kernels takes longer than running them
MAX_TOKENS = 2**16  # per forward pass; more gains nothing on an H100
MAX_LOGITS = 2**31 - 1  # numbers in one tensor: kernels index with 32 bits
FREE_SHARE = 0.8  # of the free memory; the rest is for the allocator and kernels


@dataclass(frozen=True)
class Plan:
    """How a step is computed."""

    model: Any  # compiled, or as it is
    graphs: bool  # CUDA graphs
    rows: int  # of a micro batch: sequences in one forward pass
    micro_steps: int  # forward passes of a step, in this process
    draws: int  # nanoGPT's micro batches that are drawn at once


def make(run, stored):
    """Choose threads, micro batches and compilation for a run."""
    config = run.config
    if config.device == "cpu":
        set_threads(run, (stored or {}).get("gptwatch", {}).get("threads", 0))
    rows = choose_rows(run.model, config, run.accumulation)
    total = run.accumulation * config.batch_size
    # Drawn one at a time where nanoGPT's order of random numbers must be kept.
    draws = 1 if config.batch_size % rows == 0 else run.accumulation
    micro_steps = total // rows
    # With several micro steps gradients would accumulate in a graph's own memory.
    small = run.model.get_num_params() < SMALL
    alone = micro_steps == 1 and not run.world.parallel
    graphs = config.device.startswith("cuda") and small and alone
    model = run.model
    if config.compile:
        model = compiled(run, rows, graphs=graphs)
    return Plan(model, graphs and model is not run.model, rows, micro_steps, draws)


def set_threads(run, stored):
    """Use the threads asked for, those of the checkpoint, or the fastest number.

    Sums over another number of threads differ in the last bit.
    """
    wanted = run.config.threads or (stored if type(stored) is int else 0)
    if not wanted and "OMP_NUM_THREADS" not in os.environ:
        rows = run.config.batch_size
        wanted = machine.fastest_threads(lambda: probe(run, run.model, rows))
    if wanted > 0:
        torch.set_num_threads(wanted)


def probe(run, model, rows):
    """Compute a step without changing weights, optimizer or random state."""
    shape = (rows, run.config.block_size)
    # Two tensors: with one for both, dynamo would compile for equal arguments only.
    x, y = (
        torch.zeros(shape, dtype=torch.long, device=run.config.device) for _ in "xy"
    )
    devices = [run.config.device] if run.config.device.startswith("cuda") else []
    with torch.random.fork_rng(devices), run.precision():
        _, loss = model(x, y)
    loss.backward()
    run.optimizer.zero_grad(set_to_none=True)


def choose_rows(model, config, accumulation):
    """Sequences per forward pass: nanoGPT's batch_size, on a GPU as many as fit."""
    total = accumulation * config.batch_size
    if config.micro_batch:
        if total % config.micro_batch:
            raise TrainerError(
                f"micro_batch={config.micro_batch} must divide the {total} "
                "sequences of a step (batch_size x gradient_accumulation_steps)"
            )
        return config.micro_batch
    if config.exact or not config.device.startswith("cuda"):
        return config.batch_size
    missing = machine.state_bytes(model.config, low_mem=config.low_mem)
    missing -= sum(p.nbytes for p in model.parameters())  # are there already
    free = FREE_SHARE * machine.free_bytes(config.device) - missing
    return fitting_rows(model.config, config, total, free)


def fitting_rows(shape, config, total, free):
    """The largest divisor of `total` sequences that fits in `free` bytes."""
    tokens = config.block_size
    limits = [
        free // machine.activation_bytes(shape, config, tokens),
        max(MAX_TOKENS // tokens, config.batch_size),
    ]
    if not config.chunked_loss:
        limits.append(MAX_LOGITS // (tokens * shape.vocab_size))
    return largest_divisor(total, min(limits))


def largest_divisor(number, most):
    """The largest divisor of `number` up to `most`, at least 1."""
    return max(n for n in range(1, number + 1) if number % n == 0 and n <= max(1, most))


def out_of_memory(config, rows, total):
    """What to change when a device is out of memory; the batch of a step stays."""
    fewer = largest_divisor(total, rows // 2)
    advice = f"--micro_batch={fewer}, which keeps the batch of a step"
    if rows == 1:
        advice = "--low_mem=True, a smaller --block_size or a smaller model"
    return f"{config.device} is out of memory at {rows} sequences: try {advice}"


def compiled(run, rows, *, graphs):
    """The model compiled, or as it is where compiling does not work."""
    run.log.line("compiling the model... (takes a ~minute)")
    mode = "reduce-overhead" if graphs else "default"
    try:
        fast = torch.compile(run.model, mode=mode, dynamic=False)
        probe(run, fast, rows)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - compilers fail in many ways
        reason = str(error).strip().split("\n", 1)[0][:200]
        run.log.event("compile", works=False, reason=reason, instead="eager")
        return run.model
    run.log.event("compile", works=True, mode=mode)
    return fast
