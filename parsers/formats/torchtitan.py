"""pytorch/torchtitan `components/metrics.py` (2024 to 2026).

    ... - root - INFO - step:  1  loss: 12.55223  grad_norm: 21.3750  memory: 160GiB
    ... - root - INFO - validate step: 10  loss:  7.9114  memory: 20.11GiB(25.41%) ...

The loss is the global mean since the last line.  Colours are gone before lines come
here; `mfu: N/A` is no number.
"""

from typing import Final

from parsers.format import Format
from parsers.keyvalue.pairs import AMOUNT, pairs
from parsers.patterns import NUMBER, STEP


_FIELD: Final = (
    rb"(?<![\w/])(?P<key>[a-z][\w/]*): *(?P<value>" + AMOUNT + rb")(?=GiB|%|\s|$)"
)
_KEYS: Final = {
    b"grad_norm": "grad_norm",
    b"memory": "memory_mib",
    b"tps": "tokens_per_s",
    b"wps": "tokens_per_s",
    b"tflops": "tflops",
    b"mfu": "mfu",
    b"lr": "lr",
}
_GIB: Final = {"memory_mib": 1024}
_HEAD: Final = rb"step: *" + STEP + rb"  loss: *" + NUMBER

TORCHTITAN = Format(
    name="torchtitan",
    written_by="pytorch/torchtitan",
    samples=(
        (
            "[rank0]:[titan] 2026-05-20 02:22:56,141 - root - INFO - step:  1  "
            "loss: 12.55223  grad_norm: 21.3750  memory: 160GiB(90.19%)  tps: 968  "
            "tflops: 81.56  mfu: 3.63%"
        ),
        (
            "[rank0]:[titan] 2026-05-20 02:22:57 - root - INFO - validate step: 10  "
            "loss:  7.9114  memory: 20.11GiB(25.41%)  tps: 1,968"
        ),
    ),
    patterns=(
        pairs(
            "validate step: loss:",
            rb"\bvalidate " + _HEAD,
            {b"loss": "val_loss"},
            pair=_FIELD,
            must=("val_loss",),
            needs=(b"validate step:", b"  loss: "),
        ),
        pairs(
            "step: loss:",
            rb"\b" + _HEAD,
            {b"loss": "loss", **_KEYS},
            pair=_FIELD,
            needs=(b"step: ", b"  loss: "),
            scale=_GIB,
        ),
    ),
)
