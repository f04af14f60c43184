"""KellerJordan/modded-nanogpt records and openai/parameter-golf, their relative.

    step:0/6000 val_loss:11.0149 train_time:305ms step_avg:nanms
    step:1/6000 train_loss:11.0091 train_time:24179ms step_avg:nanms
    step:1/1480 train_time:29246ms step_avg:nanms
    step:125/3350 val_loss:4.66393 train_time:22.870s step_avg:182.95ms
    step:0/20000 val_loss:6.9370 val_bpb:4.0978 train_time:0ms step_avg:0.01ms

The source of the script stands first, with f-strings that look like such lines.  The
step counts updates made.  Since 2024-12 there is no training loss (lines with times
alone give the times); the third track prints seconds.  Both formats read the lines of
both, for a log may begin anywhere: what they differ in decides whose it is.

Parameter-golf ends with losses after quantisation or test-time training, which are no
points: they have no `step:`.  Its variants print

    step:1000/100000 loss:3.5850 t:51774ms step_avg:51.8ms
    1/20000 train_loss: 9.0087 train_time: 0.0m tok/s: 17453577
"""

from collections.abc import Mapping

from parsers.patterns import COUNT, MAX_STEPS, START, STEP, later, named
from parsers.shape import Format, Shape, line


_FINITE = rb"\d+(?:\.\d+)?"
_STEP = START + rb"step:\s?" + STEP + rb"(?:/" + MAX_STEPS + rb")?\s+"
_VAL = _STEP + rb"val_loss:\s?" + named("val_loss") + rb"(?![\w.])"
_BPB = rb"[ ,|]+val_bpb:\s?" + named("val_bpb")
_AVERAGES = (
    rb"(?: val_avg_loss:"
    + named("val_avg_loss")
    + rb")?(?: val_ema_loss:"
    + named("val_ema_loss")
    + rb")?"
)
_SPEED = later(
    START + rb"step_avg:\s?" + named("step_avg_ms", _FINITE) + rb"ms"
) + later(rb"\btok/s:\s?" + named("tokens_per_s"))
_UNITS: Mapping[bytes, float] = {b"ms": 1.0, b"s": 1_000.0, b"m": 60_000.0}


def _timed(
    name: str, pattern: bytes, *, needs: tuple[bytes, ...], hit: bool = True
) -> tuple[Shape, ...]:
    """A line with its training time, in whichever unit, or without."""
    clock = rb".*?\b(?:train_time|t):\s?" + named("train_time_ms", _FINITE)
    timed = tuple(
        line(
            f"{name} in {unit.decode()}",
            pattern + clock + unit + rb"\b" + _SPEED,
            needs=needs,
            scale={"train_time_ms": scale},
            hit=hit,
        )
        for unit, scale in _UNITS.items()
    )
    return (*timed, line(name, pattern + _SPEED, needs=needs, hit=hit))


def _validation(*, bpb_hit: bool, plain_hit: bool) -> tuple[Shape, ...]:
    return (
        *_timed(
            "step:N/M val_loss val_bpb",
            _VAL + _BPB,
            needs=(b"step:", b"val_loss:", b"val_bpb:"),
            hit=bpb_hit,
        ),
        *_timed(
            "step:N/M val_loss",
            _VAL + _AVERAGES,
            needs=(b"step:", b"val_loss:"),
            hit=plain_hit,
        ),
    )


_TRAIN = _timed(
    "step:N/M train_loss",
    _STEP + rb"(?:train_)?loss:\s?" + named("loss") + rb"(?![\w.])",
    needs=(b"step:", b"loss:"),
)
_CLOCK = line(
    "step:N/M train_time",
    _STEP + rb"train_time:" + named("train_time_ms", _FINITE) + rb"ms" + _SPEED,
    needs=(b"step:", b" train_time:"),
)

# No training, but it says whose log this is.  What it counts is of no use.
_WARMUP = line(
    "warmup_step:N/M",
    START + rb"warmup_step:" + named("epoch_no", COUNT) + rb"/",
    needs=(b"warmup_step:",),
    step="none",
)
_BARE = rb"(?:^|\s)" + STEP + rb"/" + MAX_STEPS + rb" "
_BARE_TRAIN = _timed(
    "N/M train_loss",
    _BARE + rb"train_loss: " + named("loss"),
    needs=(b" train_loss: ",),
)
_BARE_VALIDATION = line(
    "N/M val_loss val_bpb",
    _BARE + rb"val_loss: " + named("val_loss") + rb" val_bpb: " + named("val_bpb"),
    needs=(b" val_loss: ", b" val_bpb: "),
)

MODDED_NANOGPT = Format(
    name="modded-nanogpt",
    written_by="KellerJordan/modded-nanogpt train_gpt.py",
    samples=(
        "step:0/6000 val_loss:11.0149 train_time:305ms step_avg:nanms",
        "step:125/3350 val_loss:4.66393 train_time:22.870s step_avg:182.95ms",
        "step:1/6000 train_loss:11.0091 train_time:24179ms step_avg:nanms",
        "step:11/1480 train_time:29246ms step_avg:139.83ms",
    ),
    shapes=(*_validation(bpb_hit=False, plain_hit=True), *_TRAIN, _CLOCK),
)

PARAMETER_GOLF = Format(
    name="parameter-golf",
    written_by="openai/parameter-golf train_gpt.py",
    samples=(
        "step:0/20000 val_loss:6.9370 val_bpb:4.0978 train_time:0ms step_avg:0.01ms",
        "step:1/20000 train_loss:6.9408 train_time:24ms step_avg:23.99ms",
        "step:1000/100000 loss:3.5850 t:51774ms step_avg:51.8ms",
        "1/20000 train_loss: 9.0087 train_time: 0.0m tok/s: 17453577",
        "warmup_step:1/20",
        "500/20000 val_loss: 3.4321 val_bpb: 2.0331",
    ),
    shapes=(
        *_validation(bpb_hit=True, plain_hit=False),
        *_TRAIN,
        _CLOCK,
        _WARMUP,
        *_BARE_TRAIN,
        _BARE_VALIDATION,
    ),
)
