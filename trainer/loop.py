"""The training loop: read this first.

A run is: batch, [evaluation, checkpoint], forward, next batch, backward, step; and so
on.  The order is nanoGPT's, since all random numbers come from one generator: in
another order every loss after the first would be another.
"""

import contextlib
import gc
import math
import signal
import time
from pathlib import Path

import torch

from trainer import build, ckpt, report, resume, tune
from trainer import config as configuration
from trainer.clock import Clock
from trainer.errors import TrainerError
from trainer.evaluate import evaluate
from trainer.log import Log
from trainer.optimizer import fused_adamw_works, learning_rate, make_optimizer


SIGNALS = (signal.SIGTERM, signal.SIGINT)
NONFINITE = 1000  # as a reason to stop; the others are 0 and the signals' numbers


def train(arguments):
    """Train as the arguments say; give the exit code.

    0: done; 1: the loss was not finite; 128 + n: stopped by signal n, state saved.
    """
    world = build.find_world()
    log = Log(quiet=world.rank != 0)
    config = build.resolve(configuration.read(arguments, log), world)
    try:
        with build.process_group(world, config):
            return Run(config, world, log).train()
    except torch.OutOfMemoryError as error:
        raise TrainerError(
            f"{config.device} is out of memory: halve --batch_size and double "
            "--gradient_accumulation_steps, or try --low_mem=True"
        ) from error
    finally:
        log.close()


