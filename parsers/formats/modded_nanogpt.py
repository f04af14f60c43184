"""KellerJordan/modded-nanogpt records and openai/parameter-golf, their relative.

    step:0/6000 val_loss:11.0149 train_time:305ms step_avg:nanms
    step:1/6000 train_loss:11.0091 train_time:24179ms step_avg:nanms
    step:1/1480 train_time:29246ms step_avg:nanms
    step:125/3350 val_loss:4.66393 train_time:22.870s step_avg:182.95ms
    step:0/20000 val_loss:6.9370 val_bpb:4.0978 train_time:0ms step_avg:0.01ms

The source of the script stands first, with f-strings that look like such lines.  The
step counts updates made.  Since 2024-12 there is no training loss (lines with times
alone give the times); the third track prints seconds.  Both formats read the lines of
both, for a log may begin anywhere: what they differ in decides which.

Parameter-golf ends with losses after quantisation or test-time training, which are no
points: they have no `step:`.  Its variants print

    step:1000/100000 loss:3.5850 t:51774ms step_avg:51.8ms
    1/20000 train_loss: 9.0087 train_time: 0.0m tok/s: 17453577
"""

from parsers.format import Format, LinePattern, line
from parsers.patterns import COUNT, HEAD, MAX_STEPS, START, STEP, later, named


_FINITE = rb"\d+(?:\.\d+)?"
_STEP = (
    START
    + rb"step:\s?"
    + STEP
    + rb"(?:/"
    + MAX_STEPS
    + rb")?,?\s+(?:tokens seen: \S+ )?"
)
_TIMES = (
    later(
        rb"\b(?:train_time|time|t):\s?(?:"
        + named("train_time_ms", _FINITE)
        + rb"ms|"
        + named("train_time_ms__s", _FINITE)
        + rb"s|"
        + named("train_time_ms__m", _FINITE)
        + rb"m)\b"
    )
    + later(rb"\bstep_avg:\s?" + named("step_avg_ms", _FINITE) + rb"ms")
    + later(rb"\btok[/_]s:\s?" + named("tokens_per_s"))
)
_SCALE = {"train_time_ms__s": 1_000.0, "train_time_ms__m": 60_000.0}
_VAL_LOSS = rb"val_loss:\s?" + named("val_loss") + rb"(?![\w.])"
_VAL_BPB = rb"[ ,|]+val_bpb:\s?" + named("val_bpb")


def _both(*, hit: bool) -> LinePattern:
    return line(
        "step:N/M val_loss val_bpb",
        _STEP + _VAL_LOSS + _VAL_BPB + _TIMES,
        needs=(b"step:", b"val_loss:", b"val_bpb:"),
        scale=_SCALE,
        hit=hit,
    )


def _plain(*, hit: bool) -> LinePattern:
    return line(
        "step:N/M val_loss",
        _STEP
        + _VAL_LOSS
        + rb"(?: val_avg_loss:"
        + named("val_avg_loss")
        + rb")?(?: val_ema_loss:"
        + named("val_ema_loss")
        + rb")?"
        + _TIMES,
        needs=(b"step:", b"val_loss:"),
        scale=_SCALE,
        hit=hit,
    )


_TRAIN = line(
    "step:N/M train_loss",
    _STEP
    # Others print `step: 5 loss: 3.2` too.
    + rb"(?:train_|(?=loss:\s?\S.{0,999}?\s(?:train_time|time|t|step_avg):))loss:\s?"
    + named("loss")
    + rb"(?![\w.])"
    + later(rb"\b" + _VAL_LOSS + rb"(?:" + _VAL_BPB + rb")?")
    + _TIMES,
    needs=(b"step:", b"loss:"),
    scale=_SCALE,
)
_CLOCK = line(
    "step:N/M train_time",
    _STEP + rb"(?=train_time:\s?\d)" + _TIMES,
    needs=(b"step:", b" train_time:"),
    scale=_SCALE,
)
# No training, but it identifies the program.  What it counts is of no use.
_WARMUP = line(
    "warmup_step:N/M",
    START + rb"warmup_step:" + named("epoch_no", COUNT) + rb"/",
    needs=(b"warmup_step:",),
    step="none",
)

_BARE = HEAD + STEP + rb"/" + MAX_STEPS + rb" "
_BARE_TRAIN = line(
    "N/M train_loss",
    _BARE + rb"train_loss: ?" + named("loss") + _TIMES,
    needs=(b" train_loss:",),
    scale=_SCALE,
)
_BARE_VALIDATION = line(
    "N/M val_loss val_bpb",
    _BARE + rb"val_loss: " + named("val_loss") + rb" val_bpb: " + named("val_bpb"),
    needs=(b" val_loss: ", b" val_bpb: "),
)

MODDED_NANOGPT = Format(
    name="modded_nanogpt",
    written_by="KellerJordan/modded-nanogpt train_gpt.py",
    samples=(
        "step:0/6000 val_loss:11.0149 train_time:305ms step_avg:nanms",
        "step:125/3350 val_loss:4.66393 train_time:22.870s step_avg:182.95ms",
        "step:1/6000 train_loss:11.0091 train_time:24179ms step_avg:nanms",
        "step:11/1480 train_time:29246ms step_avg:139.83ms",
        "step:0/1480 val_loss:6.9370 val_bpb:4.0978 train_time:0ms step_avg:0.01ms",
    ),
    patterns=(_both(hit=False), _plain(hit=True), _TRAIN, _CLOCK),
)

PARAMETER_GOLF = Format(
    name="parameter_golf",
    written_by="openai/parameter-golf train_gpt.py",
    samples=(
        "step:0/20000 val_loss:6.9370 val_bpb:4.0978 train_time:0ms step_avg:0.01ms",
        "step:1/20000 train_loss:6.9408 train_time:24ms step_avg:23.99ms",
        "step:1000/100000 loss:3.5850 t:51774ms step_avg:51.8ms",
        "step:20000/20000 val_loss:2.0727 train_time:600038ms",
        "step:20000/20000 train_time:600038ms step_avg:30.00ms",
        "1/20000 train_loss: 9.0087 train_time: 0.0m tok/s: 17453577",
        "warmup_step:1/20",
        "500/20000 val_loss: 3.4321 val_bpb: 2.0331",
    ),
    patterns=(
        _both(hit=True),
        _plain(hit=False),
        _TRAIN,
        _CLOCK,
        _WARMUP,
        _BARE_TRAIN,
        _BARE_VALIDATION,
    ),
)
