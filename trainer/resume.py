"""To go on as if one had never stopped: what nanoGPT's checkpoint forgets.

The random state, the batch that was already cut, and which evaluations were made; for
each process its own.  With them a resumed run equals an uninterrupted one bit for bit.
"""

import torch
import torch.distributed as dist

from trainer import build, ckpt
from trainer.errors import TrainerError


def state(run):
    """Give all that, for the checkpoint; every process has to call this."""
    mine = {
        "random": ckpt.random_state(run.config.device),
        "x": run.x.cpu(),
        "y": run.y.cpu(),
    }
    ranks = [mine]
    if run.world.parallel:
        ranks = [None] * run.world.size
        dist.all_gather_object(ranks, mine)
    return {
        "ranks": ranks,
        "evaluated": run.evaluated,
        "best_iter": run.best_iter,
        "stale_evals": run.stale_evals,
        "scaler": run.scaler.state_dict(),
        "threads": torch.get_num_threads(),
        "meta": run.meta,  # the tokenizer, so that sampling needs no other file
    }


def restore(run, stored):
    """Take a run to where its checkpoint stopped.

    Raises:
        TrainerError: if the file is damaged.

    """
    path = ckpt.newest(run.out_dir)
    run.iter_num, run.best_val_loss = stored["iter_num"], stored["best_val_loss"]
    ckpt.restore_optimizer(path, run.optimizer, stored["optimizer"])
    extra = stored.get("gptwatch", {})
    try:
        exact = len(extra.get("ranks", ())) == run.world.size
        if exact:
            restore_rank(run, extra, extra["ranks"][run.world.rank])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise TrainerError(
            f"{path}: its part 'gptwatch' is damaged: {error}; without it the file is "
            "a nanoGPT checkpoint"
        ) from error
    if not exact:  # nanoGPT's: at least not the same batches all over again
        torch.manual_seed(run.config.seed + run.iter_num + run.world.rank)
        run.x, run.y = run.batch()
    run.log.note("resume", step=run.iter_num, file=str(path), exact=exact)


def restore_rank(run, extra, mine):
    """Take back what is one process's own, and what all have in common."""
    run.evaluated = int(extra["evaluated"])
    run.best_iter = int(extra["best_iter"])
    run.stale_evals = int(extra["stale_evals"])
    if run.scaler.is_enabled() and extra["scaler"]:
        run.scaler.load_state_dict(extra["scaler"])
    x, y = mine["x"], mine["y"]
    if x.shape == run.x.shape == y.shape:  # else batch_size was changed
        if not 0 <= min(x.min(), y.min()) <= max(x.max(), y.max()) < vocabulary(run):
            raise ValueError("a token out of range")
        run.x, run.y = x.to(run.x), y.to(run.y)
    ckpt.restore_random(mine["random"], run.config.device)


def vocabulary(run):
    """Give the number of tokens the model knows."""
    return run.model.config.vocab_size


def open_writer(config):
    """Give the writer; what an earlier run left is set aside, not overwritten."""
    if config.init_from not in {"resume", "auto"}:
        for name in ("ckpt.pt", "best.pt", "last.pt"):
            ckpt.set_aside(build.out_dir(config) / name)
    return ckpt.Writer()
