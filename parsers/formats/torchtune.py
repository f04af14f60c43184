"""pytorch/torchtune `StdoutLogger` and `DiskLogger` (2024 to 2025).

    Step 1 | loss:2.085338592529297 lr:2e-05 tokens_per_second_per_gpu:57.8288

The step is an optimizer step.  A terminal shows it as the description of a bar, which
is drawn again and again, at times with the description of the step before:

    1|10|Loss: 2.0853383:   1%|    | 10/1617 [00:05<2:30:00,  5.57s/it]
"""

from typing import Final

from parsers.format import Format, line
from parsers.keyvalue.pairs import pairs
from parsers.patterns import STEP, named


_KEYS: Final = {
    b"loss": "loss",
    b"lr": "lr",
    b"grad_norm": "grad_norm",
    b"tokens_per_second_per_gpu": "tokens_per_s",
    b"tokens_per_second": "tokens_per_s",
    b"peak_memory_active": "memory_mib",
    b"peak_memory_alloc": "memory_mib",
}

TORCHTUNE = Format(
    name="torchtune",
    written_by="pytorch/torchtune",
    samples=(
        (
            "Step 1 | loss:2.085338592529297 lr:2e-05 "
            "tokens_per_second_per_gpu:57.828881833956174 "
        ),
        "Step 100 | val_loss:1.973 ",
        "1|10|Loss: 2.0853383:   1%|    | 10/1617 [00:05<2:30:00,  5.57s/it]",
    ),
    patterns=(
        pairs(
            "Step N | loss:",
            rb"\bStep " + STEP + rb" \| \w[\w/]*:\S",
            _KEYS,
            needs=(b"Step ", b" | ", b"loss:"),
            scale={"memory_mib": 1024},
        ),
        pairs(
            "Step N | val_loss:",
            rb"\bStep " + STEP + rb" \| \w[\w/]*:\S",
            {b"val_loss": "val_loss"},
            must=("val_loss",),
            needs=(b"Step ", b" | ", b"val_loss:"),
        ),
        line(
            "E|N|Loss: of a bar",
            rb"(?<![\w|])\d+\|" + STEP + rb"\|Loss: +" + named("loss") + rb":",
            needs=(b"|Loss: ",),
            once=True,
        ),
    ),
)
