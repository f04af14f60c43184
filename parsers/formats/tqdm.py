"""tqdm progress bars that show a loss.

    Training Epoch 1:   4%|    | 1/28 [00:01<00:28,  1.07s/it, Batch_Loss=0.569]
    loss 0.5692:  46%|####  | 13/28 [00:09<00:10,  1.39it/s]

A bar is drawn again and again: of several with one count the first is the point.  Where
the description names the epoch the steps count on, elsewhere they begin anew with each
bar.  A log that repeats them in lines of its own is read by these, hence the weight.
"""

import re
from typing import Final

from parsers.format import Fields, Format, LinePattern
from parsers.keyvalue.vocabulary import key
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, NUMBER


_HELD_OUT: Final = ("val_loss", "val_bpb", "val_ppl", "val_accuracy", "epoch_loss")
_LOSSES: Final = {"loss", "val_loss", "val_bpb", "epoch_loss", "running_loss"}
_COUNTER: Final = (
    rb"\d%\|[^|]*+\| *+(?P<step>" + COUNT + rb")/(?P<per_epoch>" + COUNT + rb") "
    rb"\[[^\],]*"
)
# Where no width is known there is no bar: `17% 34/204 [01:03<05:30, 1.9s/it, loss=2]`
_PERCENT: Final = (
    rb"(?<![^\s:])\d+% (?P<step>" + COUNT + rb")/(?P<per_epoch>" + COUNT + rb") "
    rb"\[[^\],]*"
)
# Where the total is not known: `13it [00:09,  1.39it/s, loss=0.5]`
_BARE: Final = rb"(?<![^\s:])(?P<step>" + COUNT + rb")it \[[^\],]*"
# `Progress on:train 10it/1000it rate:1.2it/s remaining:10:00 postfix:loss=2.3`, or of
# `1.00kit`: a rounded number of steps is none.
_LOGGABLE: Final = (
    rb"\bProgress on:\S{0,64} (?P<step>"
    + COUNT
    + rb")it/(?:(?P<per_epoch>"
    + COUNT
    + rb")it|\d{1,9}(?:\.\d{1,9})?[kMG]it) rate:"
)
_PAIR: Final = re.compile(
    rb"(?<![\w/.])([A-Za-z][\w/. -]{0,48}?(?: \([a-z]{1,16}\))?)"
    rb"(?: \[\d{1,15}-\d{1,15}\])?(?: ?[=:] ?| )(" + NUMBER + rb")(?![\w.]|%)"
)
# Losses of a GAN, where both are shown.
_LETTERS: Final = {"g": "generator_loss", "d": "discriminator_loss"}


def bar(
    name: str,
    head: bytes,
    *,
    needs: tuple[bytes, ...],
    counter: bytes = _COUNTER,
    epoch_base: int = 1,
    hit: bool = True,
) -> LinePattern:
    """A pattern for bars whose description matches `head`, which may have `epoch_no`.

    Without a head it begins with the line, or behind the bar before.
    """
    regex = (head + rb"[^|]{0,499}?" if head else rb"(?:^|(?<=\|))[^|]*?") + counter

    def locate(text: bytes) -> Fields | None:
        found = re.search(regex, text)
        if found is None:
            return None
        spans = {g: found.span(g) for g in found.groupdict() if found.start(g) >= 0}
        # A description may hold `|`; that of a bar behind another one may not.
        begin = 0 if b"%|" not in text[: found.start()] else found.start()
        shown = _shown(text, begin, found.start("step"))
        shown |= _shown(text, found.end(), len(text))
        if _LOSSES.isdisjoint(shown):
            return None
        return [(n, *span) for n, span in (shown | spans).items()]

    return LinePattern(
        name,
        locate,
        needs=needs,
        redrawn=True,
        fresh=_HELD_OUT,
        epoch_base=epoch_base,
        hit=hit,
    )


def _shown(text: bytes, start: int, end: int) -> dict[str, tuple[int, int]]:
    ranks: dict[str, int] = {}
    spans: dict[str, tuple[int, int]] = {}
    letters: dict[str, tuple[int, int]] = {}
    for pair in _PAIR.finditer(text, start, end):
        shown = pair[1].decode("ascii", "replace")
        if shown.lower() in _LETTERS:
            letters[_LETTERS[shown.lower()]] = pair.span(2)
        meant = key(shown)
        if meant is None or meant.name in {"step", "max_steps", "epoch"}:
            continue
        name = meant.name
        if name == "loss" and text.find(b"v_num=", pair.end()) >= 0:
            name = "running_loss"
        if meant.rank < ranks.get(name, meant.rank + 1) and meant.scale == 1:
            ranks[name], spans[name] = meant.rank, pair.span(2)
    if len(letters) == len(_LETTERS):
        spans = letters | spans
    if "generator_loss" in spans and _LOSSES.isdisjoint(spans):
        spans["loss"] = spans["generator_loss"]
    return spans


TQDM = Format(
    name="tqdm",
    units=ANY_LOSS,
    written_by="tqdm, with a loss in the bar",
    samples=(
        "Training Epoch 1:   4%|    | 1/28 [00:01<00:28,  1.07s/it, Batch_Loss=0.569]",
        "Train: 13it [00:09,  1.39it/s, loss=0.5]",
        "Training: 100% 221/221 [01:30<00:00,  2.44it/s, loss=2.3084, acc=0.3591]",
        "loss 0.5692:  46%|####  | 13/28 [00:09<00:10,  1.39it/s]",
        "accuracy: 0.51, loss: 3.2 ||: : 5it [00:05, 1.02it/s]",
        "Epoch #1: 13it [00:09,  1.39it/s, loss=0.5]",
        "Progress on:train 10it/1000it rate:1.2it/s remaining:10:00 postfix:loss=2.3",
    ),
    patterns=(
        bar(
            "epoch bar",
            rb"(?i:\bepoch)[ :\[#]*(?P<epoch_no>" + COUNT + rb")",
            needs=(b"%|", b"poch"),
        ),
        bar(
            "epoch count",
            rb"(?i:\bepoch)[ :\[#]*(?P<epoch_no>" + COUNT + rb")",
            needs=(b"poch", b"it ["),
            counter=_BARE,
        ),
        bar("bar", rb"", needs=(b"%|",)),
        bar("percent", rb"", needs=(b"% ", b" ["), counter=_PERCENT),
        bar("count", rb"", needs=(b"it [",), counter=_BARE),
        bar("tqdm_loggable", rb"", needs=(b"Progress on:",), counter=_LOGGABLE),
    ),
    # Thousands of bars are printed for one line an epoch.
    weight=0.001,
)
