"""Training loops that no known format claims, read by their keys.

    step 10 loss=3.2 val_loss=3.3
    Epoch 1, Global Batch 25, Training Loss: 8.1474, Validation Loss: 14.7734
    200 | loss 16.4 | lr 1e-4
    Train Epoch: 1 [640/60000 (1%)]  Loss: 2.250000
      [eval] step   48000 | val_loss 4.0749

What makes a line a point of the curve is a loss and a step.  With them come lines that
name an epoch alone, or a validation without a step: they belong to the step before.
A log without steps has epochs (see `parsers.formats.epochs`), or blocks (see
`parsers.formats.blocks`).
"""

import re
from typing import Final

from parsers.format import Fields, Format, LinePattern, Locate, StepFrom, line
from parsers.keyvalue.freeform import Statement, statement
from parsers.keyvalue.heads import epoch_alone
from parsers.keyvalue.units import SCALE
from parsers.metrics import ANY_LOSS
from parsers.patterns import MAX_STEPS, STEP, named


_TEST_SET: Final = re.compile(rb"(?i)^\s*test set:")
_AT: Final = (
    rb" (?:at|after)(?: (?:step|iter|iteration|batch|epoch))? +"
    + STEP
    + rb"(?: (?:steps?|iter(?:ation)?s?|batch(?:es)?|epochs?))? *[:=] *"
)
# `2.3 loss at step 10`, `2.3 train loss after 10 steps`
_VALUE_FIRST: Final = (
    rb"(?i)^(?:[^\w\n]{0,9}|.{0,60}[\]|>:-] {1,9})"
    + named("loss")
    + rb" (?:train(?:ing)? )?loss (?:at|after|in)(?: (?:step|iter|iteration|batch))? +"
    + STEP
    + rb"(?![\w.%])"
)
# `[10/100] L=2.3`, `step 10 | L=2.3 | lr=1e-3`
_LETTER: Final = (
    rb"^(?:.{0,60}?\b(?i:step|iter|iteration|it|batch)[ :=#\[]{1,4}|\W{0,9})"
    + STEP
    + rb"(?: ?/ ?"
    + MAX_STEPS
    + rb")?(?=[\]\s|,:;)])[^=\n]{0,9}?(?<![\w=])L="
    + named("loss")
    + rb"(?![\w.])"
)
# A loss beside these is one of an evaluation.
_EVALUATED: Final = re.compile(
    rb"(?i)\b(?:m_?iou|mean ?iou?|meaniu|m?ap|psnr|ssim|early ?stopping|patience"
    rb"|performance)\b"
    # DeepSpeed-Chat, below `Evaluating perplexity`
    rb"|^ppl: [\d.]{1,24}, loss: "
)
MEANS: Final = {"running_loss": "loss"}
TESTS: Final = {"test_loss": "val_loss"}


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
        line(
            "value before its name",
            _VALUE_FIRST,
            needs=(b" loss ",),
        ),
        line(
            "step, L",
            _LETTER,
            needs=(b"L=",),
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
