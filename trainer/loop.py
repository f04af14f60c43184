"""The training loop: read this first.

A run is: batch, [evaluation, checkpoint], forward, next batch, backward, step; and so
on.  The order is nanoGPT's, since all random numbers come from one generator: in
another order each loss after the first would be another.
"""

import contextlib
import gc
import math
import signal
import time
from pathlib import Path

import torch
import torch.distributed as dist

from trainer import build, ckpt, machine, prepare
from trainer import config as configuration
from trainer.data import Split, find_dataset, read_meta
from trainer.log import Log
from trainer.model import fused_adamw_works, make_optimizer


SIGNALS = (signal.SIGTERM, signal.SIGINT)
NONFINITE = 1000  # as a reason to stop; the others are 0 and the signals' numbers
EVAL_LOGIT_BYTES = 2**30  # how much memory the logits of an evaluation may take
HINTS = "try a lower learning_rate, dtype=bfloat16 or float32, a longer warmup_iters"
WANDB_KEYS = ("iter", "train/loss", "val/loss", "lr", "mfu")


def train(arguments):
    """Train as the arguments say; give the exit code.

    0: done; 1: the loss was not finite; 128 + n: stopped by signal n, state saved.
    """
    world = build.find_world()
    log = Log(quiet=world.rank != 0)
    config = configuration.read(arguments, log)
    config = build.resolve(config, world)
    try:
        with build.process_group(world, config):
            return Run(config, world, log).train()
    finally:
        log.close()


