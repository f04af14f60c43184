"""A plain loop as nanoGPT's train.py has it: what the check and the bench compare with.

Slices are stacked in Python, `.item()` waits at every step, only CUDA's AdamW is fused.
"""

import contextlib
import json
from pathlib import Path

import numpy as np
import torch

from trainer.model import GPT, GPTConfig


class PlainLoop:
    """nanoGPT's loop on a dataset in `data/`, without evaluation and log."""

    def __init__(self, config, vocab_size, *, compiled=False, dtype="float32"):
        self.config = config
        self.cuda = config.device.startswith("cuda")
        torch.manual_seed(config.seed)
        names = ("n_layer", "n_head", "n_embd", "block_size", "bias", "dropout")
        sizes = {name: getattr(config, name) for name in names}
        model = GPT(GPTConfig(**sizes, vocab_size=vocab_size)).to(config.device)
        weights = list(model.parameters())
        groups = [
            {"params": [p for p in weights if p.dim() >= 2], "weight_decay": 0.1},  # noqa: PLR2004
            {"params": [p for p in weights if p.dim() < 2], "weight_decay": 0.0},  # noqa: PLR2004
        ]
        self.optimizer = torch.optim.AdamW(
            groups,
            lr=config.learning_rate,
            betas=(config.beta1, config.beta2),
            **({"fused": True} if self.cuda else {}),
        )
        self.autocast = contextlib.nullcontext()
        if dtype != "float32":
            kind = config.device.partition(":")[0]
            self.autocast = torch.autocast(kind, getattr(torch, dtype))
        self.model = torch.compile(model) if compiled else model
        self.x, self.y = self.batch()

    def batch(self):
        """Stack slices of a memory map, converted one by one."""
        config, size = self.config, self.config.block_size
        path = Path("data") / config.dataset / "train.bin"
        data = np.memmap(path, dtype=np.uint16, mode="r")
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

    def step(self):
        """Update the weights once; return the loss of the last micro step."""
        accumulation = self.config.gradient_accumulation_steps
        for _ in range(accumulation):
            with self.autocast:
                _, loss = self.model(self.x, self.y)
                loss = loss / accumulation
            self.x, self.y = self.batch()
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.grad_clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item() * accumulation


def write_data(name, vocab_size, tokens=300_000):
    """Write a dataset that can be learnt: each token has few successors."""
    folder = Path("data") / name
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    successors = random.integers(0, vocab_size, (vocab_size, 4), dtype=np.uint16)
    row = np.zeros(tokens, dtype=np.uint16)
    for i, choice in enumerate(random.integers(0, 4, tokens - 1)):
        row[i + 1] = successors[row[i], choice]
    for split in ("train", "val"):
        row.tofile(folder / f"{split}.bin")
    chars = "".join(map(chr, range(256, 256 + vocab_size)))
    kind = "char" if vocab_size < 2**12 else "gpt2"
    meta = {"kind": kind, "vocab_size": vocab_size, "chars": chars * (kind == "char")}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
