"""TensorFlow's Estimator (tensor2tensor, BERT, object detection) and its loops.

INFO:tensorflow:loss = 2.31, step = 100 (0.512 sec)
I0101 10:00:01.1 1400 basic_session_run_hooks.py:262] loss = 2.31, step = 100
INFO:tensorflow:global_step/sec: 195.3
INFO:tensorflow:Saving dict for global step 1000: accuracy = 0.9, loss = 0.31
INFO:tensorflow:global step 100: loss = 2.3101 (0.512 sec/step)
INFO:tensorflow:Step 100 per-step time 0.512s loss=0.912
"""

from typing import Final

from parsers.format import Format, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import STEP, later, named


_MS: Final = {"iter_ms": 1000}

TF_ESTIMATOR = Format(
    name="tf_estimator",
    units=ANY_LOSS,
    written_by="TensorFlow Estimator, tf-slim, object detection API",
    samples=(
        "INFO:tensorflow:loss = 2.31, step = 100 (0.512 sec)",
        "INFO:tensorflow:Saving dict for global step 1000: accuracy = 0.9, loss = 0.31",
        "INFO:tensorflow:global_step/sec: 195.3",
        "INFO:tensorflow:global step 100: loss = 2.3101 (0.512 sec/step)",
        "INFO:tensorflow:Step 100 per-step time 0.512s loss=0.912",
        " 'Loss/total_loss': 0.4123,",
    ),
    patterns=(
        line(
            "loss = , step =",
            rb"(?:tensorflow:|\] )loss = " + named("loss") + rb", step = " + STEP,
            needs=(b"loss = ", b", step = "),
        ),
        line(
            "global step N: loss =",
            rb"\bglobal step "
            + STEP
            + rb": loss = "
            + named("loss")
            + later(rb"\(" + named("iter_ms") + rb" sec/step\)"),
            needs=(b"global step ", b": loss = "),
            scale=_MS,
        ),
        line(
            "Step N per-step time",
            rb"\bStep "
            + STEP
            + rb" per-step time "
            + named("iter_ms")
            + rb"s(?: loss=| *$)"
            + named("loss")
            + rb"?",
            needs=(b"per-step time ",),
            scale=_MS,
            once=True,
        ),
        line(
            "Loss/total_loss in a dictionary",
            rb"'Loss/total_loss': " + named("loss"),
            needs=(b"'Loss/total_loss': ",),
            step="previous",
            once=True,
        ),
        line(
            "Saving dict for global step N:",
            rb"\bSaving dict for global step "
            + STEP
            + rb": (?:.{0,999}?\baccuracy = "
            + named("val_accuracy")
            + rb")?.{0,999}?\bloss = "
            + named("val_loss"),
            needs=(b"Saving dict for global step ", b"loss = "),
        ),
        line(
            "global_step/sec:",
            rb"\bglobal_step/sec: " + named("iters_per_s"),
            needs=(b"global_step/sec: ",),
            step="previous",
            hit=False,
        ),
    ),
)
