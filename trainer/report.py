"""What a run logs, and how it is timed."""

import contextlib
import math
import time
from collections import deque

import torch

from trainer import machine
from trainer.optimizer import learning_rate


NONFINITE_HINT = (
    "try a lower learning_rate, dtype=bfloat16 or float32, a longer warmup_iters"
)
SHAPE = ("n_layer", "n_head", "n_embd", "block_size", "vocab_size")
SETTINGS = ("dataset", "batch_size", "learning_rate", "dropout", "max_iters")
EVALS_EAT = 0.2  # share of the time above which evaluations are worth a hint
SETTLED = 5  # nanoGPT prints no MFU for the first steps


class Clock:
    """Times training steps without synchronizing a GPU; pauses are excluded."""

    def __init__(self, device):
        self.device = device
        self.cuda = device.startswith("cuda")
        self.marks = deque()
        self.pause_s = self.last_pause_s = self.train_s = 0.0

    def start(self, step):
        """Start the time of `step`."""
        self.started = time.perf_counter()
        self.first_step = step
        self.last = (step - 1, self.stamp(), self.pause_s)

    def stamp(self):
        """A point in time: an event in a GPU's queue, else seconds."""
        if not self.cuda:
            machine.wait(self.device)
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def mark(self, step, loss):
        """Record that `step` ends here, on a GPU as soon as its queue gets there."""
        if self.cuda:
            loss = loss.to("cpu", non_blocking=True)
        self.marks.append((step, loss, self.stamp(), self.pause_s))

    def take(self, *, keep):
        """(step, loss, seconds per step) of all marks except the last `keep`."""
        return [
            self.measure(*self.marks.popleft()) for _ in range(len(self.marks) - keep)
        ]

    def measure(self, step, loss, stamp, pause_s):
        """The time between a mark and the one before, without pauses."""
        last_step, last_stamp, last_pause_s = self.last
        if self.cuda:
            stamp.synchronize()
            seconds = last_stamp.elapsed_time(stamp) / 1000
        else:
            seconds = stamp - last_stamp
        seconds -= pause_s - last_pause_s
        self.train_s += seconds
        self.last = (step, stamp, pause_s)
        return step, loss.item(), seconds / (step - last_step)

    @contextlib.contextmanager
    def pause(self):
        """Exclude a block from the time of steps."""
        machine.wait(self.device)  # steps still in the queue are training
        start = time.perf_counter()
        yield
        machine.wait(self.device)
        self.last_pause_s = time.perf_counter() - start
        self.pause_s += self.last_pause_s

    def pause_share(self):
        """The share of all time spent on evaluations and checkpoints."""
        return self.pause_s / (time.perf_counter() - self.started)


