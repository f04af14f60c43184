"""FAIR's MetricLogger (DETR, DeiT, MAE), PyTorch's ImageNet example, and timm.

    Epoch: [0]  [1490/1504]  eta: 0:01:02  lr: 0.000026  closs: 1.0779 (1.1312)  ...
    Epoch: [0][  10/5005]  Time  0.5 ( 1.0)  Data 0.1 ( 0.2)  Loss 6.9e+00 (7.0e+00) ...
    Epoch: [0][50]  Time 1.2 (1.5)  Data 0.1 (0.2)  Loss 6.7563 (6.7563)  Lr: 0.6
    Test: [  0/48]  Time: 1.2 (1.2)  Loss:  2.345 ( 2.345)  Acc@1:  45.3 ( 45.3)
    * Acc@1 79.900 Acc@5 95.000 loss 0.893
    Train: [0/300][50/1251] eta 1:00:00 lr 0.00001 time 0.4 (0.5) loss 6.9 (6.9) ...
    Train: 0 [  50/1251 (  4%)]  Loss: 6.94 (6.95)  Time: 0.323s, 3170.27/s  (...)  ...

The first number is the median of a window, or the value itself; that in parentheses is
the mean of the epoch so far.  Iterations are counted within an epoch, from 0; swav does
not print how many there are.  DeiT's last line is the evaluation after an epoch.
"""

import re
from typing import Final

from parsers.format import Fields, Format, LinePattern, line
from parsers.keyvalue.pairs import AMOUNT, END, pairs
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, STEP, later, named


_PAIR: Final = (
    rb"(?<![\w/])(?P<key>[A-Za-z](?:[\w@]| mem){0,64}+):?\s++(?P<value>"
    + AMOUNT
    + rb")"
    + END
)
_KEYS: Final = {
    b"loss": "loss",
    b"closs": "loss",
    b"Loss": "loss",
    b"lr": "lr",
    b"Lr": "lr",
    b"LR": "lr",
    b"grad_norm": "grad_norm",
    b"loss_scale": "loss_scale",
    b"time": "iter_ms",
    b"Time": "iter_ms",
    b"Acc@0": "accuracy",
    b"max mem": "memory_mib",
}
# Accuracies are percentages.
_SCALE: Final = {"iter_ms": 1000, "accuracy": 0.01, "val_accuracy": 0.01}
_EPOCH: Final = (
    rb"\b(?:Epoch|Train): \[ *"
    + named("epoch_no", COUNT)
    + rb"(?:/\d+)?\] *\[ *"
    + STEP
)
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_EVALUATION: Final = re.compile(
    rb"\bTest(?: \(EMA\))?: {1,9}\[ *\d+/\d+\]|\* Acc@\d (?=\S+ Acc@\d \S+ loss )"
)
_MEANS: Final = re.compile(
    rb"(?<![\w/])(?P<key>[A-Za-z]\w*+(?:@\d)?):? +(?:[-+.\w]{1,24} *\( *)?(?P<value>"
    + AMOUNT
    + rb")(?= *\)|\s|$)"
)
_HELD_OUT: Final = {
    b"loss": "val_loss",
    b"Loss": "val_loss",
    b"Acc@0": "val_accuracy",
    b"acc0": "val_accuracy",
    b"Prec@0": "val_accuracy",
}


def _of_evaluation(text: bytes) -> Fields | None:
    """The means so far of an evaluation, or those at its end."""
    head = _EVALUATION.search(text)
    if head is None:
        return None
    spans: dict[str, tuple[int, int]] = {}
    for part in _MEANS.finditer(text, head.start()):
        metric = _HELD_OUT.get(part["key"].translate(_DIGITS))
        if metric:
            spans.setdefault(metric, part.span("value"))
    return [(n, *at) for n, at in spans.items()] if "val_loss" in spans else None


METRICLOGGER = Format(
    name="metriclogger",
    units=ANY_LOSS,
    written_by="facebookresearch MetricLogger; pytorch/examples imagenet",
    samples=(
        (
            "[03:23:49.951215] Epoch: [0]  [1480/1504]  lr: 0.000026  closs: 1.0800 "
            "(1.1317)  grad_norm: 0.4995 (1.1826)  time: 4.5833  data: 0.0002  "
            "max mem: 51710"
        ),
        "Epoch: [0][50]\tTime 1.2 (1.5)\tData 0.1 (0.2)\tLoss 6.7563 (6.7563)\tLr: 0.6",
        "* Acc@1 79.900 Acc@5 95.000 loss 0.893",
        "Test: [  0/48]  Time: 1.2 (1.2)  Loss:  2.345 ( 2.345)  Acc@1:  45.3 ( 45.3)",
        "Train: 0 [  50/1251 (  4%)]  Loss: 6.94 (6.95)  Time: 0.3s,  317.2/s (0.5s)",
    ),
    patterns=(
        pairs(
            "Epoch: [E] [N/N]",
            _EPOCH + rb"/" + named("per_epoch", COUNT) + rb"\]\s",
            _KEYS,
            pair=_PAIR,
            needs=(b": [", b"oss"),
            scale=_SCALE,
            epoch_base=0,
        ),
        pairs(
            "Epoch: [E][N]",
            _EPOCH + rb"\]\s",
            _KEYS,
            pair=_PAIR,
            needs=(b": [", b"oss"),
            scale=_SCALE,
            epoch_base=0,
        ),
        line(
            "Train: E [N/N (P%)] of timm",
            rb"\bTrain: "
            + named("epoch_no", COUNT)
            + rb" \[ *"
            + STEP
            + rb"/"
            + named("per_epoch", COUNT)
            + rb" \( *\d+%\)\]  Loss: +"
            + named("loss")
            + rb" \([^()]*\) +Time: "
            + named("iter_ms")
            + rb"s, +"
            + named("samples_per_s")
            + rb"/s"
            + later(rb"\bLR: " + named("lr")),
            needs=(b"Train: ", b"%)]  Loss: "),
            scale=_SCALE,
            epoch_base=0,
        ),
        # The last one before the training goes on holds the mean of all.
        LinePattern(
            "Test: [N/N], * Acc@N loss",
            _of_evaluation,
            needs=(b"oss",),
            scale=_SCALE,
            step="previous",
            last=True,
            hit=False,
        ),
    ),
)
