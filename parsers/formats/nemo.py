"""NVIDIA NeMo 2 (its bars are Lightning's, which read them).

    Training epoch 0, iteration 9/99 | lr: 1.499e-06 | global_batch_size: 512 |
    global_step: 9 | reduced_train_loss: 11.03 | val_loss: 10.9       (on the same line)

The validation loss stands on the lines until the next one.
"""

from dataclasses import replace
from typing import Final

from parsers.format import Format, LinePattern
from parsers.keyvalue.pairs import AMOUNT, END, pairs
from parsers.metrics import ANY_LOSS


_KEYS: Final = {
    b"reduced_train_loss": "loss",
    b"val_loss": "val_loss",
    b"lr": "lr",
    b"grad_norm": "grad_norm",
    b"global_step": "step",
    b"consumed_samples": "samples",
    b"train_step_timing in s": "iter_ms",
    b"tokens_per_sec_per_gpu": "tokens_per_s",
    b"TFLOPS_per_GPU": "tflops",
}


def _training() -> LinePattern:
    pattern = pairs(
        "Training epoch N, iteration N/N |",
        rb"\bTraining epoch \d+, iteration \d+/\d+ \| ",
        _KEYS,
        pair=rb"(?<=\| )(?P<key>[A-Za-z]\w{0,48}+(?: \w{1,16}+){0,3}+): (?P<value>"
        + AMOUNT
        + rb")"
        + END,
        must=("loss", "step"),
        needs=(b"Training epoch ", b"reduced_train_loss: "),
        scale={"iter_ms": 1000},
    )
    return replace(pattern, fresh=("val_loss",))


NEMO = Format(
    name="nemo",
    units=ANY_LOSS,
    written_by="NVIDIA NeMo 2",
    samples=(
        (
            "Training epoch 0, iteration 9/99 | lr: 1.5e-06 | global_step: 9 | "
            "reduced_train_loss: 11.03"
        ),
    ),
    patterns=(_training(),),
)