class Run:
    """One training run: owns the model, the data, the clock and what is said."""

    def __init__(self, config, world, log):
        """Build everything in nanoGPT's order, so that the log's lines are its own."""
        self.config, self.world, self.log = config, world, log
        self.out_dir = Path(config.out_dir)
        self.accumulation = self.share_micro_steps()
        self.evaluated = self.best_iter = -1
        self.iter_num = self.local_iter = self.stale_evals = 0
        self.best_val_loss = 1e9  # nanoGPT's infinity
        self.mfu = -1.0
        self.norm = self.loss_sum = None
        self.signal = 0
        self.clock = Clock(config.device)
        tokens = self.accumulation * world.size * config.batch_size * config.block_size
        self.tokens_per_iter = tokens
        log.say(f"tokens per iteration will be: {tokens:,}")
        log.keep(self.out_dir / "logs" / time.strftime("%Y%m%d_%H%M%S.log"))
        self.find_data()
        self.seed()
        self.model, stored = build.make_model(config, self.meta, log)
        self.make_optimizer()
        self.fast = self.model
        self.tune(stored)
        self.wrapped = build.parallel(self.fast, config, world)
        self.report()
        self.x, self.y = self.batch()
        if stored:
            self.restore(stored)

    # --- before the first step ---

    def share_micro_steps(self):
        """Give how many micro steps this process does of a step."""
        total, size = self.config.gradient_accumulation_steps, self.world.size
        if total % size:
            raise configuration.TrainerError(
                f"gradient_accumulation_steps={total} must be a multiple of the "
                f"{size} processes"
            )
        return total // size

    def find_data(self):
        """Open the data set; the first process makes it if it is not there."""
        config = self.config
        if self.world.rank == 0:
            prepare.ensure(config.dataset, config, self.log)
        if self.world.parallel:
            dist.barrier()
        folder = find_dataset(config.dataset)
        self.meta = read_meta(folder)
        self.data = {
            split: Split(folder / f"{split}.bin", config.block_size, config.device)
            for split in ("train", "val")
        }
        if self.meta.get("kind") == "char":
            size, path = self.meta["vocab_size"], folder / "meta.pkl"
            self.log.say(f"found vocab_size = {size} (inside {path})")

    def seed(self):
        """Start the generators where nanoGPT does, and allow it what it allows."""
        torch.manual_seed(self.config.seed + self.world.rank)
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True

    def make_optimizer(self):
        """Make AdamW, fused into one kernel where that works, and what fp16 needs."""
        config = self.config
        fused = fused_adamw_works(config.device)
        self.optimizer = make_optimizer(self.model, config, fused=fused)
        build.report_optimizer(self.optimizer, self.log, fused=fused)
        kind = config.device.partition(":")[0]
        half = config.dtype == "float16"
        self.scaler = torch.amp.GradScaler("cuda", enabled=half)
        self.autocast = contextlib.nullcontext()
        if config.dtype != "float32":
            self.autocast = torch.autocast(kind, getattr(torch, config.dtype))

    def tune(self, stored):
        """Find what makes this machine fastest: threads, compilation, batch."""
        config = self.config
        extra = (stored or {}).get("gptwatch", {})
        if config.device == "cpu":
            self.set_threads(extra.get("threads", 0))
        merge = machine.merge_micro_steps(
            self.model.args, config, self.accumulation, config.device
        )
        self.merge, self.micro_steps = merge, self.accumulation // merge
        self.graphs = config.compile and build.wants_graphs(
            self.model, config, self.world, self.micro_steps
        )
        if config.compile:
            self.fast = build.compiled(
                self.model, config, self.log, probe=self.probe, graphs=self.graphs
            )
            self.graphs = self.graphs and self.fast is not self.model

    def set_threads(self, stored):
        """Take the threads that were asked for, those of the run resumed, or try."""
        import os

        config = self.config
        if config.threads or stored:
            torch.set_num_threads(config.threads or stored)
        elif "OMP_NUM_THREADS" not in os.environ:
            count = machine.fastest_threads(lambda: self.probe(self.model))
            torch.set_num_threads(count)

    def probe(self, model):
        """Do a step's work and leave no trace: not in weights, not in chance."""
        shape = (self.config.batch_size, self.config.block_size)
        devices = [self.config.device] if self.config.device != "cpu" else []
        tokens = torch.zeros(shape, dtype=torch.long, device=self.config.device)
        with torch.random.fork_rng(devices), self.autocast:
            _, loss = model(tokens, tokens)
        loss.backward()
        self.optimizer.zero_grad(set_to_none=True)

    def report(self):
        """Say what nanoGPT leaves unsaid about where and how this run runs."""
        config, args = self.config, self.model.args
        self.peak, source = machine.peak_flops(config.device, config.dtype)
        memory = machine.check_memory(args, config, config.device)
        facts = {"threads": torch.get_num_threads()} if config.device == "cpu" else {}
        if config.device.startswith("cuda"):
            facts["gpu"] = torch.cuda.get_device_name(config.device)
        self.log.note(
            "start",
            **{"torch": torch.__version__, "device": config.device, **facts},
            **{"dtype": config.dtype, "exact": config.exact, "graphs": self.graphs},
            **{"processes": self.world.size, "micro_batch_merge": self.merge},
            **{"peak_flops": self.peak, "peak_source": source},
            memory_estimate_gb=memory / 1e9,
            train_tokens=self.data["train"].length,
            **{"n_layer": args.n_layer, "n_head": args.n_head, "n_embd": args.n_embd},
            **{"block_size": args.block_size, "vocab_size": args.vocab_size},
        )

    def restore(self, stored):
        """Go on where a checkpoint stopped: bit for bit if we wrote it."""
        path = ckpt.newest(self.out_dir)
        self.iter_num = stored["iter_num"]
        self.best_val_loss = stored["best_val_loss"]
        ckpt.restore_optimizer(path, self.optimizer, stored["optimizer"])
        extra = stored.get("gptwatch", {})
        ranks = extra.get("ranks", [])
        exact = len(ranks) == self.world.size
        if exact:
            self.restore_rank(path, extra, ranks[self.world.rank])
        else:  # nanoGPT's file: at least not the same batches all over again
            torch.manual_seed(self.config.seed + self.iter_num + self.world.rank)
            self.x, self.y = self.batch()
        self.log.note("resume", step=self.iter_num, file=str(path), exact=exact)

    def restore_rank(self, path, extra, mine):
        """Take back the random state, the batch in hand and the evaluations' count."""
        try:
            x, y = mine["x"], mine["y"]
            ckpt.restore_random(mine["random"], self.config.device)
            self.evaluated = extra["evaluated"]
            self.best_iter = extra["best_iter"]
            self.stale_evals = extra["stale_evals"]
            self.scaler.load_state_dict(extra["scaler"])
        except (KeyError, TypeError, RuntimeError, AttributeError) as error:
            raise configuration.TrainerError(
                f"{path}: its 'gptwatch' part is damaged: {error}"
            ) from error
        if x.shape == self.x.shape == y.shape:
            self.x, self.y = x.to(self.config.device), y.to(self.config.device)

    # --- the loop ---

    def train(self):
        """Run all steps; give the exit code."""
        previous = {s: signal.signal(s, self.on_signal) for s in SIGNALS}
        reason = "max_iters"
        self.clock.start(self.iter_num)
        try:
            while self.iter_num <= self.config.max_iters:
                if reason := self.before_step():
                    break
                self.step()
                if reason := self.after_step():
                    break
            else:
                reason = "max_iters"
            return self.finish(reason)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def before_step(self):
        """Evaluate and save when it is time; give a reason to stop, or None."""
        due = self.iter_num % self.config.eval_interval == 0
        if not due or self.evaluated == self.iter_num:
            return None
        self.flush()
        with self.clock.pause():
            losses = self.evaluate()
        self.evaluated = self.iter_num
        return self.judge(losses)

    def step(self):
        """Update the weights once, from `gradient_accumulation_steps` micro batches."""
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
        """Clip the gradients, and step, unless they are NaN and that is to be skipped.

        Nothing here waits for the GPU, but for `nonfinite=skip`.
        """
        config = self.config
        if config.grad_clip:
            self.scaler.unscale_(self.optimizer)
            self.norm = torch.nn.utils.clip_grad_norm_(
                self.model.parameters(), config.grad_clip
            )
        if config.nonfinite == "skip" and not self.finite():
            self.log.note("skipped", step=self.iter_num, reason="gradient not finite")
        else:
            self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def finite(self):
        """Tell whether the gradient (else the loss) is finite; waits for the GPU."""
        value = self.loss_sum if self.norm is None else self.norm
        # float16's scaler steps over its own overflows.
        return self.scaler.is_enabled() or math.isfinite(value.item())

    def after_step(self):
        """Say the step's loss when it is time; give a reason to stop, or None."""
        if self.local_iter == 0:
            gc.collect()
            gc.freeze()  # what lives now lives on: the collector need not look at it
        done, self.iter_num = self.iter_num, self.iter_num + 1
        reason = self.signal
        if done % self.config.log_interval == 0:
            reason = max(reason, self.say_step(done))
        self.local_iter += 1
        agreed = done % self.config.log_interval == 0
        return self.agree(reason) if agreed or not self.world.parallel else None

    def agree(self, reason):
        """Give the gravest reason any process has: all stop at the same step."""
        if self.world.parallel:
            flag = torch.tensor(reason, device=self.config.device)
            dist.all_reduce(flag, dist.ReduceOp.MAX)
            reason = int(flag)
        if reason == NONFINITE:
            return "nonfinite"
        return signal.Signals(reason).name if reason else None

    def batch(self):
        """Cut a training batch."""
        return self.data["train"].batch(self.config.batch_size, self.merge)

    def on_signal(self, number, frame):
        """Note a signal; a second one stops at once."""
        del frame
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number

    # --- what is said ---

    def say_step(self, done):
        """Log a step; on a GPU one step late, so that it never waits for us."""
        self.clock.mark(done, self.loss)
        late = self.config.device.startswith("cuda") and done > 0
        loss = self.tell(self.clock.take(keep=1 if late else 0))
        if self.stats_due(done):
            self.say_stats(done)
        bad = self.config.nonfinite == "stop" and not math.isfinite(loss)
        return NONFINITE if bad else 0

    def flush(self):
        """Log what was held back."""
        self.tell(self.clock.take(keep=0))

    def tell(self, marks):
        """Print nanoGPT's line for each mark; give the last loss."""
        loss = 0.0
        for done, loss, seconds in marks:
            if self.local_iter >= 5:  # noqa: PLR2004 - nanoGPT's: let it settle first
                mfu = self.flops() / seconds / self.peak
                self.mfu = mfu if self.mfu < 0 else 0.9 * self.mfu + 0.1 * mfu
            self.log.say(
                f"iter {done}: loss {loss:.4f}, time {1000 * seconds:.2f}ms, "
                f"mfu {100 * self.mfu:.2f}%"
            )
        return loss

    def flops(self):
        """Give the arithmetic of a step on one device (PaLM's appendix B)."""
        args = self.model.args
        attention = 12 * args.n_layer * args.n_embd * args.block_size
        per_token = 6 * self.model.parameter_count() + attention
        return per_token * self.tokens_per_iter / self.world.size

    def stats_due(self, done):
        """Tell whether `done` is the first logged step of a new stats interval."""
        every, step = self.config.stats_interval, self.config.log_interval
        return done // every != (done - step) // every

    def say_stats(self, done):
        """Say what a step's line has no room for."""
        tokens = (done + 1) * self.tokens_per_iter
        seconds = self.clock.last_seconds
        norm = {} if self.norm is None else {"grad_norm": self.norm.item()}
        gpu = {}
        if self.config.device.startswith("cuda"):
            gpu["gpu_gb"] = torch.cuda.max_memory_allocated() / 1e9
        self.log.note(
            "stats",
            step=done,
            **norm,
            mean_loss=float(self.loss_sum),
            lr=learning_rate(self.config, done),
            tok_s=self.tokens_per_iter / seconds,
            mfu_a100=self.flops() / seconds / machine.A100_FLOPS,
            epoch=tokens / self.data["train"].length,
            rss_gb=machine.rss_bytes() / 1e9,
            **gpu,
            paused_share=self.clock.paused_share(),
        )

    # --- evaluation and checkpoints ---

    @torch.no_grad()
    def evaluate(self):
        """Give the mean loss of both splits over `eval_iters` random batches each."""
        self.model.eval()
        share, size = not self.config.exact, self.world.size
        count = -(-self.config.eval_iters // size) if share else self.config.eval_iters
        losses = {split: self.mean_loss(split, count) for split in ("train", "val")}
        self.model.train()
        if self.world.parallel:
            row = torch.tensor(list(losses.values()), device=self.config.device)
            if share:
                dist.all_reduce(row)
                row /= size
            else:  # exactly nanoGPT's: the first process's batches count
                dist.broadcast(row, 0)
            losses = dict(zip(losses, row.tolist(), strict=True))
        return losses

    def mean_loss(self, split, count):
        """Give the mean over `count` batches; the device is waited for once."""
        group = self.eval_group(count)
        losses = []
        for _ in range(count // group):
            x, y = self.data[split].batch(self.config.batch_size, group)
            with self.autocast:
                _, loss = self.fast(x, y)
            losses.append(loss.float().clone())  # a CUDA graph reuses its memory
        return torch.stack(losses).cpu().mean().item()

    def eval_group(self, count):
        """Give how many batches to evaluate at once: a GPU likes them large."""
        config = self.config
        if config.exact or not config.device.startswith("cuda"):
            return 1
        one = 8 * config.batch_size * config.block_size * self.model.args.vocab_size
        most = max(1, EVAL_LOGIT_BYTES // one)
        return max(n for n in range(1, min(most, count) + 1) if count % n == 0)

    def judge(self, losses):
        """Say an evaluation, save what it is worth; give a reason to stop, or None."""
        config, val = self.config, losses["val"]
        self.log.say(
            f"step {self.iter_num}: train loss {losses['train']:.4f}, "
            f"val loss {losses['val']:.4f}"
        )
        better = val < self.best_val_loss
        if better:
            self.best_val_loss, self.best_iter = val, self.iter_num
        self.stale_evals = 0 if better else self.stale_evals + 1
        self.log.note(
            "eval",
            step=self.iter_num,
            eval_ms=self.clock.last_pause_ms,
            best_val_loss=self.best_val_loss,
            best_step=self.best_iter,
        )
        self.tell_wandb(losses)
        if not math.isfinite(sum(losses.values())) and config.nonfinite == "stop":
            return "nonfinite"
        if self.iter_num > 0 and (better or config.always_save_checkpoint):
            best = self.out_dir / "best.pt"
            also = best if better and config.always_save_checkpoint else None
            self.save(self.out_dir / "ckpt.pt", also)
        if config.eval_only:
            return "eval_only"
        stale = 0 < config.early_stopping <= self.stale_evals
        return "early_stopping" if stale else None

    def save(self, path, also=None):
        """Save all it takes to go on; the file is written while training goes on."""
        self.log.say(f"saving checkpoint to {self.config.out_dir}")
        with self.clock.pause():
            extra = self.state()
            if self.world.rank == 0:
                if not hasattr(self, "writer"):
                    self.open_writer()
                state = ckpt.contents(
                    **{"model": self.model, "optimizer": self.optimizer},
                    **{"config": self.config, "iter_num": self.iter_num},
                    **{"best_val_loss": self.best_val_loss, "extra": extra},
                )
                self.writer.write(state, path, also)
        self.log.note(
            "checkpoint",
            **{"step": self.iter_num, "file": str(path), "also": also and str(also)},
            pause_ms=self.clock.last_pause_ms,
        )

    def open_writer(self):
        """Start the writer; what a former run left is kept aside, not overwritten."""
        self.writer = ckpt.Writer()
        if self.config.init_from not in {"resume", "auto"}:
            for name in ("ckpt.pt", "best.pt", "last.pt"):
                ckpt.set_aside(self.out_dir / name)

    def state(self):
        """Give what nanoGPT forgets: chance, the batch in hand, the best so far."""
        mine = {
            "random": ckpt.random_state(self.config.device),
            **{"x": self.x.cpu(), "y": self.y.cpu()},
        }
        ranks = [mine]
        if self.world.parallel:
            ranks = [None] * self.world.size
            dist.all_gather_object(ranks, mine)
        return {
            "ranks": ranks,
            **{"evaluated": self.evaluated, "best_iter": self.best_iter},
            **{"stale_evals": self.stale_evals, "scaler": self.scaler.state_dict()},
            **{"threads": torch.get_num_threads(), "meta": self.meta},
        }

    def finish(self, reason):
        """Save if stopped in the middle, wait for the disk, say why it ended."""
        self.flush()
        stopped = reason in {s.name for s in SIGNALS}
        if stopped:
            always = self.config.always_save_checkpoint
            self.save(self.out_dir / ("ckpt.pt" if always else "last.pt"))
        if hasattr(self, "writer"):
            self.writer.wait()
        hints = {"hint": HINTS} if reason == "nonfinite" else {}
        self.log.note(
            "end",
            **{"reason": reason, "step": self.iter_num},
            **{"best_val_loss": self.best_val_loss, "best_step": self.best_iter},
            **hints,
        )
        if stopped:
            return 128 + signal.Signals[reason].value
        return 1 if reason == "nonfinite" else 0

    def tell_wandb(self, losses):
        """Send an evaluation to Weights & Biases, if that was asked for."""
        if not self.config.wandb_log or self.world.rank:
            return
        import wandb  # only those who asked for it need it

        if not hasattr(self, "wandb"):
            name = self.config.wandb_run_name
            self.wandb = wandb.init(project=self.config.wandb_project, name=name)
        lr = learning_rate(self.config, self.iter_num)
        values = (self.iter_num, losses["train"], losses["val"], lr, 100 * self.mfu)
        self.wandb.log(dict(zip(WANDB_KEYS, values, strict=True)))


class Clock:
    """Measures steps without stopping the GPU, and pauses apart from them."""

    def __init__(self, device):
        """Start with nothing measured."""
        self.cuda = device.startswith("cuda")
        self.marks = []  # (step, its loss, the event after which it is there)
        self.paused = self.all_paused = 0.0
        self.last_pause_ms = 0.0
        self.last_seconds = math.inf

    def start(self, step):
        """Begin: the next mark is measured from now."""
        self.born = self.then = time.perf_counter()
        self.last_step = step - 1

    def mark(self, step, loss):
        """Note that `step` is done, at least as soon as the GPU gets there."""
        event = None
        if self.cuda:
            loss = loss.to("cpu", non_blocking=True)
            event = torch.cuda.Event()
            event.record()
        self.marks.append((step, loss, event))

    def take(self, *, keep):
        """Give (step, loss, seconds per step) of all marks but the last `keep`."""
        ready = self.marks[: len(self.marks) - keep]
        self.marks = self.marks[len(ready) :]
        return [self.measure(*mark) for mark in ready]

    def measure(self, step, loss, event):
        """Wait for a mark; its time is that since the one before, without pauses."""
        if event:
            event.synchronize()
        now = time.perf_counter()
        seconds = (now - self.then - self.paused) / (step - self.last_step)
        self.then, self.last_step, self.paused = now, step, 0.0
        self.last_seconds = seconds
        return step, loss.item(), seconds

    @contextlib.contextmanager
    def pause(self):
        """Measure a block that is no training, and leave it out of the steps' time."""
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        self.paused += seconds
        self.all_paused += seconds
        self.last_pause_ms = 1000 * seconds

    def paused_share(self):
        """Give the share of all time spent on evaluations and checkpoints."""
        return self.all_paused / (time.perf_counter() - self.born)


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
