"""Lightning-AI/litgpt `pretrain` and `finetune` (lit-gpt in 2023).

    Epoch 1 | iter 2 step 1 | loss train: 1.660, val: n/a | iter time: 548.72 ms (step)
    iter 1760 | step 220: loss 1.5947, iter time: 263.85 ms (optimizer.step)
    iter 4800: val loss 1.7258, val time: 3778.02 ms          (`step 4800:` in 2023)
    Final evaluation | val loss: 1.698 | val ppl: 5.463

An iteration is a micro-batch; the step is the optimizer's and stays for several.  The
training loss is a running mean.  `val:` repeats the last validation, which had a line
of its own before: it counts only where it changes to what no such line stated.
"""

from parsers.format import Format, line
from parsers.patterns import START, STEP, later, named


LITGPT = Format(
    name="litgpt",
    written_by="Lightning-AI/litgpt pretrain, finetune",
    samples=(
        "Epoch 1 | iter 2 step 1 | loss train: 1.660, val: n/a | iter time: 548.72 ms",
        "iter 1760 | step 220: loss 1.5947, iter time: 263.85 ms (optimizer.step)",
        "iter 4800: val loss 1.7258, val time: 3778.02 ms",
        "Final evaluation | val loss: 1.698 | val ppl: 5.463",
    ),
    averaged=("loss",),
    patterns=(
        line(
            "Epoch E | iter N step N | loss train: | iter time:",
            START
            + rb"iter \d+ step "
            + STEP
            + rb" \| loss train: "
            + named("loss")
            + rb"(?:, val: "
            + named("val_loss")
            + rb")?"
            + later(rb"\bgrad_norm: " + named("grad_norm"))
            + later(rb"\biter time: " + named("iter_ms") + rb" ?ms")
            + later(rb"\blr: " + named("lr")),
            needs=(b"iter ", b" | loss train: "),
            fresh=("val_loss",),
            restates=3,
        ),
        line(
            "iter N | step N: loss, iter time:",
            START
            + rb"iter \d+(?: \|)? step "
            + STEP
            + rb"(?::| \|) loss:? "
            + named("loss")
            + later(rb"\biter time: " + named("iter_ms") + rb" ?ms"),
            needs=(b"iter ", b" step ", b" loss"),
        ),
        line(
            "iter N: val loss, val time",
            # This number counts micro-batches, the axis steps.
            START
            + rb"(?:iter|step) \d+: val loss "
            + named("val_loss")
            + later(rb"\bval time: " + named("eval_ms") + rb" ?ms"),
            needs=(b": val loss ",),
            step="previous",
        ),
        line(
            "Final evaluation | val loss: | val ppl:",
            START
            + rb"Final evaluation \| val loss: "
            + named("val_loss")
            + later(rb"\bval ppl: " + named("val_ppl")),
            needs=(b"Final evaluation | val loss: ",),
            step="previous",
        ),
    ),
)
