"""karpathy/nanoGPT `train.py` (and its many forks, bench and gptwatch's trainer).

    step 0: train loss 4.3480, val loss 4.3422
    iter 0: loss 4.3206, time 17491.39ms, mfu -100.00%
    iter 10: loss 3.1820, time 35.78ms, mfu 10.41%

`step` lines are evaluations: both losses are means over `eval_iters` batches.  `iter`
lines give the loss of the last micro-batch; their time includes an evaluation or a
checkpoint made just before.  Old versions print no mfu.
"""

from parsers.shape import Format, line


_F = rb"(?:[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf))"

EVALUATION = line(
    "step N: train loss, val loss",
    rb"\bstep (?P<step>\d+): train loss (?P<train_loss>" + _F + rb"), "
    rb"val loss (?P<val_loss>" + _F + rb")",
    needs=(b"train loss", b"val loss"),
)

NANOGPT = Format(
    name="nanogpt",
    written_by="karpathy/nanoGPT train.py",
    samples=(
        "step 0: train loss 4.3480, val loss 4.3422",
        "iter 10: loss 3.1820, time 35.78ms, mfu 10.41%",
    ),
    shapes=(
        line(
            "iter N: loss, time, mfu",
            rb"\biter (?P<step>\d+): loss (?P<loss>" + _F + rb")"
            rb"(?:, time (?P<iter_ms>" + _F + rb")ms)?(?:, mfu (?P<mfu>" + _F + rb")%)?",
            needs=(b"iter ", b": loss "),
        ),
        EVALUATION,
    ),
)
