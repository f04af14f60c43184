"""What stands before the first step: ranks, model, optimizer, compilation."""

import contextlib
import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from trainer import ckpt, gpt2, machine, prepare
from trainer.data import Split, find_dataset, read_meta
from trainer.errors import TrainerError
from trainer.model import GPT, GPTConfig


@dataclass(frozen=True)
class World:
    """Which of how many processes this is, as torchrun says."""

    rank: int = 0
    local_rank: int = 0
    size: int = 1

    @property
    def parallel(self):
        """Tell whether torchrun started us, be it alone."""
        return "RANK" in os.environ


def find_world():
    """Give torchrun's environment, or a world of one."""
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
    """Join the other processes for the length of a block."""
    if not world.parallel:
        yield
        return
    cuda = config.device.startswith("cuda")
    dist.init_process_group(config.backend if cuda else "gloo")
    try:
        yield
        dist.barrier()  # who leaves first would take the connections of the others
    finally:
        dist.destroy_process_group()


def resolve(config, world):
    """Replace every `auto` by what this machine makes of it."""
    device = machine.pick_device(config.device)
    if world.parallel and device.startswith("cuda"):
        device = f"cuda:{world.local_rank}"
        torch.cuda.set_device(device)
    kind = device.partition(":")[0]
    dtype = machine.pick_dtype(config.dtype, kind, exact=config.exact)
    compiled = config.compile
    if compiled == "auto":  # on CPUs a minute of compiling wins 5 % at best
        compiled = kind == "cuda" and not config.exact
    return dataclasses.replace(config, device=device, dtype=dtype, compile=compiled)


def share_micro_steps(config, world):
    """Give how many micro steps of a step each process does."""
    total = config.gradient_accumulation_steps
    if total % world.size:
        raise TrainerError(
            f"gradient_accumulation_steps={total} must be a multiple of the "
            f"{world.size} processes"
        )
    return total // world.size


def gravest(reason, device):
    """Give the greatest of all processes' reasons: they must stop at the same step."""
    flag = torch.tensor(reason, device=device)
    dist.all_reduce(flag, dist.ReduceOp.MAX)
    return int(flag)


def open_data(config, world, log):
    """Give (meta, splits) of the data set; the first process makes it if need be."""
    if world.rank == 0:
        prepare.ensure(config.dataset, config, log)
    if world.parallel:
        dist.barrier()
    folder = find_dataset(config.dataset)
    meta = read_meta(folder)
    splits = {
        split: Split(folder / f"{split}.bin", config.block_size, config.device)
        for split in ("train", "val")
    }
    if meta.get("kind") == "char":
        path = folder / "meta.pkl"
        log.say(f"found vocab_size = {meta['vocab_size']} (inside {path})")
    return meta, splits


def seed(config, world):
    """Start the generators where nanoGPT does, and allow the GPU what it allows."""
    torch.manual_seed(config.seed + world.rank)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True


def make_model(config, meta, log):
    """Give (model on its device, checkpoint or None), as `init_from` says."""
    stored = None
    path = ckpt.newest(out_dir(config))
    if config.init_from == "resume" or (config.init_from == "auto" and path):
        path = path or out_dir(config) / "ckpt.pt"
        log.say(f"Resuming training from {config.out_dir}")
        stored = ckpt.load(path, trust=config.trust_checkpoint)
        raw = stored["model_args"]
        model = ckpt.model_from(path, stored["model"], raw, dropout=config.dropout)
    elif config.init_from.startswith("gpt2"):
        log.say(f"Initializing from OpenAI GPT-2 weights: {config.init_from}")
        check_fit(gpt2.model_args(config.init_from), config)
        model = gpt2.load(config.init_from, config, log)
    else:
        model = new_model(config, meta, log)
    shorten(model, config)
    log.say(f"number of parameters: {model.get_num_params() / 1e6:.2f}M")
    check_vocabulary(model, meta)
    if config.low_mem:
        model = model.bfloat16()
    model.recompute = config.low_mem
    model.chunked_loss = config.chunked_loss
    return model.to(config.device), stored


def new_model(config, meta, log):
    """Give a model with random weights: the data's vocabulary, or GPT-2's."""
    log.say("Initializing a new model from scratch")
    vocab_size = meta["vocab_size"] if meta.get("kind") == "char" else None
    if vocab_size is None:
        vocab_size = GPTConfig.vocab_size
        log.say(
            "defaulting to vocab_size of GPT-2 to 50304 "
            "(50257 rounded up for efficiency)"
        )
    names = ("n_layer", "n_head", "n_embd", "block_size", "bias", "dropout")
    raw = {name: getattr(config, name) for name in names}
    check_fit({**raw, "vocab_size": vocab_size}, config)
    return GPT(GPTConfig(**raw, vocab_size=vocab_size))


def check_fit(raw, config):
    """Refuse a model too large for the machine before making it."""
    machine.check_memory(GPTConfig(**raw), config, config.device)


def shorten(model, config):
    """Cut the context to what the configuration asks for; it cannot grow."""
    if config.block_size > model.config.block_size:
        raise TrainerError(
            f"block_size={config.block_size}, but the weights know "
            f"{model.config.block_size} positions: take --block_size="
            f"{model.config.block_size} or less"
        )
    if config.block_size < model.config.block_size:
        model.crop_block_size(config.block_size)


def check_vocabulary(model, meta):
    """Refuse data whose tokens the model does not have."""
    if meta and meta["vocab_size"] > model.config.vocab_size:
        raise TrainerError(
            f"the data have {meta['vocab_size']} tokens, the model knows "
            f"{model.config.vocab_size}: it was trained on other data"
        )


def parallel(model, config, world):
    """Give the model that averages its gradients over all processes."""
    if not world.parallel:
        return model
    ids = [world.local_rank] if config.device.startswith("cuda") else None
    return DistributedDataParallel(model, device_ids=ids)


def out_dir(config):
    """Give the folder of a run."""
    return Path(config.out_dir)
