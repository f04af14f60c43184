"""The tutorials of PyTorch, and the many scripts that began as one of them.

    loss: 2.303494  [   64/60000]                               (quickstart)
     Accuracy: 50.1%, Avg loss: 2.150612
    1m 30s (- 20m 10s) (5000 6%) 2.8512                         (translation)
    5000 5% (0m 7s) 2.1234 Rovnyak / Czech (Russian)            (names)
    0m 21s (5000 5%) 2.5282                                     (names, generation)

The first counts examples within the epoch that stands above; the axis counts on.
"""

from typing import Final

from parsers.format import Format, LinePattern, line
from parsers.keyvalue.heads import epoch_alone
from parsers.metrics import ANY_LOSS
from parsers.patterns import MAX_STEPS, STEP, named


_TIME: Final = rb"(?:\d+h )?\d+m \d+s"
_LOSS: Final = named("loss", rb"\d+\.\d{4}(?!\d)")

PYTORCH_TUTORIALS = Format(
    name="pytorch_tutorials",
    units=ANY_LOSS,
    written_by="scripts after the tutorials of PyTorch",
    samples=(
        "Epoch 1",
        "loss: 2.303494  [   64/60000]",
        " Accuracy: 50.1%, Avg loss: 2.150612",
        "1m 30s (- 20m 10s) (5000 6%) 2.8512",
        "5000 5% (0m 7s) 2.1234 Rovnyak / Czech (Russian)",
    ),
    patterns=(
        LinePattern("Epoch N", epoch_alone, step="none", hit=False),
        line(
            "loss: [N/N]",
            rb"^loss: "
            + named("loss")
            + rb" {1,9}\[ {0,9}"
            + STEP
            + rb"/ {0,9}"
            + MAX_STEPS
            + rb"\]\s*$",
            needs=(b"loss: ", b"[", b"/"),
        ),
        line(
            "Accuracy, Avg loss",
            rb"^\s{0,9}Accuracy: "
            + named("val_accuracy")
            + rb"%, Avg loss: "
            + named("val_loss"),
            needs=(b"Accuracy: ", b"%, Avg loss: "),
            scale={"val_accuracy": 0.01},
            step="epoch end",
        ),
        line(
            "time (step percent) loss",
            rb"^"
            + _TIME
            + rb" (?:\(- "
            + _TIME
            + rb"\) )?\("
            + STEP
            + rb" \d+%\) "
            + _LOSS,
            needs=(b"m ", b"s (", b"%) "),
        ),
        line(
            "step percent (time) loss",
            rb"^" + STEP + rb" \d+% \(" + _TIME + rb"\) " + _LOSS + rb" .{1,99} / ",
            needs=(b"% (", b"s) ", b" / "),
        ),
    ),
)
