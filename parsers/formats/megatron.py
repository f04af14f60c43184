"""Megatron-LM, Megatron-DeepSpeed and GPT-NeoX (2019 to 2026).

     iteration       20/    1000 | consumed samples:           80 | ... | lm loss: ...
     samples/sec: 857.7 | iteration       10/     512 | ... | lm_loss: 9.7302E+00 | ...
     validation loss at iteration 100 | lm loss value: 8.017406E+00 | lm loss PPL: ...
     validation results at iteration 128 | lm_loss value: 3.917100E+00 | ...

The loss is a mean over the log interval without skipped iterations.  It is left out
where that mean is NaN or every iteration was skipped; such a line gives the rest.
GPT-NeoX prints DeepSpeed's `steps:` line for the same step too: it adds nothing.
What is measured on the test set, or when the training is over, is no point.
"""

from typing import Final

from parsers.format import Format, line
from parsers.keyvalue.pairs import AMOUNT, pairs
from parsers.patterns import MAX_STEPS, NUMBER, STEP, later, named


_KEYS: Final = {
    b"lm loss": "loss",
    b"lm-loss": "loss",
    b"lm_loss": "loss",
    b"loss": "loss",
    b"loss scale": "loss_scale",
    b"learning rate": "lr",
    b"elapsed time per iteration (ms)": "iter_ms",
    b"elapsed time per iteration (s)": "iter_ms__s",  # BigScience
    b"consumed samples": "samples",
    b"consumed tokens": "tokens",
    b"grad norm": "grad_norm",
    b"params norm": "param_norm",
    b"samples per second": "samples_per_s",
    b"samples/sec": "samples_per_s",
    b"tokens per second": "tokens_per_s",
    b"tokens-per-second-per-gpu": "tokens_per_s",
    b"tokens per gpu per second (tgs)": "tokens_per_s",
    b"tokens per GPU (tokens/s/GPU)": "tokens_per_s",
    b"tokens/s/GPU inst/harmonic mean": "tokens_per_s",
    b"compute per GPU (TFLOP/s/GPU)": "tflops",
    b"TFLOPs": "tflops",
    b"tpt": "samples_per_s",
    b"approx flops per GPU": "tflops",
    b"throughput per GPU (TFLOP/s/GPU)": "tflops",
    b"throughput (token/sec/GPU)": "tokens_per_s",
}
_FIELD: Final = (
    rb"(?:\||^)\s*+(?P<key>[A-Za-z](?:[^|:]{0,64}?[^|:\s])?):?\s++(?P<value>"
    + AMOUNT
    # a fork gives the running mean too: `9836.3/21761.7`, `496.3 (avg 496.1)`
    + rb")(?=(?:/[\d.]+| \(avg [\d.]+\))?\s*+(?:TFLOPS\s*+)?(?:\||$))"
)
_VALUE: Final = (
    rb"\|\s*(?i:lm)[ _-]loss(?: value)?:?\s+"
    + named("val_loss")
    + later(rb"(?i:lm)[ _-](?i:loss)?[ _]?(?i:ppl)(?: value)?:?\s+" + named("val_ppl"))
)

MEGATRON = Format(
    name="megatron",
    written_by="NVIDIA Megatron-LM, Megatron-DeepSpeed, EleutherAI GPT-NeoX",
    samples=(
        (
            " iteration       20/    1000 | consumed samples:         80 | elapsed time"
            " per iteration (ms): 1354.9 | learning rate: 3.750E-5 | global batch size:"
            "     4 | lm loss: 1.203115E+01 | loss scale: 32768.0 | grad norm: 16.999 |"
        ),
        (
            " validation loss at iteration 100 | lm loss value: 8.017406E+00 |"
            " lm loss PPL: 3.033300E+03 | "
        ),
        "steps: 2 loss: 11.0610 iter time (s): 0.601 samples/sec: 851.956",
    ),
    patterns=(
        pairs(
            "iteration N/N | lm loss:",
            rb"\biteration\s+" + STEP + rb"/\s*" + MAX_STEPS + rb"\s*\|",
            _KEYS,
            pair=_FIELD,
            must=(),
            needs=(b"iteration", b"elapsed time per iteration ("),
            scale={"iter_ms__s": 1000},
        ),
        line(
            "validation at iteration N",
            # Later versions add where: on the validation set, or on the test set.
            rb"\bvalidation (?:loss|results) at iteration "
            + STEP
            + rb"(?: on validation set)?\s*"
            + _VALUE,
            needs=(b"validation ", b" at iteration "),
            once=True,
        ),
        line(
            "steps: N of DeepSpeed",
            rb"^(?:.*\s)?steps: "
            + STEP
            + rb" loss: "
            + NUMBER
            + rb" .{0,200}?iter time \(s\):",
            needs=(b"steps: ", b" iter time (s)"),
            step="none",
            hit=False,
        ),
    ),
)
