"""Lines of home-made training loops: what stands in them, whatever their pattern.

Such a line is taken for a sentence of keys and numbers: `step 100 | loss 3.21 | lr
1e-4`, `Epoch 3, Global Batch 25, Training Loss: 8.1`, `[eval] step=9: val_loss=2.2`.
`parsers.keyvalue.vocabulary` defines the keys.  Words around a number name whose
it is (`val`) and whether it only repeats another (`best`, `saved`): those are left out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from parsers.keyvalue.normalise import normalised
from parsers.keyvalue.pairs import AMOUNT
from parsers.keyvalue.vocabulary import CURVES, KEYS, Key, is_curve, key, plain
from parsers.metrics import METRICS
from parsers.patterns import COUNT


# Longer lines are dumps.
_LONGEST: Final = 2048
# Quick tests in lower case: nearly every line of text ends here.
_CURVE: Final = re.compile(
    rb"(?:loss|nll|bpb|perplexity|ppl|entropy|val|train|heldout|lm|ce|xent|reward|return)"
    rb"[\w/()\[\]\"']{0,64}(?: \([a-z]+\))?\s*+"
    rb"(?:[:=#]\s*+(?:[\w.]{1,64}+\()?|tensor)?[\"'\[(]{0,9}+\s*+(?:[-+]?\.?\d|nan|[-+]?inf)"
)
_NUMBER: Final = re.compile(rb"\d|[Nn][Aa][Nn]|[Ii][Nn][Ff]")
_CODE: Final = re.compile(
    # The last: a web server, a container being built, the end of it all.
    rb"==|[-+*]=|\bself\.|\bprint\(|\breturn\b(?!\s*+[:=\d-])|\bimport |\bassert "
    rb"|\blambda\b|^\s*#"
    rb"|\bif .{0,999}:|\bfor .{0,999} in |\bdef |\bclass "
    rb"|\{[A-Za-z_][\w.\[\]]*(?::[^{}\s]*)?\}|\d\s+#\s|(?<!\w)\d*+[A-Za-z_]\w*+\(\w++=|%\(|%[.\d]*[dfs]\b|;\s*$|\)\s*:\s*$|\bwandb:"
    rb"|\bHTTP/\d|^Step \d+/\d+ : [A-Z]"
    rb"|(?i:^\W*(?:done|finished)\b(?!.*(?:epoch|step|iter)))"
)
_BAR: Final = re.compile(
    rb"(?:%\|(?:[^\[%]|%(?!\|))*+|\d% +\d++/\d++ |\dit )\[[^\]]{0,999}\]"
)
# What is not possessive here is tried again from each of its ends.
_WORD: Final = rb"[A-Za-z_][\w/.()\[\]@-]{0,127}+"
_PAIR: Final = re.compile(
    rb"(?<![\w/.-])(?P<key>"
    + _WORD
    + rb"(?: "
    + _WORD
    + rb"){0,3}?)(?:[\"'\])]*+\s*+[:=#]\s*+(?:[\w.]{1,64}+\()?|\s++(?:tensor\()?)"
    rb"[\"'\[(]*+\s*+"
    rb"(?P<value>" + AMOUNT + rb")(?:(?: ?/ ?| of )(?P<of>\d+)(?!\w))?"
    rb"(?P<unit>%| ?(?:[mun]?s|secs?|mins?|[kKMGB]|[kKMG]i?B)(?![\w/]))?"
    rb"(?!\w|[.:-]\d|/\d)"
)
_PART: Final = re.compile(rb"[^ ]+")
_RATE: Final = re.compile(
    rb"(?<![\w.])(?P<value>" + AMOUNT + rb") ?(?P<thousands>[kKM]?) ?"
    rb"(?:(?P<tokens_per_s>tok(?:en)?s?/s(?:ec(?:ond)?)?)"
    rb"|(?P<samples_per_s>samples?/s(?:ec)?)"
    rb"|(?P<iters_per_s>(?:it|iter|step)s?/s(?:ec)?)"
    rb"|(?P<iter_ms__s>s(?:ec)?/(?:it|iter|step))"
    rb"|(?P<iter_ms>ms(?:/(?:it|iter|step|batch))?))(?!\w)"
)
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
    rb"(?i)\bepoch ?\[ *(?P<epoch>" + COUNT + rb")(?:/(?P<of>" + COUNT + rb"))?\]"
)
_EPOCH_AND_BATCH: Final = re.compile(
    rb"^\s*\[(?P<epoch>" + COUNT + rb"), +(?P<step>" + COUNT + rb")\]"
)
_BARE: Final = re.compile(
    rb"(?:^|[\]|>-] ++|% ++|INFO:? ++)[\[(]?\s*+(?P<step>"
    + COUNT
    + rb")(?:\s*/\s*(?P<of>"
    + COUNT
    + rb"))?(?:\s*[\])]|\s*\||\s+(?=\(epoch |(?i:train|val|loss)\b)"
    rb"|:(?=\s*(?i:train|tr|loss)))"
)
_SIDE: Final = re.compile(
    rb"(?i)(?<![\w/.-])(?:(?P<val>vali?|valid\w*|eval\w*|dev|held.?out)|(?P<test>test\w*)"
    rb"|(?P<train>train|training))(?![\w/.]|-\w)"
)
_REPEATS: Final = re.compile(
    rb"(?i)(?<![\w])(?:best|lowest|final|sav(?:e|ed|es|ing)|checkpoint\w*|ckpt|early"
    rb"|load(?:ed|ing)?|restor\w+|resum\w+|improv\w+|summary|so far|config\w*|args"
    rb"|arguments|namespace|hyper\w*|threshold|target|baseline|previous)(?!\w)"
    rb"|\xe4\xbf\x9d\xe5\xad\x98|\xe6\x9c\x80\xe4\xbd\xb3|\xe6\x9c\x80\xe5\xa5\xbd"
)
_QUALIFIED: Final = re.compile(
    rb"(?i)\b(?:min|max|total|num|per|every|all|warm-?up|old|prev|last|each|ema)\W*$"
)
_BATCHES: Final = frozenset(
    {
        "batch",
        "global_batch",
        "batch_idx",
        "batch_num",
        "batch_number",
        "minibatch",
        "mini_batch",
        "train_batch",
        "training_batch",
    }
)
_WHOLE: Final = re.compile(rb"\d{1,15}|\d{1,3}(?:,\d{3}){1,4}")
# Names that alone may be of anything: only a fraction can be a loss.
_VAGUE: Final = frozenset(
    {"train", "val", "valid", "validation", "heldout", "lm", "ce"}
)
# Before `loss`, what marks that it is not the model's, or no loss of a training; the
# last is a ratio.
_OTHERS: Final = re.compile(
    r"(?i)(?:aux\w{0,32}|mtp|z|kl\w{0,32}|router|balanc\w{0,32}|load|moe|discriminator|generator|gan"
    r"|critic|value|reward|entropy|commit\w{0,32}|distill\w{0,32}|packet|weight|stop"
    r"|hearing|profit)[ _/-]{0,9}loss$|grad/param norm$"
)
# A loss that is a mean: it is no loss of a step where such are printed.
_MEAN: Final = re.compile(r"(?:^|_)(?:avg|ave|average|mean|running|smoothed)_")
_POINTS: Final = CURVES | {"running_loss"}
_NUMBERED: Final = frozenset({"step", "epoch", "max_steps"})
_NEVER_REPEATED: Final = _POINTS | {"step", "epoch", "accuracy", "val_accuracy"}
_LATE: Final = 1000
# Beside `Train Loss` a `MAE Loss` is another figure.
_QUALIFIED_RANK: Final = 500
_TIMES: Final = {"ms": 1.0, "us": 1e-3, "s": 1e3, "sec": 1e3, "secs": 1e3, "min": 6e4}
_BYTES: Final = {"M": 1.0, "MB": 1.0, "MiB": 1.0, "G": 1024.0, "GB": 1024.0}
_BYTES_ALL: Final = _BYTES | {"GiB": 1024.0}
_COUNTS: Final = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9}
_UNITS: Final[Mapping[str, Mapping[str, float]]] = {
    **dict.fromkeys(("iter_ms", "step_avg_ms", "train_time_ms", "eval_ms"), _TIMES),
    **dict.fromkeys(("tokens", "tokens_per_s"), _COUNTS),
    "memory_mib": _BYTES_ALL,
    "accuracy": {"%": 0.01},
    "val_accuracy": {"%": 0.01},
    "mfu": {"%": 1.0},
}
# What these name depends on the unit.
_BY_UNIT: Final = {
    **dict.fromkeys(("time", "dt", "iter_time", "step_time"), ("iter_ms", {"ms": 1.0})),
    **dict.fromkeys(
        (
            "mem",
            "memory",
            "gpu_mem",
            "gpu_memory",
            "peak_mem",
            "max_mem",
            "vram",
            "gpu",
        ),
        ("memory_mib", _BYTES_ALL),
    ),
}
_FACTORS: Final = (1e-3, 0.01, 1e3, 1024.0, 6e4, 1e6, 1e9)
_HELD_OUT: Final = {
    "loss": "val_loss",
    "running_loss": "val_loss",
    "accuracy": "val_accuracy",
    "train_ppl": "val_ppl",
}

# Factors of the groups that `Statement.fields` names.
SCALE: Final = {
    f"{metric}__{i}": factor for metric in METRICS for i, factor in enumerate(_FACTORS)
} | {"iter_ms__s": 1e3}

# The lines of a template differ in their digits: no key may depend on one.
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")

_ZEROED: Final = {
    text.translate(str.maketrans("123456789", "000000000")): meant
    for text, meant in KEYS.items()
    if not text.isalpha()
}

Span = tuple[int, int]


@dataclass(slots=True)
class Statement:
    """What a line states.

    Attributes:
        step, steps: a step, and the number of them, None where it has none.
        epoch, epochs: the same of epochs.
        metrics: metric to the group that names it (with a factor) and its place.
        test: whether its loss is of a test set.
        batched: whether `steps` are those of an epoch.
    """

    step: Span | None = None
    steps: Span | None = None
    epoch: Span | None = None
    epochs: Span | None = None
    metrics: dict[str, tuple[str, Span]] = field(default_factory=dict)
    test: bool = False
    batched: bool = False

    @property
    def curve(self) -> bool:
        """Whether it holds a loss."""
        return "running_loss" in self.metrics or any(map(is_curve, self.metrics))

    def fields(self) -> list[tuple[str, int, int]]:
        """Its metrics, as a pattern gives them."""
        return [(group, *span) for group, span in self.metrics.values()]


@dataclass(frozen=True, slots=True)
class _Item:
    """A number with its key."""

    name: str
    rank: int
    factor: float
    value: Span
    of: Span | None
    side: str = ""


@lru_cache(maxsize=64)
def statement(text: bytes) -> Statement | None:
    """What a line states of a training; None when it is no such line."""
    if len(text) > _LONGEST or _NUMBER.search(text) is None:
        return None
    text = normalised(text)
    if not _CURVE.search(text.lower()) or _CODE.search(text):
        return None
    bar = _BAR.search(text)
    return _Reader(text).read(bar.end() if bar else 0)


class _Reader:
    """Reads one line from left to right."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.found = Statement()
        self.ranks: dict[str, int] = {}
        self.side = ""  # whose the next numbers are, by words between numbers
        self.key_side = ""  # the same, by the last key

    def read(self, start: int) -> Statement | None:
        """The line from `start` on."""
        at = start
        for pair in _PAIR.finditer(self.text, start):
            begin, item = _item(pair)
            gap = self.text[at:begin]
            for found in _SIDE.finditer(gap):
                self.side = self.key_side = found.lastgroup or ""
            at = pair.end()
            if item is None:
                continue
            if item.name in _NEVER_REPEATED and _repeats(gap):
                if item.name in _NUMBERED - self.ranks.keys() and not self._complete():
                    return None
                continue
            self._take(self._whose(item))
        self._epoch_in_brackets(start)
        self._count(start)
        self._rates(start)
        self._held_out()
        return self.found if self.found.metrics else None

    def _complete(self) -> bool:
        """Whether it has a point already: what follows cannot make it a report."""
        return self.found.step is not None and self.found.curve

    def _whose(self, item: _Item) -> _Item:
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

    def _take(self, item: _Item) -> None:
        if item.rank >= self.ranks.get(item.name, _LATE + 1):
            return
        self.ranks[item.name] = item.rank
        if item.name == "epoch" and not _WHOLE.fullmatch(self.text[slice(*item.value)]):
            self.found.metrics["epoch"] = "epoch", item.value
        elif item.name == "step":
            self.found.step, self.found.steps = item.value, item.of
            self.found.batched = item.side == "batch"
        elif item.name == "max_steps":
            self.found.steps = self.found.steps or item.value
        elif item.name == "epoch":
            self.found.epoch, self.found.epochs = item.value, item.of
        else:
            place = item.factor != 1.0 and f"__{_FACTORS.index(item.factor)}"
            group = item.name + (place or "")
            self.found.metrics[item.name] = (group, item.value)
            self.found.test |= item.name == "val_loss" and item.side == "test"

    def _held_out(self) -> None:
        """Beside a validation loss alone a perplexity is of the same data."""
        stated = self.found.metrics
        if "val_loss" in stated and "loss" not in stated and "train_ppl" in stated:
            stated.setdefault("val_ppl", ("val_ppl", stated.pop("train_ppl")[1]))

    def _epoch_in_brackets(self, start: int) -> None:
        found = _EPOCH_IN_BRACKETS.search(self.text, start)
        if found and self.found.epoch is None:
            self.found.epoch = found.span("epoch")
            self.found.epochs = found.span("of") if found["of"] else None

    def _count(self, start: int) -> None:
        """A step that no word names: after the epoch, or in front of all."""
        if self.found.step is not None:
            return
        both = _EPOCH_AND_BATCH.search(self.text)
        if both:
            self.found.epoch, self.found.step = both.span("epoch"), both.span("step")
            return
        if self.found.epoch is not None:
            end = (self.found.epochs or self.found.epoch)[1]
            found = _AFTER_EPOCH.match(self.text, end)
        else:
            found = _BARE.search(self.text, start)
        if found is None:
            return
        group = "step" if found["step"] else "step__of"
        self.found.step = found.span(group)
        self.found.steps = found.span("of") if found["of"] else None

    def _rates(self, start: int) -> None:
        for found in _RATE.finditer(self.text, start):
            group = found.lastgroup or ""
            name = group.partition("__")[0]
            thousands = found["thousands"].decode()
            if thousands:
                group = f"{name}__{_FACTORS.index(_COUNTS[thousands])}"
            self.found.metrics.setdefault(name, (group, found.span("value")))


