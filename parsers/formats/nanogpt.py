"""karpathy/nanoGPT `train.py` (and its many forks, bench and gptwatch's trainer).

    step 0: train loss 4.3480, val loss 4.3422
    iter 0: loss 4.3206, time 17491.39ms, mfu -100.00%
    iter 10: loss 3.1820, time 35.78ms, mfu 10.41%

`step` lines are evaluations: both losses are means over `eval_iters` batches.  `iter`
lines give the loss of the last micro-batch; their time includes an evaluation or a
checkpoint made just before.  Old versions print no mfu.  Forks print

    [train] iter 10: loss 8.8782 9905 ms/iter
    [eval] iter 0: train 9.8523 val 9.8482 lr 7.50e-07
    [step 200] val loss: 1.6652
    step 500: train loss 2.5476382, val loss 2.5570214, mem 838.6 MiB @ 00 00:01:01
"""

from parsers.format import Format, line
from parsers.patterns import MAX_STEPS, START, STEP, later, named


_OF = rb"(?:/" + MAX_STEPS + rb")?"
_LR = later(rb"\blr[:=]? ?" + named("lr"))

EVALUATION = line(
    "step N: train loss, val loss",
    START
    + rb"[Ss]tep +"
    + STEP
    + _OF
    + rb": train loss "
    + named("train_loss")
    + rb"(?: \([^()]*\))?, val(?:idation)? loss "
    + named("val_loss")
    + later(rb"\bval acc(?:uracy)? " + named("val_accuracy"))
    + _LR
    + later(rb"\bmem " + named("memory_mib") + rb" MiB"),
    needs=(b"tep ", b": train loss "),
)

NANOGPT = Format(
    name="nanogpt",
    written_by="karpathy/nanoGPT train.py",
    averaged=("mfu",),  # a running mean: 0.9 old, 0.1 new
    samples=(
        "step 0: train loss 4.3480, val loss 4.3422",
        "iter 10: loss 3.1820, time 35.78ms, mfu 10.41%",
        "[eval] iter 0: train 9.8523 val 9.8482 lr 7.50e-07",
        "[step 200] val loss: 1.6652",
        'gptwatch: {"event": "stats", "step": 100, "lr": 0.001, "grad_norm": 1.5}',
        'gptwatch: {"event": "eval", "step": 100, "eval_ms": 820.5}',
        'gptwatch: {"event": "end", "reason": "max_iters", "step": 401}',
    ),
    patterns=(
        line(
            "iter N: loss, time, mfu",
            START
            + rb"iter "
            + STEP
            + _OF
            + rb": loss "
            + named("loss")
            # a fork puts these before the time, others after it
            + later(rb"\bgrad[ _]?norm:? " + named("grad_norm"))
            + rb"(?:, lr "
            + named("lr__before")
            + rb"(?=, ))?"
            + later(
                rb"(?:\btime:? "
                + named("iter_ms")
                + rb" ?ms\b|\btime:? "
                + named("iter_ms__s")
                + rb" ?s\b| "
                + named("iter_ms__rate")
                + rb" ms/iter\b)"
            )
            + later(rb"\bmfu:? " + named("mfu") + rb"%")
            + _LR,
            needs=(b"iter ", b": loss "),
            scale={"iter_ms__s": 1_000.0},
        ),
        EVALUATION,
        line(
            "[eval] iter N: train, val",
            rb"\[eval\] iter "
            + STEP
            + rb": train "
            + named("train_loss")
            + rb" val "
            + named("val_loss")
            + later(rb"\blr " + named("lr")),
            needs=(b"[eval] iter ",),
        ),
        line(
            "step N: val loss",
            START
            + rb"step "
            + STEP
            + _OF
            + rb"(?:\]|:|\]:) val loss:? "
            + named("val_loss"),
            needs=(b"step ", b" val loss"),
        ),
        # What gptwatch's own trainer adds, on lines that nanoGPT's readers skip.
        line(
            "gptwatch: stats",
            rb'^gptwatch: \{"event": "stats", "step": '
            + STEP
            + later(rb'"lr": ' + named("lr"))
            + later(rb'"grad_norm": ' + named("grad_norm"))
            + later(rb'"tok_s": ' + named("tokens_per_s"))
            + later(rb'"epoch": ' + named("epoch")),
            needs=(b'gptwatch: {"event": "stats"',),
            hit=False,
        ),
        line(
            "gptwatch: eval",
            rb'^gptwatch: \{"event": "eval", "step": '
            + STEP
            + rb', "eval_ms": '
            + named("eval_ms"),
            needs=(b'gptwatch: {"event": "eval"',),
            hit=False,
        ),
        line(
            "gptwatch: other events",
            rb'^gptwatch: \{"event": "\w+".{0,40}"step": ' + STEP,
            needs=(b'gptwatch: {"event": "',),
            step="none",
            hit=False,
        ),
    ),
)
