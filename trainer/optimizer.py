"""AdamW as nanoGPT sets it up, and its learning rate."""

import inspect
import math

import torch
from torch import nn


def make_optimizer(model, config, *, fused):
    """Give AdamW; only matrices decay.  The groups' order is the checkpoint's."""
    weights = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {
            "params": [p for p in weights if p.dim() >= 2],  # noqa: PLR2004
            "weight_decay": config.weight_decay,
        },
        {"params": [p for p in weights if p.dim() < 2], "weight_decay": 0.0},  # noqa: PLR2004
    ]
    return torch.optim.AdamW(
        groups,
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        **({"fused": True} if fused else {}),
    )


def fused_adamw_works(device):
    """Tell whether one kernel can update all weights: on CUDA, CPU and lately MPS."""
    if "fused" not in inspect.signature(torch.optim.AdamW).parameters:
        return False
    try:
        weight = nn.Parameter(torch.zeros(1, device=device))
        weight.grad = torch.zeros_like(weight)
        torch.optim.AdamW([weight], fused=True).step()
    except RuntimeError:
        return False
    return True


def learning_rate(config, step):
    """Give the rate of a step: up in a line, then down along half a cosine."""
    if not config.decay_lr:
        return config.learning_rate
    if step < config.warmup_iters:
        return config.learning_rate * (step + 1) / (config.warmup_iters + 1)
    if step > config.lr_decay_iters:
        return config.min_lr
    length = config.lr_decay_iters - config.warmup_iters
    share = (step - config.warmup_iters) / length if length else 1.0
    weight = 0.5 * (1.0 + math.cos(math.pi * share))  # from 1 to 0
    return config.min_lr + weight * (config.learning_rate - config.min_lr)
