"""Checkpoints: nanoGPT's `ckpt.pt` in both directions, written atomically.

A file holds nanoGPT's six keys (model, optimizer, model_args, iter_num, best_val_loss,
config) and `gptwatch`: random state, prefetched batch and progress of every process,
with which a resumed run continues as if it had not stopped.  nanoGPT ignores it.

Files may come from strangers: they are read with `weights_only=True`, and all sizes are
checked before memory is allocated.
"""

import contextlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from trainer.errors import TrainerError
from trainer.model import GPT, GPTConfig


NAMES = ("ckpt.pt", "best.pt", "last.pt")
MAX_LAYERS = 1000
MAX_SIZE = 2**24  # of any dimension


class Writer:
    """Writes checkpoints in a background thread, one at a time."""

    def __init__(self, *, keep_old):
        """With `keep_old`, existing files are renamed before they are replaced."""
        self.pool = ThreadPoolExecutor(1)
        self.work = self.path = None
        self.keep_old = keep_old

    def write(self, state, path, also=None):
        """Copy `state` to memory; write it to `path` and `also` in the background."""
        self.wait()
        if self.keep_old:
            self.keep_old = False
            for name in NAMES:
                keep_old(path.parent / name)
        self.path = path
        self.work = self.pool.submit(write, snapshot(state, {}), path, also)

    def check(self):
        """Raise the error of a failed write; do not wait for one in progress."""
        if self.work and self.work.done():
            self.wait()

    def wait(self):
        """Wait for the write in progress."""
        work, self.work = self.work, None
        if not work:
            return
        try:
            work.result()
        except (OSError, RuntimeError) as error:
            hidden = error.__context__  # torch replaces the disk's reason
            reason = hidden if isinstance(hidden, OSError) else error
            kept = "intact" if self.path.exists() else "none"
            raise TrainerError(
                f"{self.path}: checkpoint not written: {reason}; the one before: "
                f"{kept}; free disk space or change --out_dir, then continue with "
                "--init_from=auto"
            ) from error


def snapshot(state, seen):
    """Copy nested tensors to the CPU; tensors that share memory still share it."""
    if isinstance(state, dict):
        return {key: snapshot(value, seen) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(snapshot(value, seen) for value in state)
    if not isinstance(state, torch.Tensor):
        return state
    key = (state.data_ptr(), state.shape, state.dtype, state.device)
    if not state.numel() or key not in seen:
        seen[key] = state.detach().to("cpu", copy=True)
    return seen[key]


def write(state, path, also=None):
    """Write a file atomically: temporary file, fsync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part, second = path.with_suffix(".tmp"), path.with_suffix(".tmp2")
    try:
        with part.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        if also:
            link_or_copy(part, second)
            second.replace(also)
        part.replace(path)
    finally:
        for file in (part, second):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)


def link_or_copy(source, target):
    """Hard-link a file; copy it on file systems without hard links."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def keep_old(path):
    """Rename the checkpoint of an earlier run to NAME.old.pt."""
    if path.exists():
        path.replace(path.with_suffix(".old.pt"))


def newest(folder):
    """The checkpoint to resume from, the one written last, or None.

    `last.pt` is there when a run was stopped whose `ckpt.pt` is its best.
    """
    paths = [
        path for name in ("ckpt.pt", "last.pt") if (path := folder / name).exists()
    ]
    return max(paths, key=lambda path: path.stat().st_mtime_ns, default=None)


def load(path, *, trust=False):
    """Read a checkpoint and check its shape."""
    if not path.is_file():
        raise TrainerError(
            f"{path}: no checkpoint there; train first (--init_from=scratch), "
            "or name the run's folder with --out_dir"
        )
    try:
        ckpt = load_numpy_too(path, trust=trust)
    except Exception as error:  # torch raises what a broken file makes it raise
        reason = str(error).split("\n", 1)[0][:200]
        raise TrainerError(
            f"{path}: not a checkpoint, or damaged, or it wants to run code: "
            f"{reason} (another copy may lie beside it: best.pt, ckpt.old.pt; if you "
            "trust this file: --trust_checkpoint=True)"
        ) from error
    try:
        check(ckpt)
    except (KeyError, TypeError, ValueError) as error:
        raise TrainerError(f"{path}: not nanoGPT's checkpoint: {error}") from error
    return ckpt


def load_numpy_too(path, *, trust):
    """Load plain data and, since old files have them, numpy's numbers."""
    # Types only: none of these runs anything from the file.
    allowed = [np.dtype, getattr(np, "_core", np).multiarray.scalar]
    allowed += [type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8")]
    with torch.serialization.safe_globals(allowed):
        return torch.load(path, map_location="cpu", weights_only=not trust)


def check(ckpt):
    """Validate the types of all parts."""
    if not isinstance(ckpt, dict):
        raise TypeError(f"a {type(ckpt).__name__} instead of a dictionary")
    for key, kind in {"model": dict, "model_args": dict, "optimizer": dict}.items():
        if not isinstance(ckpt[key], kind):
            raise TypeError(f"{key!r} is a {type(ckpt[key]).__name__}")
    ckpt["iter_num"] = int(ckpt["iter_num"])
    ckpt["best_val_loss"] = float(ckpt["best_val_loss"])
    if ckpt["iter_num"] < 0:
        raise ValueError(f"'iter_num' is {ckpt['iter_num']}")
    for key, value in ckpt["model"].items():
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"weight {key!r} is a {type(value).__name__}")


def read_args(raw, dropout):
    """GPTConfig from a file's `model_args`, all numbers bounded."""
    sizes = ("n_layer", "n_head", "n_embd", "block_size", "vocab_size")
    for key in sizes:
        value = raw[key]
        most = MAX_LAYERS if key == "n_layer" else MAX_SIZE
        if type(value) is not int or not 0 < value <= most:
            raise ValueError(f"model_args: {key} is {value!r}")
    if type(raw["bias"]) is not bool or raw["n_embd"] % raw["n_head"]:
        raise ValueError("model_args: bias must be a bool, n_embd a multiple of n_head")
    return GPTConfig(**{k: raw[k] for k in sizes}, bias=raw["bias"], dropout=dropout)


def model_from(path, weights, raw_args, *, dropout):
    """The model of a file, weights in float32 on the CPU."""
    try:
        args = read_args(raw_args, dropout)
        # On the meta device no memory is taken before the shapes are known to agree.
        with torch.device("meta"):
            model = GPT(args)
        weights = clean(weights)
        compare(model.state_dict(), weights)
    except (KeyError, TypeError, ValueError) as error:
        raise TrainerError(f"{path}: cannot be this model: {error}") from error
    model.load_state_dict({k: v.float() for k, v in weights.items()}, assign=True)
    model.transformer.wte.weight = model.lm_head.weight
    return model


def clean(weights):
    """Drop torch.compile's prefix, and the masks that nanoGPT once saved."""
    weights = {key.removeprefix("_orig_mod."): value for key, value in weights.items()}
    return {k: v for k, v in weights.items() if not k.endswith(".attn.bias")}


def compare(wanted, given):
    """Validate names, shapes and types of weights."""
    if different := sorted(wanted.keys() ^ given.keys()):
        side = "missing" if different[0] in wanted else "unknown"
        raise ValueError(f"weight {different[0]!r} is {side}")
    for key, weight in wanted.items():
        if weight.shape != given[key].shape:
            shapes = f"{tuple(given[key].shape)} instead of {tuple(weight.shape)}"
            raise ValueError(f"weight {key!r} has shape {shapes}")
        if not given[key].is_floating_point():
            raise TypeError(f"weight {key!r} holds {given[key].dtype}")
