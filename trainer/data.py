"""Batches: random windows of a long array of tokens.

A dataset is a folder with `train.bin` and `val.bin`, tokens of two bytes each, and
perhaps `meta.json` or nanoGPT's `meta.pkl`, which describe the vocabulary.
"""

import json
import pickle
from pathlib import Path

import numpy as np
import torch

from trainer.errors import TrainerError


IN_MEMORY_BYTES = 2**30  # a larger data set stays on disk
SHARE_OF_GPU = 0.1  # as much of a GPU's memory may hold data


class Split:
    """The tokens of a split, kept where slicing is fastest."""

    def __init__(self, path, block_size, device):
        """Open `path`; load it into memory if it fits."""
        self.path = path
        self.block_size = block_size
        self.device = torch.device(device)
        try:
            self.length = len(self.map())
        except (OSError, ValueError) as error:
            raise TrainerError(f"{path}: no tokens to read: {error}") from error
        self.choices = self.length - block_size
        if self.choices < 1:
            raise TrainerError(
                f"{path}: {self.length} tokens are too few for block_size="
                f"{block_size}; take a longer text or a smaller block_size"
            )
        self.kept = self.keep()

    def map(self):
        """The tokens on disk, as int16: torch can do little with uint16."""
        # A fresh map for every batch: an old one keeps every page it ever touched.
        mapped = np.memmap(self.path, dtype=np.int16, mode="c")
        return torch.from_numpy(mapped)

    def keep(self):
        """The tokens in memory, of a small dataset on the GPU; None if too many."""
        size = 2 * self.length
        if self.device.type == "cuda":
            total = torch.cuda.get_device_properties(self.device).total_memory
            if size < SHARE_OF_GPU * total:
                return self.map().to(self.device)
        return self.map().clone() if size < IN_MEMORY_BYTES else None

    def batch(self, batch_size, repeats=1):
        """Draw x and y, (repeats * batch_size, block_size), y one token further.

        Draws the same random numbers as nanoGPT, in `repeats` draws of its size.
        """
        draws = [
            torch.randint(self.choices, (batch_size,)) for _ in range(repeats)
        ]  # from torch's own generator
        return self.cut(torch.cat(draws) if repeats > 1 else draws[0])

    def cut(self, starts):
        """Cut the windows that begin at `starts`."""
        tokens = self.map() if self.kept is None else self.kept
        windows = tokens.unfold(0, self.block_size + 1, 1)  # a view, (choices, T + 1)
        rows = windows[self.move(starts, tokens.device)]
        rows = self.move(rows, self.device).long() & 0xFFFF  # (B, T + 1)
        return rows[:, :-1].contiguous(), rows[:, 1:].contiguous()

    def move(self, tensor, device):
        """Copy a tensor to a device, asynchronously if it is a GPU."""
        if device.type == "cuda" and tensor.device.type == "cpu":
            return tensor.pin_memory().to(device, non_blocking=True)
        return tensor.to(device)


def windows(split, batch_size):
    """Yield all tokens of a split once, in order: x and y, (<= batch_size, block_size).

    The last tokens, if too few for a window, are left out.
    """
    count = split.choices // split.block_size
    starts = torch.arange(max(count, 1)) * split.block_size
    for some in starts.split(batch_size):
        yield split.cut(some)


class NoGlobals(pickle.Unpickler):
    """Unpickles plain data only; a pickle that refers to code is rejected."""

    def find_class(self, module, name):
        """Reject: nanoGPT's meta.pkl needs no class and no function."""
        raise pickle.UnpicklingError(f"it wants to run {module}.{name}")


def read_meta(folder):
    """A dataset's vocabulary: vocab_size, kind, perhaps chars.

    `meta.json` is ours, `meta.pkl` nanoGPT's; {} where there is neither.
    """
    ours, theirs = folder / "meta.json", folder / "meta.pkl"
    path = ours if ours.exists() else theirs
    if not path.exists():
        return {}
    try:
        meta = json.loads(path.read_text("utf-8")) if path is ours else unpickle(path)
        check_meta(meta)
    except Exception as error:  # a broken pickle raises whatever it likes
        advice = "delete it and run python -m trainer.prepare"
        raise TrainerError(f"{path}: not a vocabulary: {error}; {advice}") from error
    return meta


def unpickle(path):
    """NanoGPT's meta.pkl in our form."""
    with path.open("rb") as file:
        raw = NoGlobals(file).load()
    chars = "".join(raw["itos"][i] for i in range(len(raw.get("itos", ()))))
    return {"vocab_size": raw["vocab_size"], "kind": "char", "chars": chars}


def check_meta(meta):
    """Validate a vocabulary."""
    kind, size, chars = meta["kind"], meta["vocab_size"], meta.get("chars", "")
    if kind not in {"char", "gpt2"} or type(size) is not int or not 0 < size <= 2**16:
        raise ValueError(f"kind {kind!r} with vocab_size {size!r}")
    if kind == "char" and chars and len(set(chars)) != size:
        raise ValueError(f"{len(set(chars))} characters, but vocab_size {size}")


def find_dataset(name):
    """A dataset's folder, `data/NAME` in the current directory."""
    return Path("data") / name