def _repeats(gap: bytes) -> bool:
    return bool(_REPEATS.search(gap) or _QUALIFIED.search(gap))


def _item(pair: re.Match[bytes]) -> tuple[int, _Item | None]:
    """Where the key that is known begins, and the number it is the key of."""
    known = pair["key"].translate(_DIGITS).decode("ascii", "replace")
    if _OTHERS.search(known):
        return pair.end("key"), None
    for word in _PART.finditer(pair["key"]):
        begin = pair.start("key") + word.start()
        item = _meant(known[word.start() :], pair)
        if item is not None and word.start() and item.name == "loss":
            item = replace(item, rank=item.rank + _QUALIFIED_RANK)
        if item is not None and item.name == "loss" and _MEAN.search(plain(known)):
            item = replace(item, name="running_loss")
        if item is not None:
            return begin, item
    return pair.end("key"), None


def _meant(name: str, pair: re.Match[bytes]) -> _Item | None:
    simple, unit = plain(name), (pair["unit"] or b"").decode().strip()
    begin, end = pair.span("value")
    # `Epoch 3. Loss: 2.1`: what ends the sentence is no part of its number.
    value = begin, end - pair["value"].endswith(b".")
    whole = bool(_WHOLE.fullmatch(pair.string, *value))
    of = pair.span("of") if pair["of"] else None
    if simple in _BATCHES or (simple == "i" and of):
        # The batches of an epoch, not those of the run.
        fits = whole and not unit
        return _Item("step", _LATE, 1.0, value, of, "batch") if fits else None
    if unit in _BY_UNIT.get(simple, ("", {}))[1]:
        metric, factors = _BY_UNIT[simple]
        return _Item(metric, _LATE, factors[unit], value, of)
    known = key(name) or _ZEROED.get(simple) or _last_of_path(name)
    if known is None or (simple in _VAGUE and whole):
        return None
    if known.name in _NUMBERED:
        fits = not unit and (whole or known.name == "epoch")
        return _Item(known.name, known.rank, 1.0, value, of) if fits else None
    units = _UNITS.get(known.name, {})
    if of or (unit and unit not in units):
        return None
    factor = units[unit] if unit else known.scale
    side = "train" if simple.startswith("tr") else "test" * simple.startswith("test")
    return _Item(known.name, known.rank, factor, value, of, side)


def _last_of_path(name: str) -> Key | None:
    """`perf/mfu` is `mfu`; a loss of something else is none."""
    known = key(name.rpartition("/")[2]) if "/" in name else None
    return None if known and known.name in CURVES | _NUMBERED else known
