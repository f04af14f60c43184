"""What comes before the first step: processes, data, model."""

import contextlib
import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from trainer import checkpoint, gpt2, machine, prepare
from trainer.data import Split, find_dataset, read_meta
from trainer.errors import TrainerError
from trainer.model import GPT, GPTConfig


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
    if device.startswith("cuda:"):  # events and kernels go to the current device
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
    """Reject a model too large for the machine before allocating it."""
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
    """Reject data whose tokens the model does not have."""
    if meta and meta["vocab_size"] > model.config.vocab_size:
        raise TrainerError(
            f"the data have {meta['vocab_size']} tokens, the model has "
            f"{model.config.vocab_size}: it was trained on other data"
        )


def parallel(model, config, world):
    """The model with gradients averaged over all processes."""
    if not world.parallel:
        return model
    ids = [world.local_rank] if config.device.startswith("cuda") else None
    return DistributedDataParallel(model, device_ids=ids)
