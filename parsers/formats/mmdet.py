"""OpenMMLab's mmcv and mmengine loggers: mmdetection, mmsegmentation, mmpretrain ...

    2019-12-28 15:52:30,875 - INFO - Epoch [1][50/2569] lr: 0.00042, eta: 7:33:58, ...,
    loss_cls: 0.8181, loss_bbox: 1.7639, loss: 3.2821              (on the same line)
    ... - mmdet - INFO - Iter [50/160000] lr: 9.9e-03, ..., loss: 3.2821
    ... - mmengine - INFO - Epoch(train)  [1][  50/2569]  lr: 2.0e-02  loss: 3.2  ...
    ... - mmengine - INFO - Iter(train) [  50/40000]  lr: 9.9e-03  loss: 3.2  ...
    ... - mmdet - INFO - Epoch(val) [1][1250] loss_cls: 0.7, loss: 2.9

The total is the field `loss` alone.  Iterations are counted within an epoch, or, with
`Iter`, over the whole training.
"""

from typing import Final

from parsers.format import Format
from parsers.keyvalue.pairs import pairs
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, MAX_STEPS, STEP, named


_KEYS: Final = {
    b"loss": "loss",
    b"lr": "lr",
    b"time": "iter_ms",
    b"memory": "memory_mib",
    b"grad_norm": "grad_norm",
    b"acc": "accuracy",
}
_SCORES: Final = {
    b"loss": "val_loss",
    b"acc": "val_accuracy",
    b"accuracy/top0": "val_accuracy",
    b"accuracy_top-0": "val_accuracy",
    b"aAcc": "val_accuracy",
    b"mIoU": "val_iou",
    b"coco/bbox_mAP": "val_map",
    b"bbox_mAP": "val_map",
    b"mAP": "val_map",
    b"pascal_voc/mAP": "val_map",
}
# These are percentages.
_SCALE: Final = {
    "iter_ms": 1000,
    "accuracy": 0.01,
    "val_accuracy": 0.01,
    "val_iou": 0.01,
}

MMDET = Format(
    name="mmdet",
    units=ANY_LOSS,
    written_by="OpenMMLab mmcv TextLoggerHook, mmengine LogProcessor",
    samples=(
        (
            "2019-12-28 15:52:30,875 - INFO - Epoch [1][50/2569]\tlr: 0.00042, "
            "eta: 7:33:58, time: 0.442, memory: 4047, loss_cls: 0.8181, "
            "loss: 3.2821"
        ),
        (
            "10/18 12:00:00 - mmengine - INFO - Iter(train) [   50/40000]  lr: 9.9e-3  "
            "eta: 3:33:58  time: 0.4421  memory: 4047  loss: 3.2821  loss_cls: 0.8181"
        ),
        (
            "2019-12-28 15:52:30,875 - INFO - Epoch(val) [1][1250]\tloss_cls: 0.8181, "
            "loss: 2.9821"
        ),
    ),
    patterns=(
        pairs(
            "Epoch [E][N/N]",
            rb"\bEpoch(?:\(train\))? +\[ *"
            + named("epoch_no", COUNT)
            + rb"\]\[ *"
            + STEP
            + rb"/"
            + named("per_epoch", COUNT)
            + rb"\]\s",
            _KEYS,
            needs=(b"Epoch", b"][", b"loss: "),
            scale=_SCALE,
        ),
        pairs(
            "Iter [N/N]",
            rb"\bIter(?:\(train\))? +\[ *" + STEP + rb"/" + MAX_STEPS + rb"\]\s",
            _KEYS,
            needs=(b"Iter", b"[", b"loss: "),
            scale=_SCALE,
        ),
        pairs(
            "Epoch(val) [E][N]",
            rb"\b(?:Epoch|Iter)\(val\) +\[ *\d+\](?:\[ *\d+(?:/\d+)?\])?\s",
            _SCORES,
            must=(),
            scale=_SCALE,
            needs=(b"(val) ",),
            step="previous",
        ),
    ),
)
