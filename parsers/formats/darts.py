"""DARTS and the searches that grew out of it (PC-DARTS, P-DARTS, SNAS ...).

    2018-12-30 10:15:07,338 epoch 0 lr 2.500000e-02
    2018-12-30 10:15:09,338 train 000 2.314571e+00 10.937500 51.562500
    2018-12-30 10:25:07,338 train_acc 35.824000
    2018-12-30 10:25:09,338 valid 000 1.534571e+00 43.750000 92.187500
    2018-12-30 10:26:07,338 valid_acc 45.824000

Both losses are means of the epoch so far, so of the validation the last line counts.
Steps are counted within an epoch; the axis counts on.
"""

from typing import Final

from parsers.format import Format, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, NUMBER, STEP, named


_TOPS: Final = rb"(?: " + NUMBER + rb")?\s*$"

DARTS = Format(
    name="darts",
    units=ANY_LOSS,
    written_by="quark0/darts and its descendants",
    samples=(
        "2018-12-30 10:15:07,338 epoch 0 lr 2.500000e-02",
        "2018-12-30 10:15:09,338 train 000 2.314571e+00 10.937500 51.562500",
        "2018-12-30 10:25:09,338 valid 000 1.534571e+00 43.750000 92.187500",
    ),
    averaged=("loss",),
    patterns=(
        line(
            "epoch N lr",
            rb"(?:^|\s)epoch (?P<epoch>(?P<epoch_no>" + COUNT + rb")) lr " + NUMBER,
            needs=(b"epoch ", b" lr "),
            step="none",
            hit=False,
        ),
        line(
            "train N",
            rb"(?:^|\s)train "
            + STEP
            + rb" "
            + named("loss")
            + rb" "
            + named("accuracy")
            + _TOPS,
            needs=(b"train ",),
            scale={"accuracy": 0.01},
        ),
        line(
            "valid N",
            rb"(?:^|\s)valid \d{1,9} "
            + named("val_loss")
            + rb" "
            + named("val_accuracy")
            + _TOPS,
            needs=(b"valid ",),
            scale={"val_accuracy": 0.01},
            step="previous",
            last=True,
        ),
    ),
)
