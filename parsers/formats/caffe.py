"""Caffe, and frameworks that kept its lines.

I0101 10:00:01.1  1400 solver.cpp:228] Iteration 100, loss = 0.312
I0101 10:00:01.1  1400 solver.cpp:228] Iteration 100 (12.3 iter/s, 8s/100 iters), loss
I0101 10:00:02.1  1400 solver.cpp:337] Iteration 100, Testing net (#0)
I0101 10:00:03.1  1400 solver.cpp:404]     Test net output #1: loss = 0.41 (* 1 = ...
I0101 10:00:03.1  1400 sgd_solver.cpp:106] Iteration 100, lr = 0.01
"""

from typing import Final

from parsers.format import Format, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import STEP, named


_ITERATION: Final = rb"\] *Iteration " + STEP + rb"(?: \([^()]{1,60}\))?, "

CAFFE = Format(
    name="caffe",
    units=ANY_LOSS,
    written_by="Caffe",
    samples=(
        "I0101 10:00:01.1  1400 solver.cpp:228] Iteration 100, loss = 0.312",
        "I0101 10:00:02.1  1400 solver.cpp:337] Iteration 100, Testing net (#0)",
        "I0101 10:00:03.1  1400 solver.cpp:404]     Test net output #1: loss = 0.41",
        "I0101 10:00:03.1  1400 solver.cpp:404]     Test net output #0: accuracy = 0.9",
        "I0101 10:00:03.1  1400 sgd_solver.cpp:106] Iteration 100, lr = 0.01",
    ),
    patterns=(
        line(
            "Iteration N, loss =",
            _ITERATION + rb"loss = " + named("loss"),
            needs=(b"Iteration ", b"loss = "),
        ),
        line(
            "Iteration N, Testing net",
            _ITERATION + rb"Testing net \(#",
            needs=(b"Iteration ", b"Testing net"),
            step="none",
            hit=False,
        ),
        line(
            "Test net output: loss",
            rb"\bTest net output #\d+: [\w/]{0,32}loss\d{0,4} = " + named("val_loss"),
            needs=(b"Test net output ", b"loss"),
            step="previous",
            once=True,
        ),
        line(
            "Test net output: accuracy",
            rb"\bTest net output #\d+: [\w/]{0,32}accuracy\w{0,16} = "
            + named("val_accuracy"),
            needs=(b"Test net output ", b"accuracy"),
            step="previous",
            once=True,
        ),
        line(
            "Iteration N, lr =",
            _ITERATION + rb"lr = " + named("lr"),
            needs=(b"Iteration ", b"lr = "),
            hit=False,
        ),
    ),
)
