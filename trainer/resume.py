"""Resuming: what a checkpoint stores of a run besides its weights, and back."""

import dataclasses
from dataclasses import dataclass

import torch

from trainer.errors import TrainerError


UNSEEN_LOSS = 1e9  # nanoGPT's best_val_loss before the first evaluation


@dataclass
class Progress:
    """Progress of a run, as stored in its checkpoint."""

    iter_num: int = 0
    best_val_loss: float = UNSEEN_LOSS
    best_iter: int = -1
    evaluated: int = -1  # the step evaluated last; not again when resumed
    stale_evals: int = 0  # evaluations since the best


def restore_optimizer(path, optimizer, state):
    """Restore AdamW's moments; its hyperparameters stay those of this run.

    nanoGPT's file has `fused=None` where ours is fused: only `params` is used.
    """
    try:
        check_moments(optimizer, state)
        groups = zip(optimizer.param_groups, state["param_groups"], strict=True)
        merged = [{**own, "params": theirs["params"]} for own, theirs in groups]
        optimizer.load_state_dict({"state": state["state"], "param_groups": merged})
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise TrainerError(f"{path}: optimizer does not fit: {error}") from error


def check_moments(optimizer, state):
    """Validate the moments' shapes; torch does not."""
    shapes = [p.shape for group in optimizer.param_groups for p in group["params"]]
    indices = [i for group in state["param_groups"] for i in group["params"]]
    for i, shape in zip(indices, shapes, strict=True):
        moments = state["state"].get(i, {})
        for key in ("exp_avg", "exp_avg_sq"):
            if moments and moments[key].shape != shape:
                raise ValueError(f"{key} {i} has another shape than its weight")


def contents(run, ranks):
    """A checkpoint's contents; keys and their order are nanoGPT's."""
    progress = dataclasses.asdict(run.progress)
    best = torch.tensor(progress.pop("best_val_loss"), dtype=torch.float64)
    return {
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "model_args": dataclasses.asdict(run.model.config),
        "iter_num": progress.pop("iter_num"),
        "best_val_loss": best,
        "config": dataclasses.asdict(run.config),
        "gptwatch": {
            "ranks": ranks,
            **progress,
            "scaler": run.scaler.state_dict(),
            "threads": torch.get_num_threads(),
            "meta": run.meta,  # the tokenizer: sampling needs no other file
        },
    }


def rank_state(run):
    """State of this process only: random state and the prefetched batch."""
    states = {"cpu": torch.get_rng_state()}
    if run.config.device.startswith("cuda"):
        states["cuda"] = torch.cuda.get_rng_state(run.config.device)
    return {"random": states, "x": run.x.cpu(), "y": run.y.cpu()}


def restore(run, path, stored):
    """Restore optimizer, loss scaler and random state; return (progress, batch).

    nanoGPT's files have neither random state nor batch, and of the progress only the
    step and the best loss: the batch is then drawn with another seed than the start's.
    """
    restore_optimizer(path, run.optimizer, stored["optimizer"])
    extra = stored.get("gptwatch", {})
    try:
        names = ("best_iter", "evaluated", "stale_evals")
        known = {name: int(extra[name]) for name in names if extra}
        exact = len(extra.get("ranks", ())) == run.world.size
        if exact:
            batch = restore_rank(run, extra, extra["ranks"][run.world.rank])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise TrainerError(
            f"{path}: its part 'gptwatch' is damaged: {error}; without it the file is "
            "a nanoGPT checkpoint"
        ) from error
    if not exact:
        step = stored["iter_num"]
        torch.manual_seed(run.config.seed + step + run.world.rank)
        batch = run.data["train"].batch(run.config.batch_size, run.plan.draws)
    run.log.event("resume", step=stored["iter_num"], file=str(path), exact=exact)
    return Progress(stored["iter_num"], stored["best_val_loss"], **known), batch


def restore_rank(run, extra, mine):
    """Restore what one process stored; return its batch, a new one if sizes changed."""
    x, y = mine["x"], mine["y"]
    batch = run.x, run.y
    if x.shape == run.x.shape == y.shape:
        most = run.model.config.vocab_size
        if not 0 <= min(x.min(), y.min()) <= max(x.max(), y.max()) < most:
            raise ValueError("a token out of range")
        batch = x.to(run.x), y.to(run.y)
    if run.scaler.is_enabled() and extra["scaler"]:
        run.scaler.load_state_dict(extra["scaler"])
    restore_random(mine["random"], run.config.device)
    return batch


def restore_random(states, device):
    """Set all generators to their stored state."""
    torch.set_rng_state(states["cpu"])
    if device.startswith("cuda") and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
