"""Training loops that no known format claims, read by their keys.

    step 10 loss=3.2 val_loss=3.3
    Epoch 1, Global Batch 25, Training Loss: 8.1474, Validation Loss: 14.7734
    200 | loss 16.4 | lr 1e-4
    Train Epoch: 1 [640/60000 (1%)]  Loss: 2.250000
      [eval] step   48000 | val_loss 4.0749

What makes a line a point of the curve is a loss and a step.  With them come lines that
name an epoch alone, or a validation without a step: they belong to the step before.
A log without steps has epochs (see `parsers.formats.epochs`), or blocks:

    Epoch: 1/30
    Train Loss: 7.2979 - Train Perplexity: 1477.26
    Valid Loss: 6.5209 - Valid Perplexity: 679.21
"""

import re
from typing import Final

from parsers.format import Fields, Format, LinePattern, Locate, StepFrom, line
from parsers.keyvalue.freeform import Statement, statement
from parsers.keyvalue.items import ADVERSARIAL, POINTS
from parsers.keyvalue.normalise import english
from parsers.keyvalue.units import SCALE
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, MAX_STEPS, STEP, named


_TEST_SET: Final = re.compile(rb"(?i)^\s*test set:")
_HEAD: Final = re.compile(
    rb"(?i)\b(?:epoch|step|iter|iteration)[ :#=\[(]*"
    + STEP
    + rb"(?:\s*(?:/|of)\s*"
    + MAX_STEPS
    + rb")?[\W_]*"
    rb"(?:(?:summary|results?|metrics|stats|completed?|finished|done)\b[\W_]*"
    rb"|(?:(?:epoch|elapsed) )?(?:time|took)\b[ :=]*[\d.:hmsecin ]+[\W_]*)?$"
)
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
_AT: Final = (
    rb" (?:at|after)(?: (?:step|iter|iteration|batch|epoch))? +"
    + STEP
    + rb"(?: (?:steps?|iter(?:ation)?s?|batch(?:es)?|epochs?))? *[:=] *"
)
# A loss beside these is one of an evaluation.
_EVALUATED: Final = re.compile(
    rb"(?i)\b(?:m_?iou|mean ?iou?|meaniu|m?ap|psnr|ssim|early ?stopping|patience"
    rb"|performance)\b"
)
MEANS: Final = {"running_loss": "loss"}
TESTS: Final = {"test_loss": "val_loss"}
# What makes a line of a block one of the record.
_BLOCK: Final = frozenset(POINTS | ADVERSARIAL)
_HEAD_LONGEST: Final = 96
_PLAIN: Final = re.compile(rb"(?:.*[\]|:>-]\s)?[\W_]*")
_OPENS: Final = re.compile(
    rb"(?i)(?:^\W*+|[\]|>:-]\s++\W{0,9}+)(?:(?:average|avg|mean|total)\s+)?"
    rb"(?:(?:train|val|eval|dev|cross.entropy|[gd]|gen|disc)\w*\.?[ _/-])?"
    rb"(?:loss|reward|return|train|val|valid)\b"
    # a list of fields
    rb"|^\W{0,9}(?:\w{1,24}: [-+.\de]{1,24}, ){2,9}"
)


def _with_step(text: bytes) -> Fields | None:
    stated = statement(text)
    if stated is None or stated.step is None or not stated.curve:
        return None
    found = [*stated.fields(), ("step", *stated.step)]
    if stated.epoch is not None:
        # Steps may begin anew in each epoch, and their number may be that of one.
        found = [*found, ("epoch", *stated.epoch), ("epoch_no", *stated.epoch)]
        return [*found, *([("count_of", *stated.steps)] if stated.steps else [])]
    if stated.steps is None:
        return found
    return [*found, ("count_of" if stated.batched else "max_steps", *stated.steps)]


def _with_epoch(text: bytes) -> Fields | None:
    """The mean of an epoch, between lines with steps."""
    stated = statement(text)
    if stated is None or stated.step is not None or stated.epoch is None:
        return None
    kept = [f for f in stated.fields() if f[0].startswith(("val_", "epoch_loss"))]
    means = [n for n in ("running_loss", "loss") if n in stated.metrics]
    kept += [("epoch_loss", *stated.metrics[name][1]) for name in means[:1]]
    return [*kept, ("epoch", *stated.epoch)] if kept else None


def of_validation(text: bytes) -> Fields | None:
    """The losses of a validation that names neither step nor epoch."""
    found = _of_validation(text)
    losses = {"val_loss", "val_bpb", "test_loss"}
    return found if found and not losses.isdisjoint(f[0] for f in found) else None


