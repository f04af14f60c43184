"""Steps and epochs that no key names: in brackets, in front of all, glued to a word.

[0/5][100/1583] Loss_D: 0.5 Loss_G: 3.2
Epoch[1] Iteration[20/468] Loss: 0.31
1100/21150 (epoch 5.002), train_loss = 10.5
loss: 2.303494  [   64/60000]
Ep1 It10/100 loss 2.3
"""

import re
from dataclasses import dataclass
from itertools import chain
from typing import Final

from parsers.patterns import COUNT


Span = tuple[int, int]

_N: Final = rb"(?P<step>" + COUNT + rb")"
_OF: Final = rb"\s{0,9}+/\s{0,9}+(?P<of>" + COUNT + rb")"
_E: Final = rb"(?P<epoch>" + COUNT + rb")"
_AFTER_EPOCH: Final = re.compile(
    rb"[\])]*+[\s:|,-]*+(?:[\[(]\s*+(?P<step>"
    + COUNT
    + rb")\]|[\[(]?\s*+(?P<step__of>"
    + COUNT
    + rb")\s*/\s*(?P<of>"
    + COUNT
    + rb")(?=[\s\])|:,]))"
)
_EPOCH_IN_BRACKETS: Final = re.compile(
    rb"(?i)\bepoch ?\[ *" + _E + rb"(?:/(?P<epochs>" + COUNT + rb"))?\]"
)
_STEP_IN_BRACKETS: Final = re.compile(
    rb"(?i)\b(?:iter(?:ation)?|step|batch) ?\[ {0,9}+" + _N + rb"(?:" + _OF + rb")?+\]"
)
_EPOCH_AND_BATCH: Final = re.compile(rb"^\s*\[" + _E + rb", +" + _N + rb"\]")
_MARKED: Final = re.compile(rb"^>" + _E + rb", +" + _N + _OF + rb"(?=,)")
_TWO_BRACKETS: Final = re.compile(
    rb"\[ {0,9}+"
    + _E
    + rb"(?:/ {0,9}+(?P<epochs>"
    + COUNT
    + rb"))?+\] ?\[ {0,9}+"
    + _N
    + _OF
    + rb"\]"
)
_BARE: Final = re.compile(
    rb"(?:^|[\]|>-] ++|% ++|INFO:? ++)[\[(]?\s*+(?P<step>"
    + COUNT
    + rb")(?:\s*/\s*(?P<of>"
    + COUNT
    + rb"))?(?:\s*[\])]|\s*\||\s+(?=\(epoch |\(\s?[\d.]{1,9}+%|\[[DG] loss"
    rb"|(?i:train|val|loss)\b)|[:,](?=\s*(?i:train|tr|loss)))"
)
_IN_BRACKETS: Final = re.compile(rb"\[\s{0,9}+" + _N + _OF + rb"\s{0,9}+\]")
_OF_EVALUATION: Final = re.compile(
    rb"(?i)(?<![\w/.-])(?:vali?|valid\w*|eval\w*|dev|test\w*)(?![\w/])"
)
_AFTER: Final = re.compile(
    rb"(?i)\bafter "
    + _N
    + rb" (?:(?P<epochal>epochs?)|steps?|iter(?:ation)?s?|batch(?:es)?|updates?)\b"
)
_GLUED: Final = re.compile(
    rb"(?i)(?<![\w/.-])(?:(?P<epochal>epoch|ep)|step|iter(?:ation)?|it|batch)[_-]?+"
    + _N
    + rb"(?:/(?P<of>"
    + COUNT
    + rb"))?+(?=[\s:|,;(\])]|$)"
)


@dataclass(slots=True)
class Count:
    """Where a line counts.

    Attributes:
        step, steps: a step, and the number of them, None where it has none.
        epoch, epochs: the same of epochs.
        batched: whether `steps` may be those of an epoch.
    """

    step: Span | None = None
    steps: Span | None = None
    epoch: Span | None = None
    epochs: Span | None = None
    batched: bool = False


def find_count(text: bytes, start: int, found: Count) -> None:
    """Completes what the keys of a line gave: what they name counts first."""
    if found.epoch is None:
        _note(found, _EPOCH_IN_BRACKETS.search(text, start))
    if found.step is None:
        _find_step(text, start, found)
    if found.step is None or found.epoch is None:
        _find_glued(text, start, found)


def _find_step(text: bytes, start: int, found: Count) -> None:
    both = _EPOCH_AND_BATCH.search(text) or _MARKED.search(text)
    both = both or _TWO_BRACKETS.search(text, start)
    if both:
        _note(found, both)
    elif found.epoch is not None:
        end = (found.epochs or found.epoch)[1]
        _note(found, _AFTER_EPOCH.match(text, end))
    else:
        _note(found, _BARE.search(text, start))
    if found.step is None:
        _note(found, _STEP_IN_BRACKETS.search(text, start))
    if found.step is None:
        # The count of an evaluation is no step of the training.
        inner = _IN_BRACKETS.search(text, start)
        if inner and not _OF_EVALUATION.search(text, 0, inner.start()):
            _note(found, inner)
            found.batched = True


def _find_glued(text: bytes, start: int, found: Count) -> None:
    for part in chain(_AFTER.finditer(text, start), _GLUED.finditer(text, start)):
        of = part.span("of") if part.groupdict().get("of") else None
        if part["epochal"]:
            if found.epoch is None:
                found.epoch, found.epochs = part.span("step"), of
        elif found.step is None:
            found.step, found.steps = part.span("step"), of


def _note(found: Count, part: re.Match[bytes] | None) -> None:
    if part is None:
        return
    spans = {
        name.partition("__")[0]: part.span(name)
        for name, text in part.groupdict().items()
        if text is not None
    }
    if "epoch" in spans:
        found.epoch, found.epochs = spans["epoch"], spans.get("epochs")
    if "step" in spans:
        found.step, found.steps = spans["step"], spans.get("of")
