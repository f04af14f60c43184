"""Home-made loops that print the step, or the epoch, on a line of its own.

    Epoch: 1/30
    Train Loss: 7.2979 - Train Perplexity: 1477.26
    Valid Loss: 6.5209 - Valid Perplexity: 679.21

What counts is a loss below such a line: settings and the lines of a server have heads
like them, and a few losses below one may be the settings of a program, too.
"""

import re
from typing import Final

from parsers.format import Fields, Format, LinePattern
from parsers.formats.keyvalue import MEANS, is_bare
from parsers.keyvalue.freeform import statement
from parsers.keyvalue.heads import epoch_as_step, step_alone
from parsers.keyvalue.items import ADVERSARIAL, POINTS
from parsers.keyvalue.normalise import english
from parsers.keyvalue.units import SCALE
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, STEP


# `---- [Epoch 0/100, Batch 20/500] ----`
_EPOCH_AND_BATCH: Final = re.compile(
    rb"(?i)^[\W_]{0,99}epoch (?P<epoch>"
    + COUNT
    + rb")(?:/\d{1,15}+)?+, (?:batch|step|iter(?:ation)?) "
    + STEP
    + rb"(?:/(?P<count_of>"
    + COUNT
    + rb"))?+[\W_]*+$"
)
# What makes a line of a block one of the record.
_BLOCK: Final = frozenset(POINTS | ADVERSARIAL)
# A single head with a loss is one of settings: `epoch: 100`, `loss: 0.5`.
_LEAST: Final = 2
# Such heads stand above progress bars too.
_WEIGHT: Final = 0.0005
_OPENS: Final = re.compile(
    rb"(?i)(?:^\W*+|[\]|>:-]\s++\W{0,9}+)(?:(?:average|avg|mean|total)\s+)?"
    rb"(?:(?:train|val|eval|dev|cross.entropy|[gd]|gen|disc)\w*\.?[ _/-])?"
    rb"(?:loss|reward|return|train|val|valid)\b"
    # a list of fields
    rb"|^\W{0,9}(?:\w{1,24}: [-+.\de]{1,24}, ){2,9}"
)


def _batch_alone(text: bytes) -> Fields | None:
    """An epoch and a batch of it that nothing follows."""
    found = _EPOCH_AND_BATCH.search(text)
    if found is None:
        return None
    spans = {g: found.span(g) for g in found.groupdict() if found.start(g) >= 0}
    spans["epoch_no"] = spans["epoch"]
    return [(group, *span) for group, span in spans.items()]


def _in_block(text: bytes) -> Fields | None:
    stated = statement(text)
    if (
        stated is None
        or not is_bare(stated)
        or stated.test
        or not _OPENS.search(english(text))
    ):
        return None
    return None if _BLOCK.isdisjoint(stated.metrics) else stated.fields()


_LOSS: Final = LinePattern(
    "loss", _in_block, step="previous", scale=SCALE, stands_in=MEANS
)

BLOCKS = Format(
    name="blocks",
    units=ANY_LOSS,
    written_by="home-made loops: the step on a line of its own",
    samples=(
        "Step 100/3000",
        "Train Loss: 7.2979 - Train Perplexity: 1477.26",
        "---- [Epoch 0/100, Batch 20/500] ----",
    ),
    patterns=(
        LinePattern("step", step_alone, step="none", hit=False),
        LinePattern("epoch, batch", _batch_alone, step="none", hit=False),
        _LOSS,
    ),
    weight=_WEIGHT,
    least=_LEAST,
)

EPOCH_BLOCKS = Format(
    name="epoch_blocks",
    epochs=True,
    units=ANY_LOSS,
    written_by="home-made loops: the epoch on a line of its own",
    samples=("Epoch: 1/30", "Train Loss: 7.2979 - Train Perplexity: 1477.26"),
    patterns=(LinePattern("epoch", epoch_as_step, step="none", hit=False), _LOSS),
    weight=_WEIGHT,
    least=_LEAST,
)
