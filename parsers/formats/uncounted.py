"""Training loops that print no counter at all: neither step nor epoch.

    train loss = 1.2836
    loss: 1.4166, Performance is better... saving the model
    2025-11-02 10:00:11,120 - train - INFO - rl_loss: -0.0031, time: 41.5

The records are numbered as they come, training and validation each by itself.
"""

import re
from typing import Final

from parsers.format import Fields, Format, LinePattern
from parsers.formats.keyvalue import MEANS, TESTS, is_bare, of_validation
from parsers.keyvalue.freeform import statement
from parsers.keyvalue.units import SCALE
from parsers.metrics import ANY_LOSS


# Fewer such lines are a report, not a curve.
_LEAST: Final = 3
# `    loss = 0.5` is a statement of a program.
_ASSIGNED: Final = re.compile(rb"^[ \t]++[\w.]++ = [-+.\de]++\s*+")


def _of_training(text: bytes) -> Fields | None:
    if _ASSIGNED.fullmatch(text):
        return None
    stated = statement(text)
    if stated is None or not is_bare(stated) or not stated.curve or stated.test:
        return None
    return stated.fields()


def _of_validation(text: bytes) -> Fields | None:
    return None if _ASSIGNED.fullmatch(text) else of_validation(text)


UNCOUNTED = Format(
    name="uncounted",
    units=ANY_LOSS,
    written_by="home-made loops without a counter: records are numbered as they come",
    samples=(
        "train loss = 1.2836",
        "loss: 1.4166, Performance is better... saving the model",
    ),
    patterns=(
        LinePattern(
            "validation loss",
            _of_validation,
            step="count",
            scale=SCALE,
            stands_in=TESTS,
        ),
        LinePattern("loss", _of_training, step="count", scale=SCALE, stands_in=MEANS),
    ),
    weight=0.0002,  # any log with a counter is read with it
    least=_LEAST,
)
