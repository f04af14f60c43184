"""What comes before the first step: processes, data, model, micro batches."""

import contextlib
import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from trainer import checkpoint, gpt2, machine, prepare
from trainer.data import Split, find_dataset, read_meta
from trainer.errors import TrainerError
from trainer.model import GPT, GPTConfig


SMALL = 50e6  # parameters; below, launching kernels takes longer than running them
MAX_TOKENS = 2**16  # per forward pass; more gains nothing on an H100
MAX_LOGITS = 2**31 - 1  # numbers in one tensor: kernels index with 32 bits
FREE_SHARE = 0.8  # of the free memory; the rest is for the allocator and kernels


@dataclass(frozen=True)
class World:
    """Rank and number of processes, as torchrun sets them."""

    rank: int = 0
    local_rank: int = 0
    size: int = 1

    @property
    def parallel(self):
        """Whether torchrun started this process, even a single one."""
        return "RANK" in os.environ


@dataclass(frozen=True)
class Plan:
    """How a step is computed."""

    model: Any  # compiled, or as it is
    graphs: bool  # CUDA graphs
    rows: int  # of a micro batch: sequences in one forward pass
    micro_steps: int  # forward passes of a step, in this process
    draws: int  # nanoGPT's micro batches that are drawn at once


def find_world():
    """Torchrun's environment, or a world of one process."""
    names = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
    if "RANK" not in os.environ:
        return World()
    try:
        return World(*(int(os.environ[name]) for name in names))
    except (KeyError, ValueError) as error:
        raise TrainerError(
            f"RANK is set, but not all of {', '.join(names)}: start with torchrun"
        ) from error


@contextlib.contextmanager
def process_group(world, config):
    """Initialize torch.distributed for the length of a block."""
    if not world.parallel:
        yield
        return
    cuda = config.device.startswith("cuda")
    dist.init_process_group(config.backend if cuda else "gloo")
    try:
        yield
        dist.barrier()  # the first to leave would close the connections of the others
    finally:
        dist.destroy_process_group()


def first_rank_first(world, function):
    """Run `function` in rank 0, then in the others: what it downloads is there."""
    if not world.parallel:
        return function()
    result = function() if world.rank == 0 else None
    dist.barrier()
    return function() if world.rank else result


def resolve(config, world):
    """Replace every `auto` by what fits this machine."""
    device = machine.pick_device(config.device)
    if world.parallel and device.startswith("cuda"):
        device = f"cuda:{world.local_rank}"
        torch.cuda.set_device(device)
    kind = device.partition(":")[0]
    dtype = machine.pick_dtype(config.dtype, kind, exact=config.exact)
    compiled = config.compile
    if compiled == "auto":  # on CPUs a minute of compiling gains 5 % at best
        compiled = kind == "cuda" and not config.exact
    return dataclasses.replace(config, device=device, dtype=dtype, compile=compiled)


def local_accumulation(config, world):
    """NanoGPT's micro steps per step in each process."""
    total = config.gradient_accumulation_steps
    if total % world.size:
        raise TrainerError(
            f"gradient_accumulation_steps={total} must be a multiple of the "
            f"{world.size} processes"
        )
    return total // world.size


def max_over_ranks(reason, device):
    """The largest of all processes' reasons: they must stop at the same step."""
    flag = torch.tensor(reason, device=device)
    dist.all_reduce(flag, dist.ReduceOp.MAX)
    return int(flag)


def open_data(config, world, log):
    """(dataset's name, meta, splits); rank 0 prepares a dataset that is missing."""
    names = [prepare.ensure(config.dataset, config, log)] if world.rank == 0 else [None]
    if world.parallel:
        dist.broadcast_object_list(names)
    (name,) = names
    folder = find_dataset(name)
    meta = read_meta(folder)
    splits = {
        split: Split(folder / f"{split}.bin", config.block_size, config.device)
        for split in ("train", "val")
    }
    if meta.get("kind") == "char":
        path = folder / "meta.pkl"
        log.line(f"found vocab_size = {meta['vocab_size']} (inside {path})")
    return name, meta, splits


