"""flairNLP/flair.

    2024-01-01 10:00:01,123 epoch 1 - iter 10/100 - loss 2.31 - time (sec): 1.21 - ...
    2024-01-01 10:00:09,123 EPOCH 1 done: loss 1.21 - lr: 0.100000
    2024-01-01 10:00:11,123 DEV : loss 0.51 - f1-score (micro avg) 0.9
    2024-01-01 10:00:12,123 TEST : loss 0.61 - f1-score (micro avg) 0.88

The loss of an iteration is the mean of the epoch so far.
"""

from parsers.format import Format, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, STEP, later, named


FLAIR = Format(
    name="flair",
    units=ANY_LOSS,
    written_by="flairNLP/flair",
    samples=(
        "2024-01-01 10:00:01,123 epoch 1 - iter 10/100 - loss 2.31 - time (sec): 1.21",
        "2024-01-01 10:00:09,123 EPOCH 1 done: loss 1.21 - lr: 0.100000",
        "2024-01-01 10:00:11,123 DEV : loss 0.51 - f1-score (micro avg) 0.9",
        "2024-01-01 10:00:12,123 TEST : loss 0.61 - f1-score (micro avg) 0.88",
    ),
    averaged=("loss",),
    patterns=(
        line(
            "epoch N - iter N/N - loss",
            rb"\bepoch "
            + named("epoch_no", COUNT)
            + rb" - iter "
            + STEP
            + rb"/"
            + named("per_epoch", COUNT)
            + rb" - loss "
            + named("loss")
            + later(rb"- samples/sec: " + named("samples_per_s"))
            + later(rb"- lr: " + named("lr")),
            needs=(b"epoch ", b" - iter ", b" - loss "),
        ),
        line(
            "EPOCH N done: loss",
            rb"\bEPOCH "
            + named("epoch", COUNT)
            + rb" done: loss "
            + named("epoch_loss"),
            needs=(b"EPOCH ", b" done: loss "),
            step="epoch end",
        ),
        line(
            "DEV : loss",
            rb"\bDEV : loss "
            + named("val_loss")
            + later(rb"- f\d-score \([\w ]{1,20}\) +" + named("val_f1")),
            needs=(b"DEV : loss ",),
            step="epoch end",
        ),
        line(
            "TEST : loss",
            rb"\bTEST : loss " + named("test_loss"),
            needs=(b"TEST : loss ",),
            step="epoch end",
            stands_in={"test_loss": "val_loss"},
        ),
    ),
)
