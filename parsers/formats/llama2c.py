"""karpathy/llama2.c `train.py`: nanoGPT's, with another line for an iteration.

    step 500: train loss 5.7373, val loss 5.9544
    500 | loss 6.0091 | lr 5.000000e-05 | 870067.53ms | mfu 0.19%

Derivatives print no mfu.
"""

from parsers.format import Format, line
from parsers.formats.nanogpt import EVALUATION
from parsers.patterns import HEAD, STEP, later, named


LLAMA_C = Format(
    name="llama2c",
    written_by="karpathy/llama2.c train.py",
    averaged=("mfu",),  # a running mean: 0.9 old, 0.1 new
    samples=(
        "500 | loss 6.0091 | lr 5.000000e-05 | 870067.53ms | mfu 0.19%",
        "step 500: train loss 5.7373, val loss 5.9544",
    ),
    patterns=(
        line(
            "N | loss | lr | time | mfu",
            # Many others print "step N | loss".
            HEAD
            + STEP
            + rb" \| loss "
            + named("loss")
            + rb" \| lr "
            + named("lr")
            + later(rb"\| " + named("iter_ms") + rb" ?ms")
            + later(rb"\bmfu " + named("mfu") + rb"%"),
            needs=(b" | loss ", b" | lr "),
        ),
        EVALUATION,
    ),
)
