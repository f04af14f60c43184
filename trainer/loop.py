"""The training loop: read this first.

A step is: batch, [evaluation, checkpoint], forward, next batch, backward, update.  The
order is nanoGPT's: all random numbers come from one generator, and in another order
every loss after the first would differ.
"""

import contextlib
import gc
import math
import signal
import time
from pathlib import Path

import torch
import torch.distributed as dist

from trainer import build, checkpoint, machine, plan, resume
from trainer import config as configuration
from trainer.errors import TrainerError
from trainer.evaluate import evaluate
from trainer.log import Log
from trainer.optimizer import learning_rate, make_optimizer
from trainer.report import Report


SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Reasons to stop, besides signal numbers; the larger one wins between processes.
NONFINITE, LOG_FAILED = 1000, 1001
REASONS = {NONFINITE: "nonfinite", LOG_FAILED: "log_failed"}


def train(arguments):
    """Train as the arguments say; return the exit code.

    0: done; 1: non-finite loss; 128 + n: stopped by signal n, state saved.
    """
    world = build.find_world()
    log = Log(quiet=world.rank != 0)
    config = build.resolve(configuration.read(arguments, log), world)
    try:
        with build.process_group(world, config):
            return Run(config, world, log).train()
    except torch.OutOfMemoryError as error:
        raise TrainerError(
            f"{config.device} is out of memory before the first step: try "
            "--low_mem=True or a smaller model"
        ) from error
    finally:
        log.close()