class Run:
    """One training run: owns the model, the data, the clock and what is said."""

    def __init__(self, config, world, log):
        """Build everything in nanoGPT's order, so that the log's lines are its own."""
        self.config, self.world, self.log = config, world, log
        self.accumulation = build.share_micro_steps(config, world)
        tokens = self.accumulation * world.size * config.batch_size * config.block_size
        self.tokens_per_iter = tokens
        log.say(f"tokens per iteration will be: {tokens:,}")
        self.out_dir = Path(config.out_dir)
        log.keep(self.out_dir / "logs" / time.strftime("%Y%m%d_%H%M%S.log"))
        self.meta, self.data = build.open_data(config, world, log)
        self.iter_num = self.local_iter = self.stale_evals = 0
        self.evaluated = self.best_iter = -1  # which steps
        self.best_val_loss = 1e9  # nanoGPT's infinity
        self.norm = self.loss = self.loss_sum = self.writer = None
        self.mfu = -1.0
        self.signal = 0
        self.hinted = self.saved = False
        self.clock = Clock(config.device)
        build.seed(config, world)
        self.model, stored = build.make_model(config, self.meta, log)
        self.make_optimizer()
        tune.tune(self, stored)  # gives self.fast, self.merge, self.micro_steps
        self.wrapped = build.parallel(self.fast, config, world)
        report.start(self)
        self.x, self.y = self.batch()
        if stored:
            resume.restore(self, stored)

    def make_optimizer(self):
        """Make AdamW, fused into one kernel where that works, and what fp16 needs."""
        config = self.config
        fused = fused_adamw_works(config.device)
        self.optimizer = make_optimizer(self.model, config, fused=fused)
        report.optimizer(self.optimizer, self.log, fused=fused)
        self.scaler = torch.amp.GradScaler("cuda", enabled=config.dtype == "float16")
        self.autocast = contextlib.nullcontext()
        if config.dtype != "float32":
            kind = config.device.partition(":")[0]
            self.autocast = torch.autocast(kind, getattr(torch, config.dtype))

    def batch(self):
        """Cut a training batch, (merge * batch_size, block_size) twice."""
        return self.data["train"].batch(self.config.batch_size, self.merge)

    # --- the loop ---

    def train(self):
        """Run all steps; give the exit code."""
        previous = {number: signal.signal(number, self.stop) for number in SIGNALS}
        self.clock.start(self.iter_num)
        reason = None
        try:
            while not reason and self.iter_num <= self.config.max_iters:
                reason = self.evaluate_if_due()
                if not reason:
                    self.step()
                    reason = self.after_step()
            return self.finish(reason or "max_iters")
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def stop(self, number, frame):
        """Note a signal, to stop at the step's end; a second one stops at once."""
        del frame
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number

    def step(self):
        """Update the weights once, from all micro batches; nothing waits for a GPU."""
        lr = learning_rate(self.config, self.iter_num)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        total = 0.0
        for micro in range(self.micro_steps):
            if self.world.parallel:  # average over processes once, at the end
                self.wrapped.require_backward_grad_sync = micro == self.micro_steps - 1
            if self.graphs:
                torch.compiler.cudagraph_mark_step_begin()
            with self.autocast:
                _, loss = self.wrapped(self.x, self.y)
                loss = loss / self.micro_steps
            # The GPU is busy with the forward pass: time to cut the next batch.
            self.x, self.y = self.batch()
            self.scaler.scale(loss).backward()
            total = total + loss.detach()
        self.loss, self.loss_sum = loss.detach() * self.micro_steps, total
        self.update()

    def update(self):
        """Clip the gradients; step, unless they are NaN and that is to be skipped."""
        config = self.config
        if config.grad_clip:
            self.scaler.unscale_(self.optimizer)
            weights = self.model.parameters()
            self.norm = torch.nn.utils.clip_grad_norm_(weights, config.grad_clip)
        if config.nonfinite == "skip" and not self.finite():
            self.log.note("skipped", step=self.iter_num, reason="gradient not finite")
        else:
            self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def finite(self):
        """Tell whether the gradient, else the loss, is finite; this waits for a GPU."""
        value = self.loss_sum if self.norm is None else self.norm
        # float16's scaler steps over its own overflows.
        return self.scaler.is_enabled() or math.isfinite(value.item())

    def after_step(self):
        """Say the step's loss when it is time; give a reason to stop, or None."""
        if self.local_iter == 0:
            gc.collect()
            gc.freeze()  # what lives now lives on: the collector need not look at it
        done, self.iter_num = self.iter_num, self.iter_num + 1
        say = done % self.config.log_interval == 0
        bad = self.say_step(done) if say else False
        self.local_iter += 1
        reason = NONFINITE if bad else self.signal
        if self.world.parallel:
            reason = build.gravest(reason, self.config.device) if say else 0
        if reason == NONFINITE:
            return "nonfinite"
        return signal.Signals(reason).name if reason else None

    def say_step(self, done):
        """Log a step, on a GPU one step late; tell whether to stop for its loss."""
        self.clock.mark(done, self.loss)
        late = self.config.device.startswith("cuda")
        losses = report.steps(self, self.clock.take(keep=1 if late else 0))
        if report.stats_due(self.config, done):
            report.stats(self, done)
        stop = self.config.nonfinite == "stop"
        return stop and not all(map(math.isfinite, losses))

    # --- evaluation and checkpoints ---

    def evaluate_if_due(self):
        """Evaluate and save when it is time; give a reason to stop, or None."""
        due = self.iter_num % self.config.eval_interval == 0
        if not due or self.evaluated == self.iter_num:
            return None
        report.steps(self, self.clock.take(keep=0))
        with self.clock.pause():
            losses = evaluate(self)
        self.evaluated = self.iter_num
        better = losses["val"] < self.best_val_loss
        if better:
            self.best_val_loss, self.best_iter = losses["val"], self.iter_num
        self.stale_evals = 0 if better else self.stale_evals + 1
        report.evaluation(self, losses)
        finite = math.isfinite(losses["train"] + losses["val"])
        if self.config.nonfinite == "stop" and not finite:
            return "nonfinite"
        self.save_if_worth(better=better)
        if self.config.eval_only:
            return "eval_only"
        stale = 0 < self.config.early_stopping <= self.stale_evals
        return "early_stopping" if stale else None

    def save_if_worth(self, *, better):
        """Save as nanoGPT does: `ckpt.pt`, always or when better; and the best."""
        always = self.config.always_save_checkpoint
        if self.iter_num > 0 and (better or always):
            best = self.out_dir / "best.pt" if better and always else None
            self.save(self.out_dir / "ckpt.pt", also=best)

    def save(self, path, also=None):
        """Save all it takes to go on; the file is written while training goes on."""
        self.saved = True  # known to all processes: they save together
        self.log.say(f"saving checkpoint to {self.config.out_dir}")
        with self.clock.pause():
            extra = resume.state(self)  # all processes take part
            if self.world.rank == 0:
                if self.writer is None:
                    self.writer = resume.open_writer(self.config)
                self.writer.write(ckpt.contents(self, extra), path, also)
        report.checkpoint(self, path, also)

    def finish(self, reason):
        """Save what would be lost, wait for the disk, say why it ended."""
        report.steps(self, self.clock.take(keep=0))
        stopped = reason in {number.name for number in SIGNALS}
        # A run shorter than its eval_interval has saved nothing so far.
        nothing_kept = reason == "max_iters" and not self.saved and self.local_iter
        if stopped or nothing_kept:
            always = self.config.always_save_checkpoint
            self.save(self.out_dir / ("ckpt.pt" if always else "last.pt"))
        if self.writer:
            self.writer.wait()
        report.end(self, reason)
        if stopped:
            return 128 + signal.Signals[reason].value
        return 1 if reason == "nonfinite" else 0
