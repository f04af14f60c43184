"""Lines of home-made training loops: what stands in them, whatever their pattern.

Such a line is taken for a sentence of keys and numbers: `step 100 | loss 3.21 | lr
1e-4`, `Epoch 3, Global Batch 25, Training Loss: 8.1`, `[eval] step=9: val_loss=2.2`.
`parsers.keyvalue.vocabulary` defines the keys.  Words around a number name whose
it is (`val`) and whether it only repeats another (`best`, `saved`): those are left out.
"""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from parsers.keyvalue.counts import Count, Span, find_count
from parsers.keyvalue.items import (
    ADVERSARIAL,
    LATE,
    LETTER,
    NUMBERED,
    PAIR,
    PART_OF,
    POINTS,
    WHOLE,
    Item,
    item_of,
)
from parsers.keyvalue.normalise import normalised
from parsers.keyvalue.pairs import AMOUNT
from parsers.keyvalue.units import COUNTS, FACTORS
from parsers.keyvalue.vocabulary import is_curve
from parsers.keyvalue.words import (
    CODE,
    CURVE,
    PAIR_OF_LOSSES,
    QUALIFIED,
    RANK,
    RECORD,
    REPEATS,
    SIDE,
)


# Longer lines are dumps.
_LONGEST: Final = 2048
_NUMBER: Final = re.compile(rb"\d|[Nn][Aa][Nn]|[Ii][Nn][Ff]")
_BAR: Final = re.compile(
    rb"(?:%\|(?:[^\[%]|%(?!\|))*+|\d% +\d++/\d++ |\dit )\[[^\]]{0,999}\]"
)
_RATE: Final = re.compile(
    rb"(?<![\w.])(?P<value>" + AMOUNT + rb") ?(?P<thousands>[kKM]?) ?"
    rb"(?:(?P<tokens_per_s>tok(?:en)?s?/s(?:ec(?:ond)?)?)"
    rb"|(?P<samples_per_s>samples?/s(?:ec)?)"
    rb"|(?P<iters_per_s>(?:it|iter|step)s?/s(?:ec)?)"
    rb"|(?P<iter_ms__s>s(?:ec)?/(?:it|iter|step))"
    rb"|(?P<iter_ms>ms(?:/(?:it|iter|step|batch))?))(?!\w)"
)
_NEVER_REPEATED: Final = POINTS | {"step", "epoch", "accuracy", "val_accuracy"}
_HELD_OUT: Final = {
    "loss": "val_loss",
    "running_loss": "val_loss",
    "accuracy": "val_accuracy",
    "train_ppl": "val_ppl",
}


@dataclass(slots=True)
class Statement(Count):
    """What a line states.

    Attributes:
        metrics: metric to the group that names it (with a factor) and its place.
        rank: of the process that prints it.
        test: whether its loss is of a test set.
    """

    metrics: dict[str, tuple[str, Span]] = field(default_factory=dict)
    rank: Span | None = None
    test: bool = False

    @property
    def curve(self) -> bool:
        """Whether it holds a loss."""
        return "running_loss" in self.metrics or any(map(is_curve, self.metrics))

    def fields(self) -> list[tuple[str, int, int]]:
        """Its metrics and its rank, as a pattern gives them."""
        ranks = [("rank", *self.rank)] if self.rank else []
        return ranks + [(group, *span) for group, span in self.metrics.values()]


@lru_cache(maxsize=64)
def statement(text: bytes) -> Statement | None:
    """What a line states of a training; None when it is no such line."""
    if len(text) > _LONGEST or _NUMBER.search(text) is None:
        return None
    text = normalised(text)
    record = RECORD.search(text)
    if record:
        start, end = record.span("name")
        text = text[:start] + b" " * (end - start) + text[end:]
    if not CURVE.search(text.lower()) or CODE.search(text):
        return None
    bar = _BAR.search(text)
    found = _Reader(text).read(bar.end() if bar else 0)
    if bar and (found is None or not found.curve):
        # The description of a bar counts if it names a step.
        described = _Reader(text[: bar.start()]).read(0)
        return described if described and described.step else found
    return found


