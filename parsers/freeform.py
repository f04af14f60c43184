"""Lines of home-made training loops: what stands in them, whatever their shape.

Such a line is taken for a sentence of keys and numbers: `step 100 | loss 3.21 | lr
1e-4`, `Epoch 3, Global Batch 25, Training Loss: 8.1`, `[eval] step=9: val_loss=2.2`.
What a key means `parsers.keys` knows.  Words around a number tell whose it is (`val`, `train`)
and whether it only repeats another (`best`, `saved`): those are left out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from parsers.keys import CURVES, key, plain
from parsers.metrics import METRICS
from parsers.pairs import AMOUNT
from parsers.patterns import COUNT


# Longer lines are dumps.
_LONGEST: Final = 2048
_CURVE: Final = re.compile(
    rb"(?i)loss|nll|bpb|perplexity|ppl|entropy|\bval|\btrain|held.?out|\blm\b"
)
_CODE: Final = re.compile(
    rb"==|[-+*]=|\bself\.|\bprint\(|\breturn\b|\bimport |\bassert |\blambda\b|^\s*#"
    rb"|\bif .*:|\bfor .* in |\bdef |\bclass |\{[A-Za-z_][\w.\[\]]*(?::[^{}\s]*)?\}"
    rb"|[A-Za-z_]\w*\(\w+=|%\(|%[.\d]*[dfs]\b|;\s*$|\)\s*:\s*$|\bwandb:"
)
_BAR: Final = re.compile(rb"%\|.*?\[[^\]]*\]")
_WORD: Final = rb"[A-Za-z_][A-Za-z_/.()\[\]@-]*(?:\d+[A-Za-z_/.()\[\]@-]*)*"
_PAIR: Final = re.compile(
    rb"(?<![\w/.-])(?P<key>"
    + _WORD
    + rb"(?: "
    + _WORD
    + rb"){0,3}?)(?:[\"'\])]*\s*[:=#]\s*(?:[\w.]+\()?|\s+|(?<=[#=:]))[\"'\[(]*\s*"
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
    rb"[\])]*[\s:|,-]*(?:[\[(]\s*(?P<step>"
    + COUNT
    + rb")\]|[\[(]?\s*(?P<step__of>"
    + COUNT
    + rb")\s*/\s*(?P<of>"
    + COUNT
    + rb")(?=[\s\])|:,]))"
)
_BARE: Final = re.compile(
    rb"(?:^|[\]|>-] +|INFO:? +)[\[(]?\s*(?P<step>"
    + COUNT
    + rb")(?:\s*/\s*(?P<of>"
    + COUNT
    + rb"))?(?:\s*[\])]|\s*\||\s+(?=(?i:train|val|loss)\b)|:(?=\s*(?i:train|tr|loss)))"
)
_SIDE: Final = re.compile(
    rb"(?i)(?<![\w/.-])(?:(?P<val>val|valid\w*|eval\w*|dev|held.?out)|(?P<test>test\w*)"
    rb"|(?P<train>train|training))(?![\w/.]|-\w)"
)
_REPEATS: Final = re.compile(
    rb"(?i)(?<![\w])(?:best|lowest|final|sav(?:e|ed|es|ing)|checkpoint\w*|ckpt|early"
    rb"|load(?:ed|ing)?|restor\w+|resum\w+|improv\w+|summary|so far|config\w*|args"
    rb"|arguments|namespace|hyper\w*|threshold|target|baseline|previous)(?!\w)"
    rb"|\xe4\xbf\x9d\xe5\xad\x98|\xe6\x9c\x80\xe4\xbd\xb3|\xe6\x9c\x80\xe5\xa5\xbd"
)
_QUALIFIED: Final = re.compile(
    rb"(?i)\b(?:min|max|total|num|per|every|warm-?up|old|prev|last|each|ema)\W*$"
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
# Names that alone may be of anything: only a fraction can be a loss.
_VAGUE: Final = frozenset(
    {"train", "val", "valid", "validation", "heldout", "lm", "ce"}
)
_LATE: Final = 1000
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
# What these name only the unit tells.
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
    "accuracy": "val_accuracy",
    "train_ppl": "val_ppl",
}

# Factors of the groups that `Sentence.fields` names.
SCALE: Final = {
    f"{metric}__{i}": factor for metric in METRICS for i, factor in enumerate(_FACTORS)
} | {"iter_ms__s": 1e3}

Span = tuple[int, int]


@dataclass(slots=True)
class Sentence:
    """What a line says.

    Attributes:
        step, steps: a step, and the number of them, None where it has none.
        epoch, epochs: the same of epochs.
        metrics: metric to the group that names it (with a factor) and its place.
        test: whether its loss is of a test set.
    """

    step: Span | None = None
    steps: Span | None = None
    epoch: Span | None = None
    epochs: Span | None = None
    metrics: dict[str, tuple[str, Span]] = field(default_factory=dict)
    test: bool = False

    @property
    def curve(self) -> bool:
        """Whether it holds a loss."""
        return not CURVES.isdisjoint(self.metrics)

    def fields(self) -> list[tuple[str, int, int]]:
        """Its metrics, as a shape gives them."""
        return [(group, *span) for group, span in self.metrics.values()]


@dataclass(frozen=True, slots=True)
class _Item:
    """A number with its key."""

    name: str
    rank: int
    factor: float
    value: Span
    of: Span | None


@lru_cache(maxsize=64)
def sentence(text: bytes) -> Sentence | None:
    """What a line says of a training; None when it is no such line."""
    if len(text) > _LONGEST or not _CURVE.search(text) or _CODE.search(text):
        return None
    bar = _BAR.search(text)
    return _Reader(text).read(bar.end() if bar else 0)


class _Reader:
    """Reads one line from left to right."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.said = Sentence()
        self.ranks: dict[str, int] = {}
        self.side = ""  # whose the next numbers are, by words between numbers
        self.key_side = ""  # the same, by the last key

    def read(self, start: int) -> Sentence | None:
        """The line from `start` on."""
        at = start
        for pair in _PAIR.finditer(self.text, start):
            begin, item = self._item(pair)
            gap = self.text[at:begin]
            self._turn(gap)
            at = pair.end()
            if item is None:
                continue
            if item.name in CURVES | {"step", "epoch"} and _repeats(gap):
                if item.name == "step":
                    return None
                continue
            self._take(item)
        self._count(start)
        self._rates(start)
        return self.said if self.said.metrics else None

    def _turn(self, gap: bytes) -> None:
        for found in _SIDE.finditer(gap):
            self.side = self.key_side = found.lastgroup or ""

    def _item(self, pair: re.Match[bytes]) -> tuple[int, _Item | None]:
        """Where the key that is known begins, and the number it is the key of."""
        of = pair.span("of") if pair["of"] else None
        unit = (pair["unit"] or b"").decode("utf-8", "replace").strip()
        for word in _PART.finditer(pair["key"]):
            begin = pair.start("key") + word.start()
            name = pair["key"][word.start() :].decode("ascii", "replace")
            meant = self._meaning(name, unit, pair)
            if meant is not None:
                metric, rank, factor = meant
                return begin, _Item(metric, rank, factor, pair.span("value"), of)
        return pair.end("key"), None

    def _meaning(
        self, name: str, unit: str, pair: re.Match[bytes]
    ) -> tuple[str, int, float] | None:
        simple = plain(name)
        if simple in _BATCHES:
            return ("step", _LATE, 1.0) if _whole(pair) else None
        if simple in _BY_UNIT and unit in _BY_UNIT[simple][1]:
            return _BY_UNIT[simple][0], _LATE, _BY_UNIT[simple][1][unit]
        meant = key(name)
        if meant is None or (simple in _VAGUE and not _fraction(pair)):
            return None
        if meant.name in {"step", "epoch", "max_steps"}:
            return (meant.name, meant.rank, 1.0) if _whole(pair) and not unit else None
        if unit and unit not in _UNITS.get(meant.name, {}):
            return None
        factor = _UNITS[meant.name][unit] if unit else meant.scale
        return (
            None
            if pair["of"]
            else (self._whose(meant.name, simple), meant.rank, factor)
        )

    def _whose(self, metric: str, simple: str) -> str:
        if simple.startswith("tr"):
            self.key_side = "train"
        elif metric.startswith("val_"):
            self.key_side = "val"
        elif metric in _HELD_OUT:
            side = self.side if metric == "loss" else self.key_side
            return _HELD_OUT[metric] if side in {"val", "test"} else metric
        return metric

    def _take(self, item: _Item) -> None:
        if item.rank >= self.ranks.get(item.name, _LATE + 1):
            return
        self.ranks[item.name] = item.rank
        if item.name == "step":
            self.said.step, self.said.steps = item.value, item.of
        elif item.name == "max_steps":
            self.said.steps = self.said.steps or item.value
        elif item.name == "epoch":
            self.said.epoch, self.said.epochs = item.value, item.of
        else:
            place = item.factor != 1.0 and f"__{_FACTORS.index(item.factor)}"
            group = item.name + (place or "")
            self.said.metrics[item.name] = (group, item.value)
            self.said.test |= item.name == "val_loss" and self.side == "test"

    def _count(self, start: int) -> None:
        """A step that no word names: after the epoch, or in front of all."""
        if self.said.step is not None:
            return
        if self.said.epoch is not None:
            end = (self.said.epochs or self.said.epoch)[1]
            found = _AFTER_EPOCH.match(self.text, end)
        else:
            found = _BARE.search(self.text, start)
        if found is None:
            return
        group = "step" if found["step"] else "step__of"
        self.said.step = found.span(group)
        self.said.steps = found.span("of") if found["of"] else None

    def _rates(self, start: int) -> None:
        for found in _RATE.finditer(self.text, start):
            group = found.lastgroup or ""
            name = group.partition("__")[0]
            thousands = found["thousands"].decode()
            if thousands:
                group = f"{name}__{_FACTORS.index(_COUNTS[thousands])}"
            self.said.metrics.setdefault(name, (group, found.span("value")))


def _repeats(gap: bytes) -> bool:
    return bool(_REPEATS.search(gap) or _QUALIFIED.search(gap))


_WHOLE: Final = re.compile(rb"\d{1,15}|\d{1,3}(?:,\d{3}){1,4}")


def _whole(pair: re.Match[bytes]) -> bool:
    return bool(_WHOLE.fullmatch(pair["value"]))


def _fraction(pair: re.Match[bytes]) -> bool:
    return not _WHOLE.fullmatch(pair["value"])


def groups(said: Sentence) -> Iterator[tuple[str, int, int]]:
    """The words of a sentence: step, number of steps, epoch."""
    if said.step is not None:
        yield "step", *said.step
    if said.epoch is not None:
        yield "epoch", *said.epoch
