"""jingyaogong/minimind trainers (and baby-llama2-chinese, which prints the same line).

    Epoch:[1/1](100/44173) loss:6.460 lr:0.000549993677 epoch_Time:115.0min:
    Epoch:[1/2](100/44160), loss: 6.4601, logits_loss: 6.4601, aux_loss: 0.0000, lr: ...

The second is of 2025-12 and later.  The iterations are micro-batches and start again
in each epoch; the axis counts on.
"""

from parsers.format import Format, line
from parsers.patterns import COUNT, START, STEP, later, named


MINIMIND = Format(
    name="minimind",
    written_by="jingyaogong/minimind trainer/train_*.py",
    samples=(
        "Epoch:[1/1](100/44173) loss:6.460 lr:0.000549993677 epoch_Time:115.0min:",
        (
            "Epoch:[1/2](100/44160), loss: 6.4601, logits_loss: 6.4601, "
            "aux_loss: 0.0000, lr: 0.00054999, epoch_time: 115.0min"
        ),
    ),
    patterns=(
        line(
            "Epoch:[E/E](N/N) loss: lr:",
            START
            + rb"Epoch: ?\["
            + named("epoch_no", COUNT)
            + rb"/\d+\]\("
            + STEP
            + rb"/"
            + named("per_epoch", COUNT)
            + rb"\),?.{0,999}?\bloss: ?"
            + named("loss")
            + later(rb"\baux_loss: ?" + named("aux_loss"))
            + later(rb"\b(?:lr|learning_rate): ?" + named("lr")),
            needs=(b"Epoch:", b"](", b"loss:"),
        ),
    ),
)
