"""AdamW with nanoGPT's parameter groups, and its learning rate schedule."""

import inspect
import math

import torch
from torch import nn


def make_optimizer(model, config):
    """AdamW; only matrices decay.  The order of the groups is the checkpoint's."""
    weights = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {
            "params": [p for p in weights if p.dim() >= 2],  # noqa: PLR2004
            "weight_decay": config.weight_decay,
        },
        {"params": [p for p in weights if p.dim() < 2], "weight_decay": 0.0},  # noqa: PLR2004
    ]
    options = {"lr": config.learning_rate, "betas": (config.beta1, config.beta2)}
    if config.low_mem:
        return StochasticAdamW(groups, **options)
    # Fused and unfused AdamW differ in the last bit; nanoGPT fuses on CUDA only.
    cuda = config.device.startswith("cuda")
    if fused_adamw_works(config.device) and (cuda or not config.exact):
        options["fused"] = True
    return torch.optim.AdamW(groups, **options)


def fused_adamw_works(device):
    """Whether this torch has a fused AdamW kernel for the device."""
    if "fused" not in inspect.signature(torch.optim.AdamW).parameters:
        return False
    try:
        weight = nn.Parameter(torch.zeros(1, device=device))
        weight.grad = torch.zeros_like(weight)
        torch.optim.AdamW([weight], fused=True).step()
    except RuntimeError:
        return False
    return True


class StochasticAdamW(torch.optim.AdamW):
    """AdamW for bfloat16 weights and moments, stored with stochastic rounding.

    A bfloat16 has 8 significant bits: an update below 1/256 of its weight, that is
    nearly every one at a fine-tuning learning rate, is lost when rounded to nearest.
    Rounded up with the probability of the remainder, it is kept on average.
    """

    @torch.no_grad()
    def step(self):
        """Update all weights, one at a time: float32 copies of one are held at once."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self.update(weight, group)

    def update(self, weight, group):
        """Decoupled weight decay and Adam in float32, as torch.optim.AdamW."""
        state, grad = self.state[weight], weight.grad.float()
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        state["step"] += 1
        beta1, beta2 = group["betas"]
        step = state["step"].item()
        mean = state["exp_avg"].float().lerp_(grad, 1 - beta1)
        square = state["exp_avg_sq"].float().lerp_(grad.square(), 1 - beta2)
        scale = (square / (1 - beta2**step)).sqrt_().add_(group["eps"])
        value = weight.float().mul_(1 - group["lr"] * group["weight_decay"])
        value.addcdiv_(mean, scale, value=-group["lr"] / (1 - beta1**step))
        # Seeded by the step: a resumed run rounds the same way, and the generator that
        # draws batches is left alone.
        noise = torch.Generator(weight.device).manual_seed(int(step))
        for target, exact in (
            (weight, value),
            (state["exp_avg"], mean),
            (state["exp_avg_sq"], square),
        ):
            target.copy_(round_stochastically(exact, noise))


def round_stochastically(value, generator):
    """Round float32 to bfloat16, up or down at random, unbiased."""
    noise = torch.randint(
        2**16, value.shape, dtype=torch.int32, device=value.device, generator=generator
    )
    # The upper 16 bits of a float32 are a bfloat16; noise carries into them.
    bits = value.view(torch.int32).add_(noise).bitwise_and_(-(2**16))
    return bits.view(torch.float32)


def learning_rate(config, step):
    """The learning rate of a step: linear warmup, cosine decay, then constant."""
    if not config.decay_lr:
        return config.learning_rate
    if step < config.warmup_iters:
        return config.learning_rate * (step + 1) / (config.warmup_iters + 1)
    if step > config.lr_decay_iters:
        return config.min_lr
    length = config.lr_decay_iters - config.warmup_iters
    share = (step - config.warmup_iters) / length if length else 1.0
    coefficient = 0.5 * (1.0 + math.cos(math.pi * share))  # from 1 to 0
    return config.min_lr + coefficient * (config.learning_rate - config.min_lr)
