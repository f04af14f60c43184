"""facebookresearch/detectron2 and maskrcnn-benchmark.

    [07/01 10:00:00 d2.utils.events]:  eta: 0:00:01  iter: 19  total_loss: 2.31
    loss_cls: 0.91  time: 0.3121  data_time: 0.0121  lr: 0.0002  max_mem: 2000M

The first two lines are one in the log.
"""

from typing import Final

from parsers.format import Format
from parsers.keyvalue.pairs import pairs
from parsers.metrics import ANY_LOSS
from parsers.patterns import STEP


_KEYS: Final = {
    b"total_loss": "loss",
    b"validation_loss": "val_loss",
    b"time": "iter_ms",
    b"lr": "lr",
}

DETECTRON2 = Format(
    name="detectron2",
    units=ANY_LOSS,
    written_by="facebookresearch/detectron2",
    samples=(
        "[07/01 10:00:00 d2.utils.events]:  eta: 0:00:01  iter: 19  total_loss: 2.31",
    ),
    patterns=(
        pairs(
            "iter: N  total_loss:",
            rb"\biter: " + STEP + rb"  +(?=total_loss: )",
            _KEYS,
            needs=(b"iter: ", b"total_loss: "),
            scale={"iter_ms": 1000},
        ),
    ),
)
