"""karpathy/llm.c: stdout of its trainers, and their `main.log`.

`train_gpt2.cu` and `train_gpt2.py`, 2024-07 and older:

    val loss 11.008742
    step    1/19560 | loss 11.010252 (+nanz)| norm 15.1374 (+nanz)| lr 8.57e-07 | ...
    HellaSwag: 2500/10042 = 0.248954
    step    1/74: train loss 4.367631 norm 2.1 lr 1e-04 (80.6 ms, 50800 tok/s)

The step counts the updates from 1, and what has no step was measured after the last
one printed.  z-scores are no losses.  A loss that is not a number is padded:
`loss     nan (+nanz)`.

`main.log` (`llmc/logger.h`; also modded-nanogpt until 2024-07) counts from 0; `tel`
is the validation loss, `eval` the accuracy on HellaSwag:

    s:0 tel:11.0092
    s:0 trl:11.0091 lr:0.000001 norm:15.37
    s:250 eval:0.2437

`train_gpt2.c` (CPU) counts from 0 and evaluates before the update it prints next:

    val loss 6.444646
    step 0: train loss 4.845659 (took 2141 ms)
"""

from parsers.format import Format, line
from parsers.patterns import HEAD, MAX_STEPS, START, STEP, later, named


# Many others print `step 1/10 | loss 3.2 |`; a job that dies may cut the line.
_NEXT = rb"(?= *+(?:\((?:[-+][\dn]|acc |[\d.]+ ms)|\|? *norm |[^ |]*$))"
_VALIDATION = HEAD + rb"val loss " + named("val_loss") + rb"\s*$"

STDOUT = Format(
    name="llmc",
    written_by="karpathy/llm.c train_gpt2.cu, train_gpt2.py",
    samples=(
        (
            "step    1/19560 | loss 11.010252 (+nanz)| norm 15.1374 (+nanz)"
            "| lr 8.57e-07 | 4621.47 ms | 29.2% bf16 MFU | 113446 tok/s"
        ),
        "val loss 11.008742",
        "HellaSwag: 2500/10042 = 0.248954",
    ),
    patterns=(
        line(
            "step N/M | loss | norm | lr | ms | MFU | tok/s",
            START
            + rb"step +"
            + STEP
            + rb"/"
            + MAX_STEPS
            + rb"(?: \||:) (?:train )?loss +"
            + named("loss")
            + _NEXT
            + later(rb"\(acc " + named("accuracy") + rb"\)")
            + later(rb"\bnorm +" + named("grad_norm"))
            + later(rb"\blr +" + named("lr"))
            + later(rb"(?:[(|]) ?" + named("iter_ms") + rb" ms\b")
            + later(rb"[|,] *" + named("mfu") + rb"% [^|]*?MFU")
            + later(rb"[|,] *" + named("tokens_per_s") + rb" tok/s"),
            needs=(b"step ", b"loss "),
        ),
        line(
            "val loss",
            _VALIDATION,
            needs=(b"val loss ",),
            step="previous",
            hit=False,  # others print such lines, too
        ),
        line(
            "HellaSwag",
            START + rb"HellaSwag: \d+/\d+ = " + named("hellaswag"),
            needs=(b"HellaSwag: ",),
            step="previous",
        ),
    ),
)

MAIN_LOG = Format(
    name="llmc_main_log",
    written_by="karpathy/llm.c main.log",
    samples=(
        "s:0 trl:11.0091 lr:0.000001 norm:15.37",
        "s:0 tel:11.0092",
        "s:250 eval:0.2437",
    ),
    patterns=(
        line(
            "s:N trl: lr: norm:",
            START
            + rb"s:"
            + STEP
            + rb" trl:"
            + named("loss")
            + rb"(?: lr:"
            + named("lr")
            + rb")?(?: norm:"
            + named("grad_norm")
            + rb")?",
            needs=(b"s:", b" trl:"),
        ),
        line(
            "s:N tel:",
            START + rb"s:" + STEP + rb" tel:" + named("val_loss"),
            needs=(b"s:", b" tel:"),
        ),
        line(
            "s:N eval:",
            START + rb"s:" + STEP + rb" eval:" + named("hellaswag"),
            needs=(b"s:", b" eval:"),
        ),
    ),
)

C_TRAINER = Format(
    name="llmc_cpu",
    written_by="karpathy/llm.c train_gpt2.c",
    samples=(
        "step 0: train loss 4.845659 (took 2141.000000 ms)",
        "val loss 6.444646",
    ),
    patterns=(
        line(
            "step N: train loss (took ms)",
            START
            + rb"step "
            + STEP
            + rb": train loss "
            + named("loss")
            + rb" \(took "
            + named("iter_ms")
            + rb" ms\)",
            needs=(b": train loss ", b" (took "),
        ),
        line(
            "val loss",
            _VALIDATION,
            needs=(b"val loss ",),
            step="next",
            hit=False,  # others print such lines, too
        ),
    ),
)
