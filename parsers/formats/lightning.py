"""PyTorch Lightning (0.9 to 2.x): `ModelCheckpoint` messages and progress bars.

    Epoch 0, global step 1: 'val_loss' reached 0.33250 (best 0.33250), saving model to
    Epoch 1:   0%|   | 1/4347 [00:01<1:48:59, 1.50s/it, v_num=2, train_loss_step=1.86]
    Epoch 0: v_recons 4.507e-01  v_loss 2.580e+00  loss 2.984e+00

The first is printed for improved epochs only.  In bars a validation loss stands until
the next one; `loss` before `v_num` is added by Lightning 1, a mean over twenty batches.
The last is a common callback of research code.  `metrics.csv` is a table.
"""

import re
from typing import Final

from parsers.format import Fields, Format, LinePattern, line
from parsers.formats.tqdm import bar
from parsers.keyvalue.vocabulary import key
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, NUMBER, STEP, named


_LOSS: Final = (
    rb"(?:val|valid|validation|eval|dev)[\w/.-]{0,64}(?:loss|nll|ce)[\w/.-]{0,64}"
)
_BAR: Final = rb"\bEpoch (?P<epoch_no>" + COUNT + rb"): "
_WORD: Final = rb"(?<![\w.])"

_REACHED: Final = re.compile(
    rb"\bEpoch (?P<epoch>"
    + COUNT
    + rb"), (?:global )?step "
    + STEP
    + rb": '?(?P<name>[\w/.-]{1,64}+)'? reached (?P<value>"
    + NUMBER
    + rb") \(best"
)


def _checkpoint(text: bytes) -> Fields | None:
    """A figure of the validation by which checkpoints are chosen."""
    found = _REACHED.search(text)
    meant = key(found["name"].decode()) if found else None
    if found is None or meant is None or not meant.name.startswith("val_"):
        return None
    places = {"step": "step", "epoch": "epoch", meant.name: "value"}
    return [(name, *found.span(group)) for name, group in places.items()]


LIGHTNING = Format(
    name="lightning",
    units=ANY_LOSS,
    written_by="PyTorch Lightning ModelCheckpoint, progress bars",
    samples=(
        "Epoch 0, global step 1: 'val_loss' reached 0.33250 (best 0.33250)",
        "Epoch 1:   0%|    | 1/4347 [00:01<1:48:59,  1.50s/it, loss=1.864, v_num=2]",
        "Epoch 1:   0%|    | 1/4347 [00:01<1:48:59,  1.50s/it, train_loss=1.864]",
        "Epoch 0: v_recons 4.507e-01  v_loss 2.580e+00  loss 2.984e+00",
    ),
    patterns=(
        line(
            "ModelCheckpoint",
            rb"\bEpoch (?P<epoch>" + COUNT + rb"), (?:global )?step " + STEP + rb": "
            rb"'?" + _LOSS + rb"'? reached " + named("val_loss") + rb" \(best",
            needs=(b"Epoch ", b" reached "),
        ),
        LinePattern(
            "ModelCheckpoint of another metric",
            _checkpoint,
            needs=(b"Epoch ", b" reached "),
        ),
        bar(
            "Epoch N: bar",
            _BAR,
            needs=(b"Epoch ", b"%|", b"v_num="),
            epoch_base=0,
        ),
        # Without a logger nothing distinguishes Lightning's bars from others.
        bar(
            "Epoch N: bare bar",
            _BAR,
            needs=(b"Epoch ", b"%|"),
            epoch_base=0,
            hit=False,
        ),
        line(
            "Epoch N: v_loss, loss",
            rb"\bEpoch " + STEP + rb": "
            rb"(?=.{0,299}?" + _WORD + rb"v_loss " + named("val_loss") + rb")"
            rb"(?=.{0,299}?" + _WORD + rb"loss " + named("loss", NUMBER) + rb")",
            needs=(b"Epoch ", b" v_loss "),
        ),
    ),
)
