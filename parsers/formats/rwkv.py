"""RWKV-LM's `train_log.txt`: a line an epoch, without a header.

    0 6.543210 694.5124 0.00060000 2023-01-01 12:00:00.123456 0

Epoch, mean loss, its perplexity, learning rate, time, and the epoch again.
"""

from typing import Final

from parsers.format import Format, line
from parsers.patterns import STEP, named


_DECIMAL: Final = rb"\d+\.\d+"

RWKV = Format(
    name="rwkv",
    epochs=True,
    written_by="RWKV-LM train_log.txt",
    samples=("0 6.543210 694.5124 0.00060000 2023-01-01 12:00:00.123456 0",),
    patterns=(
        line(
            "epoch",
            rb"^"
            + STEP
            + rb" "
            + named("loss", rb"(?:" + _DECIMAL + rb"|nan)")
            + rb" "
            + named("train_ppl", rb"(?:" + _DECIMAL + rb"|nan|inf)")
            + rb" "
            + named("lr", _DECIMAL)
            + rb" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? \d+$",
        ),
    ),
)
