"""The loss on both splits: the mean over random batches, as nanoGPT draws them."""

import torch
import torch.distributed as dist


LOGIT_BYTES = 2**30  # how much memory the logits of an evaluation may take


@torch.no_grad()
def evaluate(run):
    """Give {"train": loss, "val": loss}, each over `eval_iters` batches.

    All processes share the work and all get the result, since all must agree on what
    follows from it.  In exact mode the first one's batches count, as in nanoGPT.
    """
    share, size = not run.config.exact, run.world.size
    count = run.config.eval_iters
    if share:
        count = -(-count // size)
    run.model.eval()
    losses = {split: mean_loss(run, split, count) for split in ("train", "val")}
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


def mean_loss(run, split, count):
    """Give the mean over `count` batches; the device is waited for once."""
    group = batches_at_once(run.config, run.model.config, count)
    losses = []
    for _ in range(count // group):
        x, y = run.data[split].batch(run.config.batch_size, group)
        if run.graphs:
            torch.compiler.cudagraph_mark_step_begin()
        with run.autocast:
            _, loss = run.fast(x, y)
        losses.append(loss.float().clone())  # a CUDA graph reuses its memory
    return torch.stack(losses).cpu().mean().item()


def batches_at_once(config, args, count):
    """Give how many batches to evaluate in one go: a GPU likes them large."""
    if config.exact or not config.device.startswith("cuda"):
        return 1
    one = 8 * config.batch_size * config.block_size * args.vocab_size
    most = max(1, LOGIT_BYTES // one)
    return max(n for n in range(1, min(most, count) + 1) if count % n == 0)