class Run:
    """One training run: owns model, optimizer, data and progress."""

    def __init__(self, config, world, log):
        """Build everything in nanoGPT's order, so that the log's lines are its own."""
        self.world, self.log = world, log
        self.accumulation = build.local_accumulation(config, world)
        self.sequences = self.accumulation * config.batch_size  # a step's, here
        self.tokens_per_iter = self.sequences * world.size * config.block_size
        log.line(f"tokens per iteration will be: {self.tokens_per_iter:,}")
        self.out_dir = Path(config.out_dir)
        log.open(self.out_dir / "logs" / time.strftime("%Y%m%d_%H%M%S.log"))
        dataset, self.meta, self.data = build.open_data(config, world, log)
        self.config = configuration.with_epochs(
            config, dataset, self.data["train"].length / self.tokens_per_iter
        )
        build.seed(config, world)
        self.model, path, stored = build.make_model(self.config, self.meta, log, world)
        self.make_optimizer()
        self.plan = plan.make(self, stored)
        self.wrapped = build.parallel(self.plan.model, config, world)
        self.writer = checkpoint.Writer(
            keep_old=config.init_from not in {"resume", "auto"}
        )
        self.progress, self.saved = resume.Progress(), False
        self.local_iter = self.signal = 0
        self.norm = self.loss = self.loss_sum = None
        self.report = Report(self)
        self.report.start()
        self.next_batch()
        if stored:
            self.progress, batch = resume.restore(self, path, stored)
            self.set_batch(*batch)

    def make_optimizer(self):
        """Make AdamW, the loss scaler for float16, autocast and the attention's."""
        config = self.config
        self.optimizer = make_optimizer(self.model, config)
        kinds = ("decayed", "non-decayed")
        for kind, group in zip(kinds, self.optimizer.param_groups, strict=True):
            count = sum(p.numel() for p in group["params"])
            self.log.line(
                f"num {kind} parameter tensors: {len(group['params'])}, "
                f"with {count:,} parameters"
            )
        fused = bool(self.optimizer.defaults["fused"])
        self.log.line(f"using fused AdamW: {fused}")
        self.scaler = torch.amp.GradScaler("cuda", enabled=config.dtype == "float16")
        self.autocast = machine.autocast(config)
        self.attention = machine.attention(self.model.config, config)

    @contextlib.contextmanager
    def precision(self):
        """The context of every forward pass: autocast and attention kernels."""
        with self.autocast, self.attention():
            yield

    # --- batches ---

    def next_batch(self):
        """Draw the next (draws * batch_size, block_size) inputs and targets."""
        x, y = self.data["train"].batch(self.config.batch_size, self.plan.draws)
        self.set_batch(x, y)

    def set_batch(self, x, y):
        """Split a drawn batch into micro batches."""
        self.x, self.y = x, y
        rows = self.plan.rows
        self.micro_batches = list(zip(x.split(rows), y.split(rows), strict=True))

    # --- the loop ---

    def train(self):
        """Run all steps; return the exit code."""
        previous = {number: signal.signal(number, self.stop) for number in SIGNALS}
        self.report.clock.start(self.progress.iter_num)
        reason = None
        try:
            while not reason and self.progress.iter_num <= self.config.max_iters:
                reason = self.evaluate_if_due()
                if not reason:
                    self.step()
                    reason = self.after_step()
            return self.finish(reason or "max_iters")
        except torch.OutOfMemoryError as error:
            advice = plan.out_of_memory(self.config, self.plan.rows, self.sequences)
            raise TrainerError(advice) from error
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def stop(self, number, frame):
        """Handle a signal: stop after this step; a second one stops at once."""
        del frame
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number

    def step(self):
        """Update the weights once; nothing here waits for a GPU."""
        lr = learning_rate(self.config, self.progress.iter_num)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        micro_steps = self.plan.micro_steps
        total = 0.0
        for micro_step in range(micro_steps):
            if self.world.parallel:  # average gradients once, in the last micro step
                self.wrapped.require_backward_grad_sync = micro_step == micro_steps - 1
            if self.plan.graphs:
                torch.compiler.cudagraph_mark_step_begin()
            x, y = self.micro_batches.pop(0)
            with self.precision():
                _, loss = self.wrapped(x, y)
                loss = loss / micro_steps
            if (
                not self.micro_batches
            ):  # drawn while a GPU is busy with the forward pass
                self.next_batch()
            self.scaler.scale(loss).backward()
            total = total + loss.detach()
        self.loss, self.loss_sum = loss.detach() * micro_steps, total
        self.update()

    def update(self):
        """Clip gradients and step; with nonfinite=skip not on a non-finite gradient."""
        config = self.config
        if config.grad_clip:
            self.scaler.unscale_(self.optimizer)
            weights = self.model.parameters()
            self.norm = torch.nn.utils.clip_grad_norm_(weights, config.grad_clip)
        if config.nonfinite == "skip" and not self.finite():
            step = self.progress.iter_num
            self.log.event("skipped", step=step, reason="gradient not finite")
        else:
            self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def finite(self):
        """Whether gradient norm or loss is finite; this waits for a GPU."""
        value = self.loss_sum if self.norm is None else self.norm
        # float16's scaler skips its own overflows.
        return self.scaler.is_enabled() or math.isfinite(value.item())

    def after_step(self):
        """Log the step when due; return a reason to stop, or None."""
        if self.local_iter == 0:
            gc.collect()
            gc.freeze()  # long-lived objects: the collector need not visit them
        done = self.progress.iter_num
        self.progress.iter_num += 1
        log_due = done % self.config.log_interval == 0
        reason = self.signal
        if log_due and not self.log_step(done):
            reason = NONFINITE
        reason = LOG_FAILED if self.log.error else reason
        self.local_iter += 1
        if self.world.parallel:
            if not log_due:
                return None
            reason = build.max_over_ranks(reason, self.config.device)
        if not reason:
            return None
        return REASONS.get(reason) or signal.Signals(reason).name

    def log_step(self, done):
        """Log a step, on a GPU one log line late; return whether losses are finite."""
        self.report.clock.mark(done, self.loss)
        late = self.config.device.startswith("cuda")
        losses = self.report.steps(keep=1 if late else 0)
        self.report.stats(done)
        self.writer.check()
        return self.config.nonfinite != "stop" or all(map(math.isfinite, losses))

    # --- evaluation and checkpoints ---

    def evaluate_if_due(self):
        """Evaluate and save when due; return a reason to stop, or None."""
        progress, config = self.progress, self.config
        step = progress.iter_num
        if step % config.eval_interval or progress.evaluated == step:
            return None
        self.report.steps()
        with self.report.clock.pause():
            losses = evaluate(self)
        progress.evaluated = step
        better = losses["val"] < progress.best_val_loss
        if better:
            progress.best_val_loss, progress.best_iter = losses["val"], step
        progress.stale_evals = 0 if better else progress.stale_evals + 1
        self.report.evaluation(losses)
        finite = math.isfinite(losses["train"] + losses["val"])
        if config.nonfinite == "stop" and not finite:
            return "nonfinite"
        always = config.always_save_checkpoint
        if step > 0 and (better or always):
            best = self.out_dir / "best.pt" if better and always else None
            self.save(self.out_dir / "ckpt.pt", also=best)
        if config.eval_only:
            return "eval_only"
        stale = 0 < config.early_stopping <= progress.stale_evals
        return "early_stopping" if stale else None

    def save(self, path, also=None):
        """Save all that resuming needs; the file is written in the background."""
        self.saved = True  # known to all processes: they save together
        self.log.line(f"saving checkpoint to {self.config.out_dir}")
        with self.report.clock.pause():
            ranks = [resume.rank_state(self)]
            if self.world.parallel:
                gathered = [None] * self.world.size
                dist.all_gather_object(gathered, ranks[0])
                ranks = gathered
            if self.world.rank == 0:
                self.writer.write(resume.contents(self, ranks), path, also)
        self.report.checkpoint(path, also)

    def finish(self, reason):
        """Save what would be lost, wait for the disk, log why the run ended."""
        self.report.steps()
        stopped = reason in {number.name for number in SIGNALS}
        # A run shorter than its eval_interval has saved nothing so far.
        unsaved = reason == "max_iters" and not self.saved and self.local_iter
        if stopped or unsaved or reason == "log_failed":
            always = self.config.always_save_checkpoint
            self.save(self.out_dir / ("ckpt.pt" if always else "last.pt"))
        self.writer.wait()
        self.report.end(reason)
        if self.log.error:
            raise TrainerError(
                f"log not written: {self.log.error}; step {self.progress.iter_num} is "
                f"saved in {self.out_dir}: free disk space, then continue with "
                "--init_from=auto"
            )
        if stopped:
            return 128 + signal.Signals[reason].value
        return 1 if reason in REASONS.values() else 0
