"""Kaldi's neural networks: `nnet3` by minibatches, `nnet1` by iterations.

    LOG (nnet3-train[5.5]:PrintStatsForThisPhase():nnet-training.cc:270) Average
    objective function for 'output' for minibatches 0-9 is -2.345 over 12800 frames.
    ITERATION 01: TRAIN AVG.LOSS 2.1234, (lrate0.008), CROSSVAL AVG.LOSS 2.0123, ...

The objective is the logarithm of a probability: the loss is its negative.  Its step is
the last minibatch.  Other outputs than `output` only help it.
"""

from parsers.format import Format, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import STEP, named


KALDI = Format(
    name="kaldi",
    units=ANY_LOSS,
    written_by="Kaldi: nnet3-train, nnet-train-frmshuff",
    samples=(
        (
            "LOG (nnet3-train[5.5]:Print():nnet-training.cc:270) Average objective "
            "function for 'output' for minibatches 0-9 is -2.345 over 12800 frames."
        ),
        "ITERATION 01: TRAIN AVG.LOSS 2.1234, (lrate0.008), CROSSVAL AVG.LOSS 2.0123",
    ),
    patterns=(
        line(
            "minibatches",
            rb"\bAverage objective function for 'output' for minibatches \d+-"
            + STEP
            + rb" is "
            + named("loss")
            + rb" over ",
            needs=(b"objective function for 'output' for minibatches ",),
            scale={"loss": -1.0},
        ),
        line(
            "iteration",
            rb"\bITERATION "
            + STEP
            + rb": TRAIN AVG\.LOSS "
            + named("loss")
            + rb",? \(lrate"
            + named("lr")
            + rb"\),? CROSSVAL AVG\.LOSS "
            + named("val_loss"),
            needs=(b"CROSSVAL AVG.LOSS ",),
        ),
    ),
)
