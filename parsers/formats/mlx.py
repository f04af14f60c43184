"""MLX-LM `mlx_lm/tuner/trainer.py` (2024 to 2026).

    Iter 1: Val loss 3.770, Val took 57.861s
    Iter 10: Train loss 2.669, Learning Rate 1.000e-05, It/sec 0.160,
    Tokens/sec 282.493, Trained Tokens 17373, Peak mem 8.104 GB    (on the same line)

The training loss is a mean since the last report; the validation loss of iteration N
is measured before the update N.  Early versions print no learning rate or memory.
"""

from typing import Final

from parsers.format import Format, line
from parsers.keyvalue.pairs import AMOUNT, pairs
from parsers.patterns import STEP, later, named


_KEYS: Final = {
    b"Train loss": "loss",
    b"Learning Rate": "lr",
    b"It/sec": "iters_per_s",
    b"Tokens/sec": "tokens_per_s",
    b"Trained Tokens": "tokens",
    b"Peak mem": "memory_mib",
}

MLX = Format(
    name="mlx",
    written_by="ml-explore/mlx-lm",
    samples=(
        "Iter 1: Val loss 3.770, Val took 57.861s",
        (
            "Iter 10: Train loss 2.669, Learning Rate 1.000e-05, It/sec 0.160, "
            "Tokens/sec 282.493, Trained Tokens 17373, Peak mem 8.104 GB"
        ),
    ),
    patterns=(
        pairs(
            "Iter N: Train loss",
            rb"\bIter " + STEP + rb": Train loss ",
            _KEYS,
            pair=rb"[:,] (?P<key>[A-Z][A-Za-z/ ]+?) (?P<value>" + AMOUNT + rb")",
            needs=(b"Iter ", b": Train loss "),
            scale={"memory_mib": 1000**3 / 1024**2},
        ),
        line(
            "Iter N: Val loss",
            rb"\bIter "
            + STEP
            + rb": Val loss "
            + named("val_loss")
            + later(rb"\bVal took " + named("eval_ms") + rb"s"),
            needs=(b"Iter ", b": Val loss "),
            scale={"eval_ms": 1000},
        ),
    ),
)