def seed(config, world):
    """Seed the generators as nanoGPT; allow TF32 as it does."""
    torch.manual_seed(config.seed + world.rank)
    if config.device.startswith("cuda"):
        torch.set_float32_matmul_precision("high")


def make_model(config, meta, log, world):
    """(model on its device, path of the checkpoint or None, checkpoint or None)."""
    stored = None
    path = checkpoint.newest(Path(config.out_dir))
    if config.init_from == "resume" or (config.init_from == "auto" and path):
        path = path or Path(config.out_dir) / "ckpt.pt"
        log.line(f"Resuming training from {config.out_dir}")
        stored = checkpoint.load(path, trust=config.trust_checkpoint)
        raw = stored["model_args"]
        weights = stored["model"]
        model = checkpoint.model_from(path, weights, raw, dropout=config.dropout)
    elif config.init_from.startswith("gpt2"):
        log.line(f"Initializing from OpenAI GPT-2 weights: {config.init_from}")
        check_fit(gpt2.model_args(config.init_from), config)
        model = first_rank_first(
            world, lambda: gpt2.load(config.init_from, config, log)
        )
    else:
        model = new_model(config, meta, log)
    crop(model, config)
    log.line(f"number of parameters: {model.get_num_params() / 1e6:.2f}M")
    check_vocabulary(model, meta)
    if config.low_mem:
        model = model.bfloat16()
    model.recompute = config.low_mem
    model.chunked_loss = config.chunked_loss
    return model.to(config.device), path, stored


def new_model(config, meta, log):
    """A model with random weights and the vocabulary of the data, else of GPT-2."""
    log.line("Initializing a new model from scratch")
    vocab_size = meta["vocab_size"] if meta.get("kind") == "char" else None
    if vocab_size is None:
        vocab_size = GPTConfig.vocab_size
        log.line(
            "defaulting to vocab_size of GPT-2 to 50304 "
            "(50257 rounded up for efficiency)"
        )
    names = ("n_layer", "n_head", "n_embd", "block_size", "bias", "dropout")
    raw = {name: getattr(config, name) for name in names}
    check_fit({**raw, "vocab_size": vocab_size}, config)
    return GPT(GPTConfig(**raw, vocab_size=vocab_size))


def check_fit(raw, config):
    """Refuse a model too large for the machine before allocating it."""
    machine.check_memory(GPTConfig(**raw), config)


def crop(model, config):
    """Reduce the context length to `block_size`; it cannot grow."""
    if config.block_size > model.config.block_size:
        raise TrainerError(
            f"block_size={config.block_size}, but the weights have "
            f"{model.config.block_size} positions: take --block_size="
            f"{model.config.block_size} or less"
        )
    if config.block_size < model.config.block_size:
        model.crop_block_size(config.block_size)


def check_vocabulary(model, meta):
    """Refuse data whose tokens the model does not have."""
    if meta and meta["vocab_size"] > model.config.vocab_size:
        raise TrainerError(
            f"the data have {meta['vocab_size']} tokens, the model has "
            f"{model.config.vocab_size}: it was trained on other data"
        )


def plan(run, stored):
    """Choose threads, micro batches and compilation for a run."""
    config = run.config
    if config.device == "cpu":
        set_threads(run, (stored or {}).get("gptwatch", {}).get("threads", 0))
    rows = micro_batch_size(run.model, config, run.accumulation)
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


def micro_batch_size(model, config, accumulation):
    """Sequences per forward pass: nanoGPT's batch_size, on a GPU as many as fit."""
    total = accumulation * config.batch_size
    if config.micro_batch_size:
        if total % config.micro_batch_size:
            raise TrainerError(
                f"micro_batch_size={config.micro_batch_size} must divide the {total} "
                "sequences of a step (batch_size x gradient_accumulation_steps)"
            )
        return config.micro_batch_size
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
    advice = f"--micro_batch_size={fewer}, which keeps the batch of a step"
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


def parallel(model, config, world):
    """The model with gradients averaged over all processes."""
    if not world.parallel:
        return model
    ids = [world.local_rank] if config.device.startswith("cuda") else None
    return DistributedDataParallel(model, device_ids=ids)
