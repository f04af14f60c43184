"""karpathy/minGPT and karpathy/makemore.

minGPT (2022) calls back every 10 or 100 iterations, often behind a logger's prefix:

    iter_dt 20.87ms; iter 100: train loss 0.02907

minGPT (2020) describes a progress bar, and measures a test loss after each epoch:

    epoch 1 iter 0: train loss 4.59238. lr 3.812521e-04:   0%| | 0/128 [00:01<?]
    test loss: 3.1

makemore measures both losses in a step of its own:

    step 10 | loss 3.1415 | step time 12.34ms
    step 500 train loss: 2.2910943031311035 test loss: 2.298872232437134
"""

from parsers.format import Format, line
from parsers.patterns import COUNT, HEAD, MAX_STEPS, START, STEP, later, named


MINGPT = Format(
    name="mingpt",
    written_by="karpathy/minGPT",
    samples=(
        "iter_dt 20.87ms; iter 100: train loss 0.02907",
        "epoch 1 iter 0: train loss 4.59238. lr 3.812521e-04:   0%|   | 0/128 [00:00<?",
        "test loss: 3.100000",
    ),
    patterns=(
        line(
            "iter_dt; iter N: train loss",
            START
            + rb"iter_dt "
            + named("iter_ms")
            + rb"ms; iter "
            + STEP
            + rb": train loss "
            + named("loss"),
            needs=(b"iter_dt ", b": train loss "),
        ),
        line(
            "epoch E iter N: train loss. lr",
            START
            + rb"epoch "
            + named("epoch_no", COUNT)
            + rb" iter "
            + STEP
            + rb": train loss "
            + named("loss", rb"(?:\d+\.\d+|nan|inf)")
            + rb"\.?(?: lr "
            + named("lr")
            + rb")?:.{0,999}?\| *+\d+/"
            + named("per_epoch", COUNT),
            needs=(b"epoch ", b" iter ", b": train loss "),
            # the bar shows each iteration again when it moves
            once=True,
        ),
        line(
            "test loss",
            rb"^(?!.*\btrain loss)"
            + HEAD[1:]
            + rb"test loss: "
            + named("val_loss")
            + rb"\s*$",
            needs=(b"test loss: ",),
            step="previous",
        ),
    ),
)

MAKEMORE = Format(
    name="makemore",
    written_by="karpathy/makemore makemore.py",
    samples=(
        "step 10 | loss 3.1415 | step time 12.34ms",
        "step 500 train loss: 2.2910943031311035 test loss: 2.298872232437134",
        "  10000/ 200000: 2.1723",
    ),
    patterns=(
        line(
            "step N | loss | step time",
            START
            + rb"step "
            + STEP
            + rb" \| loss "
            + named("loss")
            + rb" \| steps? time "
            + named("iter_ms")
            + rb"ms",
            needs=(b" | loss ", b" time "),
        ),
        line(
            "step N train loss: test loss:",
            START
            + rb"step "
            + STEP
            + rb" train loss: "
            + named("train_loss")
            + later(rb"\btest loss: " + named("val_loss")),
            needs=(b"step ", b" train loss: "),
        ),
        line(
            "N/ N: loss of the lectures",
            rb"^\s{0,9}"
            + STEP
            + rb"/\s{0,9}"
            + MAX_STEPS
            + rb": "
            + named("loss", rb"\d+\.\d{4}")
            + rb"$",
            needs=(b"/", b": "),
        ),
    ),
)
