"""k2-fsa/icefall, and what grew out of it (VALL-E, zipvoice).

    ... (0/4) Epoch 1, batch 50, loss[loss=1.2, simple_loss=2.3, over 5012.00 frames. ],
    tot_loss[loss=2.1, ..., over 100000.12 frames. ], batch size: 30, lr: 3.00e-03
    ... (0/4) Epoch 1, validation: loss=0.91, simple_loss=0.8, over 1000000.00 frames.

The first two lines are one in the log.  Every rank prints them: the first is followed.
The batches are those of an epoch; `tot_loss` is a mean over the last of them.
"""

from typing import Final

from parsers.format import Format, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, STEP, later, named


_RANK: Final = rb"(?:\(" + named("rank", COUNT) + rb"/\d+\) )?\bEpoch "
_LOSS: Final = rb"\[(?:[^\[\]]{0,300}? )??loss="

ICEFALL = Format(
    name="icefall",
    units=ANY_LOSS,
    written_by="k2-fsa/icefall",
    samples=(
        (
            "[train.py:874] (0/4) Epoch 1, batch 50, loss[loss=1.2, simple_loss=2.3, "
            "over 5012.00 frames. ], tot_loss[loss=2.1, simple_loss=2.5, over 9.12 "
            "frames. ], batch size: 30, lr: 3.00e-03"
        ),
        "[train.py:906] (0/4) Epoch 1, validation: loss=0.91, simple_loss=0.8, over",
    ),
    patterns=(
        line(
            "Epoch N, batch N, loss[loss=",
            _RANK
            + named("epoch_no", COUNT)
            + rb", batch "
            + STEP
            + rb", (?:train_)?loss"
            + _LOSS
            + named("loss")
            + later(rb"\btot_loss" + _LOSS + named("running_loss"))
            + later(rb"\blr: " + named("lr")),
            needs=(b"Epoch ", b", batch ", b"loss["),
        ),
        line(
            "Epoch N, validation: loss=",
            _RANK
            + rb"\d+, validation: (?:[^\[\]]{0,300}? )??loss="
            + named("val_loss"),
            needs=(b"Epoch ", b", validation: "),
            step="previous",
        ),
    ),
)
