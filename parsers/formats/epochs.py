"""One line an epoch, as home-made loops print it.

    Epoch 1/10, Train Loss: 0.4703, Train PSNR: 8.61, Val Loss: 0.3051, Val PSNR: 13.96
    epoch: 71, loss: 0.20142617742220562, loss_RV: 0.057578
    Epoch 3 | train_loss=2.31 | val_loss=2.54 | lr 0.0003

Keys mean what `parsers.keys` says; the step is the epoch.  Lines that also count
batches are not of this format, nor those that repeat a figure: the best, a checkpoint.
"""

import re
from typing import Final

from parsers.keys import key
from parsers.patterns import COUNT, NUMBER, named
from parsers.shape import Fields, Format, Shape, line


_HEAD: Final = re.compile(
    rb"(?i:(?<![\w-])epoch)[ :=\[#(]*(?P<step>" + COUNT + rb")"
    rb"(?: ?/ ?(?P<max_steps>" + COUNT + rb"))?[\])]?(?=[\s,:|;-])(?!\.\d)"
)
_PAIR: Final = re.compile(
    rb"(?<![\w/.])([A-Za-z][\w/.-]*(?: [A-Za-z][\w/.-]*){0,2}) ?(?:[=:] ?| )"
    rb"(" + NUMBER + rb")(?!\w|\.\d)"
)
_WITHIN: Final = re.compile(rb"(?i)\b(?:batch|iter|iteration|steps?|it)\b|%\|")
_REPEATED: Final = re.compile(
    rb"(?i)\b(?:best|final|load\w*|sav\w+|checkpoint|resum\w+|improv\w+|early|restor\w+)"
)
_UNKNOWN: Final = {"step", "max_steps", "epoch"}


def _locate(text: bytes) -> Fields | None:
    head = _HEAD.search(text)
    if head is None or _WITHIN.search(text, head.end()) or _REPEATED.search(text):
        return None
    ranks: dict[str, int] = {}
    spans: dict[str, tuple[int, int]] = {}
    for pair in _PAIR.finditer(text, head.end()):
        meant = key(pair[1].decode("ascii", "replace"))
        if meant is None or meant.name in _UNKNOWN or meant.scale != 1:
            continue
        if meant.rank < ranks.get(meant.name, meant.rank + 1):
            ranks[meant.name], spans[meant.name] = meant.rank, pair.span(2)
    if spans.keys().isdisjoint({"loss", "val_loss"}):
        return None
    spans |= {g: head.span(g) for g in ("step", "max_steps") if head.start(g) >= 0}
    return [(name, *span) for name, span in spans.items()]


EPOCHS = Format(
    name="epochs",
    written_by="home-made loops: one line an epoch",
    samples=(
        "Epoch 1/10, Train Loss: 0.4703, Train PSNR: 8.61, Val Loss: 0.3051",
        "epoch: 71, loss: 0.20142617742220562, loss_RV: 0.057578",
        "Epoch 1:   4%|    | 1/28 [00:01<00:28,  1.07s/it, Batch_Loss=0.569]",
        "Epoch 3 | train_loss=2.31 | val_loss=2.54 | lr 0.0003",
    ),
    shapes=(
        Shape("epoch", _locate, needs=(b"poch", b"oss")),
        # What the bars between show is no point here, and read all the same.
        line(
            "bar",
            rb"\d%\|.*?(?i:loss) ?[:=] ?" + named("loss"),
            needs=(b"%|",),
            step="none",
            hit=False,
        ),
    ),
    weight=0.9,  # a known program's lines are read by its own format
)
