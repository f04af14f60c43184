"""DeepSpeed's pipeline engine, and scripts around its engine.

    steps: 2 loss: 11.0610 iter time (s): 0.601 samples/sec: 851.956
    [Step 1/100] Loss: 5.4901 | Global Tokens/s: 1347.72 | GPU Mem (GB): 5.28 | ...

`log_dist` lines (`step=0, skipped=0, lr=[0.0], mom=...`) hold no loss.
"""

from typing import Final

from parsers.format import Format, line
from parsers.keyvalue.pairs import AMOUNT, pairs
from parsers.metrics import ANY_LOSS
from parsers.patterns import MAX_STEPS, STEP, named


_FIELD: Final = (
    rb"(?:\||\])\s*(?P<key>[A-Za-z][^|:]*?):\s*(?P<value>"
    + AMOUNT
    + rb")(?=%?\s*(?:\||$))"
)
_KEYS: Final = {
    b"Loss": "loss",
    b"Global Tokens/s": "tokens_per_s",
    b"Tokens/s": "tokens_per_s",
    b"GPU Mem (GB)": "memory_mib",
    b"LR": "lr",
    b"Grad Norm": "grad_norm",
    b"Val Loss": "val_loss",
}

DEEPSPEED = Format(
    name="deepspeed",
    units=ANY_LOSS,
    written_by="DeepSpeed PipelineEngine (deepspeed/runtime/pipe/engine.py)",
    samples=(
        "steps: 2 loss: 11.0610 iter time (s): 0.601 samples/sec: 851.956",
        "[Step 1/100] Loss: 5.4901 | Global Tokens/s: 1347.72 | GPU Mem (GB): 5.28",
    ),
    patterns=(
        line(
            "steps: N loss: iter time (s):",
            rb"(?:^|\s)steps?: +"
            + STEP
            + rb"(?: */ *"
            + MAX_STEPS
            + rb")? loss: "
            + named("loss")
            # the parts of the loss, where the model names them
            + rb"(?: [a-z][\w ]{0,40}: [-+.\w]+){0,8} iter time \(s\): "
            + named("iter_ms")
            + rb"(?: samples/sec: "
            + named("samples_per_s")
            + rb")?",
            needs=(b" loss: ", b" iter time (s): "),
            scale={"iter_ms": 1000},
        ),
        pairs(
            "[Step N/N] Loss:",
            rb"\[Step " + STEP + rb"/" + MAX_STEPS + rb"\] Loss: \S+ \|",
            _KEYS,
            pair=_FIELD,
            needs=(b"[Step ", b"] Loss: "),
            scale={"memory_mib": 1024},
        ),
    ),
    # GPT-NeoX prints such a line before each of its own, which hold more.
    weight=0.9,
)