def _of_validation(text: bytes) -> Fields | None:
    """Its figures, whether they are losses or not."""
    stated = statement(text)
    if stated is None or not is_bare(stated):
        return None
    fields = stated.fields()
    if "loss" in stated.metrics:
        if not _EVALUATED.search(text):
            return None
        fields = [("val_loss" if f[0] == "loss" else f[0], *f[1:]) for f in fields]
    kept = [f for f in fields if f[0].startswith("val_")]
    if stated.test and not _TEST_SET.search(text):
        return [("test_loss", *f[1:]) for f in kept if f[0] == "val_loss"]
    return kept or None


def _figures(text: bytes) -> Fields | None:
    """What else a line with a step states: figures of a validation, parts of a loss."""
    stated = statement(text)
    if stated is None or stated.step is None:
        return None
    kept = [f for f in stated.fields() if f[0].startswith(("val_", "discriminator_"))]
    return [*kept, ("step", *stated.step)] if kept else None


def _alone(text: bytes) -> Fields | None:
    """A step that nothing follows, behind a time and the like."""
    found = _HEAD.search(text) if len(text) <= _HEAD_LONGEST else None
    if found is None or not _PLAIN.fullmatch(text, 0, found.start()):
        return None
    groups = [g for g in ("step", "max_steps") if found.start(g) >= 0]
    return [(group, *found.span(group)) for group in groups]


def _batch_alone(text: bytes) -> Fields | None:
    """An epoch and a batch of it that nothing follows."""
    found = _EPOCH_AND_BATCH.search(text)
    if found is None:
        return None
    spans = {g: found.span(g) for g in found.groupdict() if found.start(g) >= 0}
    spans["epoch_no"] = spans["epoch"]
    return [(group, *span) for group, span in spans.items()]


def epoch_alone(text: bytes) -> Fields | None:
    """The epoch of the steps that follow."""
    found = _alone(text) if b"poch" in text.lower() else None
    span = {g: (b, e) for g, b, e in found or ()}.get("step")
    return [("epoch", *span), ("epoch_no", *span)] if span else None


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


def is_bare(stated: Statement) -> bool:
    """Whether a line names neither step nor epoch."""
    return stated.step is None and stated.epoch is None


def _pattern(name: str, locate: Locate, step: StepFrom, *, hit: bool) -> LinePattern:
    return LinePattern(name, locate, step=step, scale=SCALE, hit=hit)


VALIDATION: Final = LinePattern(
    "validation",
    _of_validation,
    step="epoch end",
    scale=SCALE,
    stands_in=TESTS,
    hit=False,
)

KEYVALUE = Format(
    name="keyvalue",
    units=ANY_LOSS,
    written_by="home-made loops: keys, numbers and a step in one line",
    samples=(
        "step 10 loss=3.2 val_loss=3.3",
        "INFO - Epoch 1, Global Batch 25, Training Loss: 8.1474, Validation Loss: 14.7",
        "200 | loss 16.4 | lr 1e-4 | 113.4k tok/s",
        "Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.250000",
        "  [eval] step   48000 | val_loss 4.0749",
        "Epoch 1 done, average training loss: 3.2",
        "Validation loss: 3.2142",
        "Average loss at step 2000: 4.36",
        "Validation loss at iteration 500: 4.21",
        "Epoch 5/20",
    ),
    patterns=(
        LinePattern(
            "step, loss",
            _with_step,
            scale=SCALE,
            stands_in=MEANS,
            distinct=True,
            ranks=True,
        ),
        line(
            "loss at step N:",
            rb"(?i)^(?!.*\b(?:best|lowest|test|eval\w*|val\w*)\b).*\b(?:loss|cost)"
            + _AT
            + named("loss"),
            needs=(b"s", b" a"),
        ),
        line(
            "validation loss at step N:",
            rb"(?i)^(?!.*\b(?:best|lowest)\b).*\b(?:eval\w*|val\w*) loss"
            + _AT
            + named("val_loss"),
            needs=(b"oss a",),
        ),
        LinePattern(
            "epoch, loss", _with_epoch, step="epoch end", scale=SCALE, hit=False
        ),
        VALIDATION,
        _pattern("epoch", epoch_alone, "none", hit=False),
        _pattern("step, figures", _figures, "line", hit=False),
    ),
    weight=0.25,  # a known program's lines are read by its own format
)

BLOCKS = Format(
    name="blocks",
    units=ANY_LOSS,
    written_by="home-made loops: the step on a line of its own",
    samples=(
        "Epoch: 1/30",
        "Train Loss: 7.2979 - Train Perplexity: 1477.26",
        "---- [Epoch 0/100, Batch 20/500] ----",
    ),
    patterns=(
        LinePattern("step", _alone, step="none"),
        LinePattern("epoch, batch", _batch_alone, step="none"),
        LinePattern(
            "loss",
            _in_block,
            step="previous",
            scale=SCALE,
            stands_in=MEANS,
            hit=False,
        ),
    ),
    weight=0.0005,  # such heads stand above progress bars too
)