class Report:
    """Logs a run: nanoGPT's lines and our events."""

    def __init__(self, run):
        self.run, self.log, self.clock = run, run.log, Clock(run.config.device)
        self.peak, self.peak_source = machine.peak_flops(
            run.config.device, run.config.dtype
        )
        self.flops = flops_per_iter(run.model, run.tokens_per_iter) / run.world.size
        self.mfu = -1.0
        self.hinted = False
        self.eval_s = 0.0
        self.last_stats = (None, 0.0)  # step, training seconds

    def start(self):
        """Log the effective configuration."""
        run, config, model = self.run, self.run.config, self.run.model
        cuda = config.device.startswith("cuda")
        estimate = machine.memory_estimate(model.config, config, run.plan.rows)
        self.log.event(
            "start",
            torch=torch.__version__,
            device=torch.cuda.get_device_name(config.device) if cuda else config.device,
            threads=torch.get_num_threads(),
            processes=run.world.size,
            dtype=config.dtype,
            exact=config.exact,
            cuda_graphs=run.plan.graphs,
            micro_batch=run.plan.rows,
            micro_steps=run.plan.micro_steps,
            peak_flops=self.peak,
            peak_source=self.peak_source,
            memory_estimate_gb=estimate / 1e9,
            parameters=model.get_num_params(),
            **{name: getattr(model.config, name) for name in SHAPE},
            train_tokens=run.data["train"].length,
            tokens_per_iter=run.tokens_per_iter,
            **{name: getattr(config, name) for name in SETTINGS},
        )

    def steps(self, *, keep=0):
        """Print nanoGPT's line for each step measured; return their losses.

        The MFU is nanoGPT's, against an A100's peak; `stats` has that of this machine.
        """
        losses = []
        for step, loss, seconds in self.clock.take(keep=keep):
            if step - self.clock.first_step >= SETTLED:
                mfu = self.flops / seconds / machine.A100_FLOPS
                self.mfu = mfu if self.mfu < 0 else 0.9 * self.mfu + 0.1 * mfu
            self.log.line(
                f"iter {step}: loss {loss:.4f}, time {1000 * seconds:.2f}ms, "
                f"mfu {100 * self.mfu:.2f}%"
            )
            losses.append(loss)
        return losses

    def stats(self, step):
        """Log means since the last stats if `step` begins a new stats interval."""
        run, config = self.run, self.run.config
        every = config.stats_interval
        if step // every == (step - config.log_interval) // every:
            return
        gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
        self.log.event(
            "stats",
            step=step,
            lr=learning_rate(config, step),
            grad_norm=None if run.norm is None else float(run.norm),
            mean_loss=float(run.loss_sum),
            **self.speed(step),
            epoch=(step + 1) * run.tokens_per_iter / run.data["train"].length,
            rss_gb=machine.rss_bytes() / 1e9,
            gpu_gb=gpu / 1e9,
            paused_share=self.clock.pause_share(),
        )

    def speed(self, step):
        """Tokens per second, time, MFU and ETA from the mean since the last stats."""
        last, train_s = self.clock.last[0], self.clock.train_s
        before, before_s = self.last_stats
        count = last - (self.clock.first_step - 1 if before is None else before)
        if count <= 0:
            return {}  # on a GPU the first step is measured one log line late
        self.last_stats = (last, train_s)
        step_s = (train_s - before_s) / count
        # A peak measured on a busy machine can be too low.
        self.peak = max(self.peak, self.flops / step_s)
        config = self.run.config
        evals = config.max_iters // config.eval_interval - step // config.eval_interval
        return {
            "tok_s": self.run.tokens_per_iter / step_s,
            "step_ms": 1000 * step_s,
            "mfu_true": self.flops / step_s / self.peak,
            "eta_s": (config.max_iters - step) * step_s + evals * self.eval_s,
        }

    def evaluation(self, losses):
        """Log an evaluation: nanoGPT's line, then its time and the best so far."""
        run, progress = self.run, self.run.progress
        self.eval_s = self.clock.last_pause_s
        train, val = losses["train"], losses["val"]
        step = progress.iter_num
        self.log.line(f"step {step}: train loss {train:.4f}, val loss {val:.4f}")
        share = self.clock.pause_share()
        eats = share > EVALS_EAT and run.local_iter > 0 and not self.hinted
        self.hinted = self.hinted or eats  # once per run
        hint = {"hint": f"evaluations take {share:.0%} of the time"} if eats else {}
        self.log.event(
            "eval",
            step=step,
            eval_ms=1000 * self.eval_s,
            best_val_loss=progress.best_val_loss,
            best_step=progress.best_iter,
            **hint,
        )
        if run.config.wandb_log and run.world.rank == 0:
            wandb_log(run, losses, self.mfu)

    def checkpoint(self, path, also):
        """Log a checkpoint and how long it delayed training."""
        self.log.event(
            "checkpoint",
            step=self.run.progress.iter_num,
            files=[str(each) for each in (path, also) if each],
            pause_ms=1000 * self.clock.last_pause_s,
        )

    def end(self, reason):
        """Log why a run ended, and its best step."""
        progress = self.run.progress
        hint = {"hint": NONFINITE_HINT} if reason == "nonfinite" else {}
        evaluated = progress.best_iter >= 0
        self.log.event(
            "end",
            reason=reason,
            step=progress.iter_num,
            best_val_loss=progress.best_val_loss if evaluated else math.nan,
            best_step=progress.best_iter,
            **hint,
        )


def flops_per_iter(model, tokens):
    """Forward and backward FLOPs of a step (PaLM, appendix B), as nanoGPT counts."""
    config = model.config
    attention = 12 * config.n_layer * config.n_embd * config.block_size
    return (6 * model.get_num_params() + attention) * tokens


def wandb_log(run, losses, mfu):
    """Send an evaluation to Weights & Biases, with nanoGPT's keys."""
    import wandb

    config, step = run.config, run.progress.iter_num
    if wandb.run is None:
        wandb.init(project=config.wandb_project, name=config.wandb_run_name)
    wandb.log(
        {
            "iter": step,
            "train/loss": losses["train"],
            "val/loss": losses["val"],
            "lr": learning_rate(config, step),
            "mfu": 100 * mfu,
        }
    )
