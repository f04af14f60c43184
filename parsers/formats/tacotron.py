"""NVIDIA's Tacotron 2 and Flowtron.

Epoch: 0
Train loss 400 0.510000 Grad Norm 1.210000 3.21s/it
Validation loss 500:  0.412000
"""

from parsers.format import Format, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import STEP, later, named


TACOTRON = Format(
    name="tacotron",
    units=ANY_LOSS,
    written_by="NVIDIA/tacotron2 and forks",
    samples=(
        "Train loss 400 0.510000 Grad Norm 1.210000 3.21s/it",
        "Validation loss 500:  0.412000",
    ),
    patterns=(
        line(
            "Train loss N",
            rb"\bTrain loss "
            + STEP
            + rb":? +"
            + named("loss")
            + rb"(?![\w.])"
            + later(rb"\bGrad Norm " + named("grad_norm"))
            + later(rb" " + named("iter_ms") + rb"s/it"),
            needs=(b"Train loss ",),
            scale={"iter_ms": 1000},
        ),
        line(
            "Validation loss N:",
            rb"\bValidation loss " + STEP + rb":? +" + named("val_loss"),
            needs=(b"Validation loss ",),
        ),
    ),
)
