"""Physical-Intelligence/openpi `scripts/train.py`, and JAX scripts that print alike.

    Step 100: grad_norm=1.2315, loss=0.1012, param_norm=1379.7463

A mean over the log interval; a progress bar stands around such lines.
"""

from typing import Final

from parsers.format import Format
from parsers.keyvalue.pairs import pairs
from parsers.metrics import ANY_LOSS
from parsers.patterns import STEP


_KEYS: Final = {
    b"loss": "loss",
    b"grad_norm": "grad_norm",
    b"param_norm": "param_norm",
    b"lr": "lr",
    b"learning_rate": "lr",
    b"accuracy": "accuracy",
}

OPENPI = Format(
    name="openpi",
    units=ANY_LOSS,
    written_by="Physical-Intelligence/openpi",
    samples=("Step 100: grad_norm=1.2315, loss=0.1012, param_norm=1379.7463",),
    patterns=(
        pairs(
            "Step N: key=value,",
            # Others print `Step 5: loss=3.2, lr=1e-4`: here the keys rise, with a norm.
            rb"\bStep "
            + STEP
            + rb": (?=.{0,999}(?:grad|param)_norm=)(?:\w+=[^ ,]+, )*loss=\S",
            _KEYS,
            needs=(b"Step ", b"_norm=", b"loss="),
        ),
    ),
)
