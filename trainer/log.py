"""The log: nanoGPT's lines byte for byte, our own beside them.

nanoGPT's readers know two lines::

    step 250: train loss 1.9691, val loss 2.0633
    iter 250: loss 2.0278, time 17.31ms, mfu 23.11%

Everything else is an event on a line of its own, which its readers skip::

    gptwatch: {"event": "eval", "step": 250, "eval_ms": 612.4, "best_val_loss": 2.0633}
"""

import contextlib
import json
import math
import os
import re
import sys
from pathlib import Path

from trainer.errors import TrainerError


# Control characters except tab and newline: a run's name must not move the cursor.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Log:
    """Writes every line immediately to stdout and to the run's log file."""

    def __init__(self, *, quiet=False):
        self.quiet = quiet  # ranks other than 0
        self.file = None
        self.early = []  # lines before the file is known
        self.error = None  # the first failed write; the run then ends at its next step

    def line(self, text):
        """Write a line; a failed write is kept in `error`, not raised."""
        if self.quiet:
            return
        text = printable(text)
        try:
            print(text, flush=True)
        except BrokenPipeError:  # `| head` has exited; training continues
            discard_stdout()
        except OSError as error:
            self.error = self.error or error
            discard_stdout()
        try:
            if self.file:
                self.file.write(text + "\n")
            else:
                self.early.append(text)
        except OSError as error:
            self.error = self.error or error
            self.close()

    def event(self, name, **fields):
        """Write an event as one line of JSON."""
        fields = {key: plain(value) for key, value in fields.items()}
        self.line("gptwatch: " + json.dumps({"event": name, **fields}, allow_nan=False))

    def open(self, path):
        """Write to `path`, too, beginning with the lines so far."""
        if self.quiet:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.file = path.open("a", encoding="utf-8", buffering=1)
            self.file.writelines(text + "\n" for text in self.early)
        except OSError as error:
            raise TrainerError(
                f"{path}: {error.strerror}; free disk space or change --out_dir"
            ) from error
        self.early.clear()

    def close(self):
        """Close the file."""
        file, self.file = self.file, None
        if file:
            with contextlib.suppress(OSError):  # lines that did not fit on the disk
                file.close()


def discard_stdout():
    """Print to nowhere from now on; Python must not fail again when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def printable(text):
    """Remove control characters."""
    return CONTROL.sub("", text)


def plain(value):
    """A value JSON can hold: floats with six digits, "nan" and "inf" as words."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)
