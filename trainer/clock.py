"""How long steps take, pauses not counted, and without making a GPU wait for us."""

import contextlib
import math
import time

import torch


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
