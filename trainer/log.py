"""The log: nanoGPT's lines byte for byte, ours beside them.

nanoGPT's readers know two lines::

    step 250: train loss 1.9691, val loss 2.0633
    iter 250: loss 2.0278, time 17.31ms, mfu 23.11%

Whatever nanoGPT does not say stands on lines of its own, which its readers skip::

    gptwatch: {"event": "eval", "step": 250, "eval_ms": 612.4, "best_val_loss": 2.0633}
"""

import json
import math
import os
import re
import sys
from pathlib import Path

from trainer.errors import TrainerError


# All control characters but tab and newline: a run's name must not move a cursor.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Log:
    """Writes every line at once to stdout and, once there is one, to a file."""

    def __init__(self, *, quiet=False):
        """Begin with the terminal alone."""
        self.quiet = quiet  # ranks other than 0 say nothing
        self.file = None
        self.early = []  # said before the configuration told where the file lies

    def say(self, text):
        """Print a line now: whoever reads the log while it grows waits for it."""
        if self.quiet:
            return
        text = printable(text)
        try:
            print(text, flush=True)
        except BrokenPipeError:  # `| head` has gone; the training goes on
            sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - stays
        if self.file:
            self.file.write(text + "\n")
        else:
            self.early.append(text)

    def note(self, event, **facts):
        """Say what nanoGPT does not, as one line of JSON."""
        facts = {key: plain(value) for key, value in facts.items()}
        self.say("gptwatch: " + json.dumps({"event": event, **facts}, allow_nan=False))

    def keep(self, path):
        """From now on write to `path` too, beginning with what was said so far."""
        if self.quiet:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise TrainerError(f"{path}: {error.strerror}; change --out_dir") from error
        self.file.writelines(text + "\n" for text in self.early)
        self.early.clear()

    def close(self):
        """Close the file; the terminal stays."""
        if self.file:
            self.file.close()
            self.file = None


def printable(text):
    """Leave out what would do something to a terminal."""
    return CONTROL.sub("", text)


def plain(value):
    """Give a number JSON can hold: six digits, and "nan" as a word."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)
