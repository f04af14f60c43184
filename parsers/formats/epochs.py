"""One line an epoch, as home-made loops print it.

    Epoch 1/10, Train Loss: 0.4703, Train PSNR: 8.61, Val Loss: 0.3051, Val PSNR: 13.96
    epoch: 71, loss: 0.20142617742220562, loss_RV: 0.057578
    Epoch 3 | train_loss=2.31 | val_loss=2.54 | lr 0.0003

Keys mean what `parsers.keyvalue.vocabulary` defines; the step is the epoch.
Lines that also count batches are not of this format (`parsers.formats.keyvalue` has
them), nor those that repeat a figure: the best, a checkpoint.
"""

from parsers.format import Fields, Format, LinePattern, line
from parsers.formats.keyvalue import VALIDATION
from parsers.keyvalue.freeform import statement
from parsers.keyvalue.units import SCALE
from parsers.metrics import ANY_LOSS
from parsers.patterns import named


def _locate(text: bytes) -> Fields | None:
    stated = statement(text)
    if (
        stated is None
        or stated.step is not None
        or stated.epoch is None
        or not stated.curve
    ):
        return None
    found = [*stated.fields(), ("step", *stated.epoch), ("epoch", *stated.epoch)]
    # A mean is not the loss of a step, where the log has such.
    found = [("epoch_loss" if f[0] == "running_loss" else f[0], *f[1:]) for f in found]
    if stated.epochs is not None:
        found.append(("max_steps", *stated.epochs))
    return found


EPOCHS = Format(
    name="epochs",
    epochs=True,
    units=ANY_LOSS,
    written_by="home-made loops: one line an epoch",
    samples=(
        "Epoch 1/10, Train Loss: 0.4703, Train PSNR: 8.61, Val Loss: 0.3051",
        "epoch: 71, loss: 0.20142617742220562, loss_RV: 0.057578",
        "Epoch 1:   4%|    | 1/28 [00:01<00:28,  1.07s/it, Batch_Loss=0.569]",
        "Epoch 3 | train_loss=2.31 | val_loss=2.54 | lr 0.0003",
    ),
    patterns=(
        LinePattern(
            "epoch",
            _locate,
            scale=SCALE,
            distinct=True,
            stands_in={"epoch_loss": "loss"},
        ),
        VALIDATION,
        # What the bars between show is no point here, and read all the same.
        line(
            "bar",
            rb"\d%\|.{0,499}?(?i:loss) ?[:=] ?" + named("loss"),
            needs=(b"%|",),
            step="none",
            hit=False,
        ),
    ),
    weight=0.25,  # a known program's lines are read by its own format
)
