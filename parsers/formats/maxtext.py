"""AI-Hypercomputer/maxtext `metric_logger.py` (2023 to 2026).

completed step: 9, seconds: 5.667, TFLOP/s/device: 134.924,
Tokens/s/device: 8672.758, total_weights: 196608, loss: 10.374 (on the same line)
eval metrics after step: 9, loss=10.301, total_weights=196608
"""

from typing import Final

from parsers.format import Format, line
from parsers.keyvalue.pairs import AMOUNT, END, pairs
from parsers.patterns import STEP, named


_KEYS: Final = {
    b"seconds": "iter_ms",
    b"TFLOP/s/device": "tflops",
    b"Tokens/s/device": "tokens_per_s",
    b"loss": "loss",
    b"perplexity": "train_ppl",
    b"lr": "lr",
    b"grad_norm": "grad_norm",
}

MAXTEXT = Format(
    name="maxtext",
    written_by="AI-Hypercomputer/maxtext",
    samples=(
        (
            "completed step: 9, seconds: 5.667, TFLOP/s/device: 134.924, "
            "Tokens/s/device: 8672.758, total_weights: 196608, loss: 10.374"
        ),
        "eval metrics after step: 9, loss=10.301, total_weights=196608",
        (
            "average loss after step=9: eval_step_count=4, eval_loss=10.301, "
            "total_weights=196608"
        ),
    ),
    patterns=(
        pairs(
            "completed step:",
            # while the batch size ramps up no times are given
            rb"\bcompleted step: " + STEP + rb", (?:seconds|TFLOP/s/device|loss): ",
            _KEYS,
            pair=rb"(?:^|, )(?P<key>[A-Za-z][\w/ ]*): (?P<value>"
            + AMOUNT
            + rb")"
            + END,
            needs=(b"completed step: ", b"loss: "),
            scale={"iter_ms": 1000},
        ),
        line(
            "eval metrics after step:",
            rb"\beval metrics after step: "
            + STEP
            + rb",.{0,999}?\bloss="
            + named("val_loss"),
            needs=(b"eval metrics after step: ",),
        ),
        line(
            "average loss after step:",
            rb"\baverage loss after step="
            + STEP
            + rb":.{0,999}? eval_loss="
            + named("val_loss"),
            needs=(b"average loss after step=",),
        ),
    ),
)
