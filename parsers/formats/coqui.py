"""Coqui TTS (and Mozilla TTS before it).

       --> TIME: 2023-01-01 10:00:00 -- STEP: 24/243 -- GLOBAL_STEP: 25
         | > loss: 2.31  (2.51)
         | > grad_norm: 0.51  (0.61)
         | > current_lr: 0.0001
      --> EVAL PERFORMANCE
         | > avg_loss: 2.11 (-0.21)

The number in parentheses is the mean of the epoch so far, or the change.
"""

from parsers.format import Format, LinePattern, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import STEP, named


def _field(key: bytes, metric: str, *, hit: bool = False) -> LinePattern:
    return line(
        f"| > {key.decode()}:",
        rb"\| > " + key + rb": ?" + named(metric),
        needs=(b"| > " + key,),
        step="previous",
        hit=hit,
    )


COQUI = Format(
    name="coqui",
    units=ANY_LOSS,
    written_by="Coqui TTS, Mozilla TTS",
    samples=(
        "   --> TIME: 2023-01-01 10:00:00 -- STEP: 24/243 -- GLOBAL_STEP: 25",
        "     | > loss: 2.31  (2.51)",
        "     | > avg_loss: 2.11 (-0.21)",
    ),
    patterns=(
        line(
            "GLOBAL_STEP:",
            rb"\bGLOBAL_STEP: " + STEP,
            needs=(b"GLOBAL_STEP: ",),
            step="none",
            hit=False,
        ),
        _field(b"loss", "loss", hit=True),
        _field(b"avg_loss", "val_loss", hit=True),
        _field(b"grad_norm", "grad_norm"),
        _field(b"current_lr", "lr"),
    ),
)
