"""Marian NMT.

    [...] Ep. 1 : Up. 1000 : Sen. 64,000 : Cost 6.512 : Time 30.2s : 2001.0 words/s
    [...] [valid] Ep. 1 : Up. 5000 : cross-entropy : 123.41 : new best
    [...] [valid] Ep. 1 : Up. 5000 : bleu : 23.41 : stalled 1 times

The step is the number of updates.  Of several cross entropies the first counts.
"""

from typing import Final

from parsers.format import Format, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import STEP, later, named


_VALID: Final = rb"\[valid\] Ep\. [\d.]+ : Up\. " + STEP + rb" : "

MARIAN = Format(
    name="marian",
    units=ANY_LOSS,
    written_by="Marian NMT",
    samples=(
        "[2024-03-01 10:00:01] Ep. 1 : Up. 1000 : Sen. 64,000 : Cost 6.512 : Time",
        "[2024-03-01 10:05:01] [valid] Ep. 1 : Up. 5000 : cross-entropy : 123.41 : new",
        "[2024-03-01 10:05:02] [valid] Ep. 1 : Up. 5000 : bleu : 23.41 : new best",
    ),
    patterns=(
        line(
            "Ep. N : Up. N : Cost",
            rb"\bEp\. "
            + named("epoch")
            + rb" : Up\. "
            + STEP
            + rb" : .{0,200}?\bCost "
            + named("loss")
            + later(rb": gNorm " + named("grad_norm"))
            + later(rb": L\.r\. " + named("lr")),
            needs=(b"Ep. ", b"Up. ", b"Cost "),
        ),
        line(
            "[valid] cross-entropy",
            _VALID + rb"(?:cross-entropy|ce-mean-words|ce-mean) : " + named("val_loss"),
            needs=(b"[valid] Ep. ",),
            once=True,
        ),
        line(
            "[valid] perplexity",
            _VALID + rb"perplexity : " + named("val_ppl"),
            needs=(b"[valid] Ep. ", b"perplexity"),
        ),
        line(
            "[valid] bleu",
            _VALID + rb"bleu(?:-detok|-segmented)? : " + named("val_bleu"),
            needs=(b"[valid] Ep. ", b"bleu"),
            once=True,
        ),
    ),
)
