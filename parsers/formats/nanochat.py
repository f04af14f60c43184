"""karpathy/nanochat: `base_train`, `mid_train`, `chat_sft` and `chat_rl`.

    Step 00000 | Validation bpb: 3.2987
    step 00000/21400 (0.00%) | loss: 11.090355 | lrm: 1.00 | dt: 18285.05ms | ...
    step 00001 (0.28%) | loss: 1.284350 | lrm: 0.00 | dt: 15133.87ms | ...
    Step 00000/00651 | Training loss: 0.956052| lrm: 1.000000| num_tokens: 15,432
    Step 00000 | Validation loss: 1.079310
    Step 02000 | CORE metric: 0.1375
    Step 00049 | ChatCORE: 0.0013 | ChatCORE_cat: 0.0027

The loss is a moving average (0.9, bias corrected); validation is in bits per byte, but
in nats in `chat_sft` of 2025.  Stages follow each other in one log, each from step 0.
The loss of `chat_rl` is a policy's and no point; its reward is.  The derivative
nanoswe prints `step 000000 | loss 10.398465 | lrm 0.0250 | dt_ms 49837.6`.
"""

from parsers.format import Format, line
from parsers.patterns import GROUPED, MAX_STEPS, START, STEP, later, named


_STEP = START + rb"[Ss]tep:? +" + STEP + rb"(?:/" + MAX_STEPS + rb")?"
LOSS = (
    START
    + rb"step:? +"
    + STEP
    + rb"(?:/"
    + MAX_STEPS
    + rb")?(?: \(\s*[\d.]+%\))? \| loss:? "
    + named("loss")
    + later(rb"\bgrad[ _]norm:? " + named("grad_norm"))
    + rb".{0,99}?\blrm:? "
    + named("lr_scale")
    + later(rb"\bdt(?:: |_ms:? )" + named("iter_ms"))
    + later(rb"\btok/sec: " + named("tokens_per_s", GROUPED))
    + later(rb"(?<![a-z\d]_)(?:[a-z]+\d+_)?mfu: " + named("mfu"))
    + later(START + rb"epoch: " + named("epoch"))
)
_MINUTE_MS = 60_000.0

NANOCHAT = Format(
    name="nanochat",
    written_by="karpathy/nanochat scripts",
    samples=(
        (
            "step 00000/21400 (0.00%) | loss: 11.090355 | grad norm: 0.4282 | lrm: 1.00"
            " | dt: 18285.05ms | tok/sec: 14,336 | mfu: 2.53 | total time: 0.00m"
        ),
        "Step 00000/00651 | Training loss: 0.956052| lrm: 1.000000| num_tokens: 15,432",
        "Step 00000 | Validation bpb: 3.2987",
        "Step 00000 | Validation loss: 1.079310",
        "Step 02000 | CORE metric: 0.1375",
        "Step 00049 | ChatCORE: 0.0013 | ChatCORE_cat: 0.0027",
        "Step 3/467 | Average reward: 0.25 | Average sequence length: 181.50",
    ),
    averaged=("loss",),
    patterns=(
        line(
            "step N/M | loss | lrm | dt | tok/sec | mfu",
            LOSS + later(rb"\btotal time: " + named("train_time_ms") + rb"m"),
            needs=(b"step", b" | loss", b"lrm"),
            scale={"train_time_ms": _MINUTE_MS},
        ),
        line(
            "Step N/M | Training loss | lrm",
            _STEP
            + rb" \| Training loss: "
            + named("loss")
            + later(rb"\blrm: " + named("lr_scale")),
            needs=(b"tep", b" | Training loss: "),
        ),
        line(
            "Step N | Validation bpb",
            _STEP
            + rb" \| (?:Validation |val[ _])bpb:? "
            + named("val_bpb")
            + later(rb"\beval time: " + named("eval_ms") + rb"ms"),
            needs=(b"tep", b"bpb"),
        ),
        line(
            "Step N | Validation loss",
            _STEP + rb" \| (?:Validation |val[ _])loss:? " + named("val_loss"),
            needs=(b"tep", b" loss: "),
        ),
        line(
            "Step N | CORE metric",
            _STEP + rb" \| CORE metric: " + named("core"),
            needs=(b"tep", b" | CORE metric: "),
        ),
        line(
            "Step N | ChatCORE",
            _STEP + rb" \| ChatCORE(?: metric)?: " + named("chatcore"),
            needs=(b"tep", b" | ChatCORE"),
        ),
        line(
            "Step N/M | Average reward",
            _STEP + rb" \| Average reward: " + named("reward"),
            needs=(b"tep", b" | Average reward: "),
        ),
    ),
)
