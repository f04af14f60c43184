"""WeNet and its relatives (wespeaker, wekws).

    ... DEBUG TRAIN | steps/sec 3.1| Batch 0/100 loss 40.1 loss_att 38.2 lr 1e-4 rank 0
    ... DEBUG TRAIN Batch 0/100 loss 40.1 loss_att 38.2 lr 0.0001 rank 0
    ... INFO Epoch 0 Step 2000 CV info lr 1e-4 cv_loss 33.1 rank 0 acc 0.4
    ... INFO Epoch 0 CV info cv_loss 33.1

`Batch E/N` is an epoch and a batch of it; the axis counts on.  `Step` counts updates,
of which there are fewer than batches where gradients are accumulated: it is no place on
that axis.
"""

from typing import Final

from parsers.format import Format, line
from parsers.keyvalue.pairs import AMOUNT, END, pairs
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, STEP, named


_KEYS: Final = {
    b"loss": "loss",
    b"lr": "lr",
    b"grad_norm": "grad_norm",
    b"rank": "rank",
}

WENET = Format(
    name="wenet",
    units=ANY_LOSS,
    written_by="WeNet",
    samples=(
        "DEBUG TRAIN | steps/sec 3.1| Batch 0/100 loss 40.1 loss_att 38.2 lr 1e-4",
        "DEBUG TRAIN Batch 0/100 loss 40.1 loss_att 38.2 lr 0.0001 rank 0",
        "INFO Epoch 0 Step 2000 CV info lr 1e-4 cv_loss 33.1 rank 0 acc 0.4",
        "INFO Epoch 0 CV info cv_loss 33.1",
    ),
    patterns=(
        pairs(
            "TRAIN Batch E/N loss",
            rb"\bTRAIN (?:\|[^|]{1,60}\| )?Batch "
            + named("epoch_no", COUNT)
            + rb"/"
            + STEP
            + rb" (?=loss )",
            _KEYS,
            pair=rb"(?<![\w/])(?P<key>[a-z_]{1,32}+) (?P<value>" + AMOUNT + rb")" + END,
            needs=(b"TRAIN", b"Batch ", b" loss "),
        ),
        line(
            "Epoch N CV info cv_loss",
            rb"\bEpoch \d+ (?:Step \d+ )?CV info (?:.{0,99} )??cv_loss "
            + named("val_loss"),
            needs=(b" CV info ", b"cv_loss "),
            step="previous",
        ),
    ),
)
