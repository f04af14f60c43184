"""Checkpoints: nanoGPT's `ckpt.pt` both ways, and nothing half-written ever.

A file holds nanoGPT's six keys (model, optimizer, model_args, iter_num,
best_val_loss, config) and one of ours, `gptwatch`: the random state and the batch in
hand, which let a run go on as if it had never stopped.  nanoGPT ignores it.

Files may come from strangers: they are read with `weights_only=True`, and every size
in them is checked before memory is taken for it.
"""

import dataclasses
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from trainer.errors import TrainerError
from trainer.model import GPT, GPTConfig


MAX_LAYERS = 1000
MAX_SIZE = 2**24  # of any one dimension


class Writer:
    """Writes checkpoints in the background, one at a time."""

    def __init__(self):
        """Start without work."""
        self.pool = ThreadPoolExecutor(1)
        self.work = None

    def write(self, state, path, also=None):
        """Copy `state` now, write it to `path` (and `also`) meanwhile."""
        self.wait()
        self.work = self.pool.submit(write, snapshot(state, {}), path, also)

    def wait(self):
        """Wait for the last file, and raise what went wrong with it.

        Raises:
            TrainerError: if the disk did not take the file.

        """
        work, self.work = self.work, None
        if work:
            try:
                work.result()
            except (OSError, RuntimeError) as error:
                raise TrainerError(
                    f"checkpoint not written: {error}; make room, or change --out_dir"
                ) from error


def snapshot(state, seen):
    """Copy nested tensors to the CPU; what shares memory shares it again."""
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
    """Write a file that is there entirely or not at all, even after a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".tmp")
    with part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    if also:
        second = also.with_suffix(".tmp2")
        second.unlink(missing_ok=True)
        try:
            os.link(part, second)  # one file, two names
        except OSError:  # a disk without hard links
            shutil.copyfile(part, second)
        second.replace(also)
    part.replace(path)


def set_aside(path):
    """Keep the file of an earlier run, as NAME.old.pt, rather than overwrite it."""
    if path.exists():
        path.replace(path.with_suffix(".old.pt"))


def newest(folder):
    """Give the file to resume from: the one written last, or None.

    `last.pt` is there when a run was stopped whose `ckpt.pt` is its best.
    """
    paths = [
        path for name in ("ckpt.pt", "last.pt") if (path := folder / name).exists()
    ]
    return max(paths, key=lambda path: path.stat().st_mtime_ns, default=None)


def load(path, *, trust=False):
    """Read a checkpoint and check its shape.

    Raises:
        TrainerError: for a file that is absent, damaged, hostile or something else.

    """
    if not path.is_file():
        raise TrainerError(
            f"{path}: no checkpoint there; train first (init_from=scratch), "
            "or name the folder with --out_dir"
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
    """Refuse a checkpoint whose parts are not what their names say."""
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
    """Give GPTConfig from a file's dictionary, each number in its bounds."""
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
    """Give the model that a file describes, its weights in float32 on the CPU.

    Raises:
        TrainerError: naming the first weight that is missing, odd or of another shape.

    """
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
    """Refuse weights that are not exactly those of the model."""
    if odd := sorted(wanted.keys() ^ given.keys()):
        side = "missing" if odd[0] in wanted else "unknown"
        raise ValueError(f"weight {odd[0]!r} is {side}")
    for key, weight in wanted.items():
        if weight.shape != given[key].shape:
            shapes = f"{tuple(given[key].shape)} instead of {tuple(weight.shape)}"
            raise ValueError(f"weight {key!r} has shape {shapes}")
        if not given[key].is_floating_point():
            raise TypeError(f"weight {key!r} holds {given[key].dtype}")


def restore_optimizer(path, optimizer, state):
    """Give AdamW its moments back; its settings stay those of this run.

    nanoGPT's file says `fused=None` where ours runs fused, so only `params` is taken.
    """
    try:
        check_moments(optimizer, state)
        groups = zip(optimizer.param_groups, state["param_groups"], strict=True)
        merged = [{**own, "params": theirs["params"]} for own, theirs in groups]
        optimizer.load_state_dict({"state": state["state"], "param_groups": merged})
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise TrainerError(f"{path}: optimizer does not fit: {error}") from error


def check_moments(optimizer, state):
    """Refuse moments of another shape than their weight; torch would not notice."""
    shapes = [p.shape for group in optimizer.param_groups for p in group["params"]]
    indices = [i for group in state["param_groups"] for i in group["params"]]
    for i, shape in zip(indices, shapes, strict=True):
        moments = state["state"].get(i, {})
        for key in ("exp_avg", "exp_avg_sq"):
            if moments and moments[key].shape != shape:
                raise ValueError(f"{key} {i} has another shape than its weight")


def contents(run, extra):
    """Give what a file holds; keys and order are nanoGPT's."""
    return {
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "model_args": dataclasses.asdict(run.model.config),
        "iter_num": run.iter_num,
        "best_val_loss": torch.tensor(run.best_val_loss, dtype=torch.float64),
        "config": dataclasses.asdict(run.config),
        "gptwatch": extra,
    }


def random_state(device):
    """Give the state of all generators that a step draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.startswith("cuda"):
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random(states, device):
    """Take the generators back to where they were."""
    torch.set_rng_state(states["cpu"])
    if device.startswith("cuda") and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