class _Reader:
    """Reads one line from left to right."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.found = Statement()
        self.ranks: dict[str, int] = {}
        self.letters: dict[str, Span] = {}
        self.bare: dict[str, Span] = {}  # figures of data sets, by what they would be
        self.episodic = False  # whether its step is an episode
        self.side = ""  # whose the next numbers are, by words between numbers
        self.key_side = ""  # the same, by the last key

    def read(self, start: int) -> Statement | None:
        """The line from `start` on."""
        at = start
        for pair in PAIR.finditer(self.text, start):
            begin, item = item_of(pair)
            gap = self.text[at:begin]
            for found in SIDE.finditer(gap):
                self.side = self.key_side = found.lastgroup or ""
            at = pair.end()
            if item is None or (self._counts_nothing() and _is_prose(pair)):
                continue
            self.episodic |= item.name == "step" and b"pisode" in pair["key"]
            if item.name in _NEVER_REPEATED and _repeats(gap):
                if item.name in NUMBERED - self.ranks.keys() and not self._complete():
                    return None
                continue
            self._take(self._whose(item))
        find_count(self.text, start, self.found)
        self._rates(start)
        self._both_losses(start)
        self._held_out()
        self._adversarial()
        self._scores()
        self._rank()
        return self.found if self.found.metrics else None

    def _counts_nothing(self) -> bool:
        return self.found.step is None and self.found.epoch is None

    def _complete(self) -> bool:
        """Whether it has a point already: what follows cannot make it a report."""
        return self.found.step is not None and self.found.curve

    def _whose(self, item: Item) -> Item:
        """The same number, of held-out data where the words before it name them."""
        if item.name in {"loss", "running_loss", "val_loss"}:
            self.key_side = item.side or (
                "val" if item.name == "val_loss" else self.side
            )
        side = item.side or (
            self.side if item.name in {"loss", "running_loss"} else self.key_side
        )
        name = _HELD_OUT.get(item.name) if side in {"val", "test"} else None
        return replace(item, name=name or item.name, side=side)

    def _is_dependent(self, item: Item) -> bool:
        """Whether an item counts by what else the line states only; notes it."""
        if item.bare:
            self.bare.setdefault(item.name, item.value)
        if item.rank == LETTER:
            self.letters.setdefault(item.name, item.value)
            return True
        if item.name == "score":
            return not self.episodic
        return item.name in ADVERSARIAL and item.side in {"val", "test"}

    def _take(self, item: Item) -> None:
        if self._is_dependent(item):
            return
        if item.name == "score":
            item = replace(item, name="reward")
        if item.rank >= self.ranks.get(item.name, LATE + 1):
            return
        self.ranks[item.name] = item.rank
        if item.name == "epoch" and not WHOLE.fullmatch(self.text[slice(*item.value)]):
            self.found.metrics["epoch"] = "epoch", item.value
        elif item.name == "step":
            self.found.step, self.found.steps = item.value, item.of
            self.found.batched = item.side == "batch"
        elif item.name == "max_steps":
            self.found.steps = self.found.steps or item.value
        elif item.name == "epoch":
            self.found.epoch, self.found.epochs = item.value, item.of
        else:
            place = item.factor != 1.0 and f"__{FACTORS.index(item.factor)}"
            group = item.name + (place or "")
            self.found.metrics[item.name] = (group, item.value)
            self.found.test |= item.name == "val_loss" and item.side == "test"

    def _held_out(self) -> None:
        """Beside a validation loss alone a perplexity is of the same data."""
        stated = self.found.metrics
        if "val_loss" in stated and "loss" not in stated and "train_ppl" in stated:
            stated.setdefault("val_ppl", ("val_ppl", stated.pop("train_ppl")[1]))

    def _adversarial(self) -> None:
        """The loss of a generator stands for that of the training."""
        stated = self.found.metrics
        if len(self.letters) > 1:
            for name, span in self.letters.items():
                stated.setdefault(name, (name, span))
        if "generator_loss" not in stated:
            return
        others = POINTS & stated.keys()
        if not others or (others == {"loss"} and self.ranks["loss"] >= PART_OF):
            stated["loss"] = ("loss", stated["generator_loss"][1])

    def _scores(self) -> None:
        """Figures of data sets beside a loss are scores: `Train: 0.98, Val: 0.78`."""
        stated = self.found.metrics
        if {"loss", "val_loss"} <= stated.keys() & self.bare.keys():
            train, val = stated["loss"][1], stated["val_loss"][1]
            if train != self.bare["loss"] and val == self.bare["val_loss"]:
                del stated["val_loss"]
                stated["val_score"] = ("val_score", val)

    def _both_losses(self, start: int) -> None:
        found = PAIR_OF_LOSSES.search(self.text, start)
        if found:
            for name in ("loss", "val_loss"):
                self.found.metrics[name] = (name, found.span(name))

    def _rank(self) -> None:
        found = RANK.search(self.text)
        if found:
            self.found.rank = found.span(found.lastgroup or "")

    def _rates(self, start: int) -> None:
        for found in _RATE.finditer(self.text, start):
            group = found.lastgroup or ""
            name = group.partition("__")[0]
            thousands = found["thousands"].decode()
            if thousands:
                group = f"{name}__{FACTORS.index(COUNTS[thousands])}"
            self.found.metrics.setdefault(name, (group, found.span("value")))


def _is_prose(pair: re.Match[bytes]) -> bool:
    """Whether a verb stands between key and number."""
    between = pair.string[pair.end("key") : pair.start("value")]
    return between.strip() in {b"is", b"was"}


def _repeats(gap: bytes) -> bool:
    return bool(REPEATS.search(gap) or QUALIFIED.search(gap))
