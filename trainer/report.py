"""What a run says: nanoGPT's lines, and ours as `gptwatch: {json}`."""

import math

import torch

from trainer import machine
from trainer.optimizer import learning_rate


HINT = "try a lower learning_rate, dtype=bfloat16 or float32, a longer warmup_iters"
EVALS_EAT = 0.2  # share of the time above which evaluations are worth a word


def optimizer(adamw, log, *, fused):
    """Say what nanoGPT says of its optimizer."""
    for kind, group in zip(("decayed", "non-decayed"), adamw.param_groups, strict=True):
        count = sum(p.numel() for p in group["params"])
        tensors = len(group["params"])
        log.say(f"num {kind} parameter tensors: {tensors}, with {count:,} parameters")
    log.say(f"using fused AdamW: {fused}")


def start(run):
    """Say on what, and how, this run runs."""
    config, args = run.config, run.model.config
    run.peak, source = machine.peak_flops(config.device, config.dtype)
    cuda = config.device.startswith("cuda")
    run.log.note(
        "start",
        torch=torch.__version__,
        device=torch.cuda.get_device_name(config.device) if cuda else config.device,
        threads=torch.get_num_threads(),
        processes=run.world.size,
        dtype=config.dtype,
        exact=config.exact,
        cuda_graphs=run.graphs,
        micro_steps_merged=run.merge,
        peak_flops=run.peak,
        peak_source=source,
        memory_estimate_gb=machine.check_memory(args, config, config.device) / 1e9,
        parameters=run.model.get_num_params(),
        n_layer=args.n_layer,
        n_head=args.n_head,
        n_embd=args.n_embd,
        block_size=args.block_size,
        vocab_size=args.vocab_size,
        dataset=config.dataset,
        train_tokens=run.data["train"].length,
        batch_size=config.batch_size,
        tokens_per_iter=run.tokens_per_iter,
        learning_rate=config.learning_rate,
        dropout=config.dropout,
        max_iters=config.max_iters,
    )


def steps(run, marks):
    """Print nanoGPT's line for each step measured; give their losses.

    The time is that of a step alone, the MFU against this machine's own peak.
    """
    losses = []
    for done, loss, seconds in marks:
        if run.local_iter >= 5:  # noqa: PLR2004 - nanoGPT's: let it settle first
            speed = flops(run) / seconds
            # A peak measured on a busy machine can be too low; what was seen is not.
            run.peak = max(run.peak, speed)
            mfu = speed / run.peak
            run.mfu = mfu if run.mfu < 0 else 0.9 * run.mfu + 0.1 * mfu
        run.log.say(
            f"iter {done}: loss {loss:.4f}, time {1000 * seconds:.2f}ms, "
            f"mfu {100 * run.mfu:.2f}%"
        )
        losses.append(loss)
    return losses


def flops(run):
    """Give the arithmetic of a step on one device (PaLM, appendix B)."""
    args = run.model.config
    attention = 12 * args.n_layer * args.n_embd * args.block_size
    per_token = 6 * run.model.get_num_params() + attention
    return per_token * run.tokens_per_iter / run.world.size


def stats_due(config, done):
    """Tell whether `done` is the first step logged in a new stats interval."""
    every = config.stats_interval
    return done // every != (done - config.log_interval) // every


def stats(run, done):
    """Say what a step's line has no room for."""
    seconds = run.clock.last_seconds
    gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    run.log.note(
        "stats",
        step=done,
        lr=learning_rate(run.config, done),
        grad_norm=None if run.norm is None else float(run.norm),
        mean_loss=float(run.loss_sum),
        tok_s=run.tokens_per_iter / seconds,
        mfu_a100=flops(run) / seconds / machine.A100_FLOPS,
        epoch=(done + 1) * run.tokens_per_iter / run.data["train"].length,
        rss_gb=machine.rss_bytes() / 1e9,
        gpu_gb=gpu / 1e9,
        paused_share=run.clock.paused_share(),
    )


def evaluation(run, losses):
    """Say an evaluation: nanoGPT's line, then what it took and the best so far."""
    train, val = losses["train"], losses["val"]
    run.log.say(f"step {run.iter_num}: train loss {train:.4f}, val loss {val:.4f}")
    share = run.clock.paused_share()
    eats = share > EVALS_EAT and run.local_iter > 0 and not run.hinted
    run.hinted = run.hinted or eats  # once is enough
    hint = {"hint": f"evaluations take {share:.0%} of the time"} if eats else {}
    run.log.note(
        "eval",
        step=run.iter_num,
        eval_ms=run.clock.last_pause_ms,
        best_val_loss=run.best_val_loss,
        best_step=run.best_iter,
        **hint,
    )
    if run.config.wandb_log and run.world.rank == 0:
        wandb(run, losses)


def checkpoint(run, path, also):
    """Say where a checkpoint goes, and how long it held up the training."""
    run.log.note(
        "checkpoint",
        step=run.iter_num,
        files=[str(each) for each in (path, also) if each],
        pause_ms=run.clock.last_pause_ms,
    )


def end(run, reason):
    """Say why a run ended, and what was best."""
    hint = {"hint": HINT} if reason == "nonfinite" else {}
    best = run.best_val_loss if run.best_iter >= 0 else math.nan
    run.log.note(
        "end",
        reason=reason,
        step=run.iter_num,
        best_val_loss=best,
        best_step=run.best_iter,
        **hint,
    )


def wandb(run, losses):
    """Send an evaluation to Weights & Biases, with nanoGPT's keys."""
    import wandb as service

    if service.run is None:
        name = run.config.wandb_run_name
        service.init(project=run.config.wandb_project, name=name)
    service.log(
        {
            "iter": run.iter_num,
            "train/loss": losses["train"],
            "val/loss": losses["val"],
            "lr": learning_rate(run.config, run.iter_num),
            "mfu": 100 * run.mfu,
        }
    )
