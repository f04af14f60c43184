"""Darknet: YOLOv1 to YOLOv4 and YOLOv7-tiny in C.

    1000: 12.345678, 13.456789 avg loss, 0.001000 rate, 3.21 seconds, 64000 images, ...
    1000: 12.345678, 13.456789 avg, 0.001000 rate, 3.21 seconds, 64000 images

The first number is the loss of the iteration, the second a running mean.
"""

from parsers.format import Format, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import STEP, named


DARKNET = Format(
    name="darknet",
    units=ANY_LOSS,
    written_by="Darknet",
    samples=(" 10: 12.34, 13.45 avg loss, 0.001 rate, 3.21 seconds, 640 images",),
    patterns=(
        line(
            "N: loss, avg loss, rate",
            rb"(?:^|\s)"
            + STEP
            + rb": "
            + named("loss")
            + rb", "
            + named("running_loss")
            + rb" avg(?: loss)?, "
            + named("lr")
            + rb" rate, "
            + named("iter_ms")
            + rb" seconds, "
            + named("samples", rb"\d+")
            + rb" images",
            needs=(b" avg", b" rate, ", b" images"),
            scale={"iter_ms": 1000},
        ),
    ),
)
