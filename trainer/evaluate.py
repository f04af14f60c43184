"""The loss on both splits: over random batches, as in nanoGPT, or over all tokens."""

import torch
import torch.distributed as dist

from trainer import plan
from trainer.data import windows


EVAL_TOKENS = 2**16  # per forward pass


@torch.no_grad()
def evaluate(run):
    """{"train": loss, "val": loss}, means over `eval_iters` batches each.

    All processes share the work and get the same result, since what follows depends
    on it.  In exact mode only the first one's batches count, as in nanoGPT.
    """
    share, size = not run.config.exact, run.world.size
    run.model.eval()
    losses = {split: mean_loss(run, split, size if share else 1) for split in run.data}
    run.model.train()
    if run.world.parallel:
        row = torch.tensor(list(losses.values()), device=run.config.device)
        if share:
            dist.all_reduce(row)
            row /= size
        else:
            dist.broadcast(row, 0)
        losses = dict(zip(losses, row.tolist(), strict=True))
    return losses


def mean_loss(run, split, size):
    """Mean loss of a split over random batches, or over all its tokens."""
    config, data = run.config, run.data[split]
    if config.eval_iters:
        count = -(-config.eval_iters // size)
        group = batches_at_once(config, run.model.config, count)
        batches = (data.batch(config.batch_size, group) for _ in range(count // group))
    else:
        batches = windows(data, config.batch_size)
    losses, weights = [], []
    for x, y in batches:
        # A micro batch smaller than batch_size bounds the memory here, too.
        rows = len(x) if len(x) > config.batch_size else run.plan.rows
        for part in zip(x.split(rows), y.split(rows), strict=True):
            if run.plan.graphs:
                torch.compiler.cudagraph_mark_step_begin()
            with run.precision():
                _, loss = run.plan.model(*part)
            losses.append(loss.float().clone())  # a CUDA graph reuses its memory
            weights.append(part[0].numel())
    losses = torch.stack(losses).cpu()  # waits for a GPU once
    if len(set(weights)) == 1:
        return losses.mean().item()  # nanoGPT's sum, to the last digit
    return (losses.double() @ torch.tensor(weights).double()).item() / sum(weights)


def batches_at_once(config, shape, count):
    """How many batches one forward pass of an evaluation takes: on a GPU, many."""
    if config.exact or not config.device.startswith("cuda"):
        return 1
    tokens = config.batch_size * config.block_size
    most = min(EVAL_TOKENS // tokens, plan.MAX_LOGITS // (tokens * shape.vocab_size))
    return plan.largest_divisor(count, most)
