"""Numbers of free text with their keys: `Training Loss: 8.1`, `lr 1e-4`."""

import re
from dataclasses import dataclass, replace
from typing import Final

from parsers.keyvalue.counts import Span
from parsers.keyvalue.pairs import AMOUNT
from parsers.keyvalue.units import BY_UNIT, UNITS
from parsers.keyvalue.vocabulary import CURVES, KEYS, Key, key, plain
from parsers.keyvalue.words import MEAN, OTHERS, WRAPPED


# What is not possessive here is tried again from each of its ends.
_WORD: Final = rb"[A-Za-z_][\w/.()\[\]@-]{0,127}+"
PAIR: Final = re.compile(
    rb"(?<![\w/.-])(?P<key>"
    + _WORD
    + rb"(?: "
    + _WORD
    + rb"){0,3}?)(?: \((?:last|mean|avg|over) [\w ]{1,16}\))?+"
    rb"(?:[\"'\])]*+\s*+[:=#]\s*+(?:"
    + WRAPPED
    + rb")?|\s++(?:(?:[-~]|[-=]>|is|was)\s++|tensor\()?)"
    rb"[\"'\[(]*+\s*+"
    rb"(?P<value>" + AMOUNT + rb")(?:(?: ?/ ?| of )(?P<of>\d+)(?!\w))?"
    rb"(?P<unit>%| ?(?:[mun]?s|secs?|mins?|[kKMGB]|[kKMG]i?B)(?![\w/]))?"
    rb"(?!\w|[.:-]\d|/\d| ?(?:USD|EUR|GBP|dollars|euros|points|gold|kg)\b)"
)
_PART: Final = re.compile(rb"[^ ]+")
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
WHOLE: Final = re.compile(rb"\d{1,15}|\d{1,3}(?:,\d{3}){1,4}")
# Names that alone may be of anything: only a fraction can be a loss.
_VAGUE: Final = frozenset(
    {"train", "val", "valid", "validation", "heldout", "lm", "ce"}
    | {"mse", "bce", "cost", "objective"}
)
_DATA_SETS: Final = frozenset({"train", "val", "valid", "validation"})
POINTS: Final = CURVES | {"running_loss"}
NUMBERED: Final = frozenset({"step", "epoch", "max_steps"})
LATE: Final = 1000
# A key that is known behind words that are not names a part: `Focal Loss`.
PART_OF: Final = 500
# Names that need another one in the line, and the rank of each: what the letters are is
# certain where both losses stand (`d1=0.71 d2=0.69 g=4.5`), a score where it counts
# episodes.
LETTER: Final = 900
_DEPENDENT: Final = {
    "g": ("generator_loss", LETTER),
    "d": ("discriminator_loss", LETTER),
    "d0": ("discriminator_loss", LETTER),
    **dict.fromkeys(
        ("score", "avg_score", "average_score", "mean_score"), ("score", PART_OF)
    ),
}
ADVERSARIAL: Final = frozenset({"generator_loss", "discriminator_loss"})
# The lines of a template differ in their digits: no key may depend on one.
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_ZEROED: Final = {
    text.translate(str.maketrans("123456789", "000000000")): meant
    for text, meant in KEYS.items()
    if not text.isalpha()
}


@dataclass(frozen=True, slots=True)
class Item:
    """A number with its key."""

    name: str
    rank: int
    factor: float
    value: Span
    of: Span | None
    side: str = ""
    bare: bool = False  # whether its key names a data set only: `Val: 0.78`


def item_of(pair: re.Match[bytes]) -> tuple[int, Item | None]:
    """Where the key that is known begins, and the number it is the key of."""
    known = pair["key"].translate(_DIGITS).decode("ascii", "replace")
    if OTHERS.search(known):
        return pair.end("key"), None
    for word in _PART.finditer(pair["key"]):
        begin = pair.start("key") + word.start()
        item = _meant(known[word.start() :], pair)
        if item is not None and item.name == "loss" and MEAN.search(plain(known)):
            item = replace(item, name="running_loss")
        if item is not None:
            if word.start() and item.name in POINTS:
                if WHOLE.fullmatch(pair.string, *item.value):
                    return pair.end("key"), None  # `team B loss 3`
                item = replace(item, rank=item.rank + PART_OF)
            return begin, item
    return pair.end("key"), None


def _meant(name: str, pair: re.Match[bytes]) -> Item | None:
    simple, unit = plain(name), (pair["unit"] or b"").decode().strip()
    begin, end = pair.span("value")
    # `Epoch 3. Loss: 2.1`: what ends the sentence is no part of its number.
    value = begin, end - pair["value"].endswith(b".")
    whole = bool(WHOLE.fullmatch(pair.string, *value))
    of = pair.span("of") if pair["of"] else None
    special = _special(simple, unit, value, of, whole=whole)
    if special is not None:
        return special
    known = key(name) or _ZEROED.get(simple) or _last_of_path(name)
    if known is None or (simple in _VAGUE and whole):
        return None
    if known.name in NUMBERED:
        fits = not unit and (whole or known.name == "epoch")
        return Item(known.name, known.rank, 1.0, value, of) if fits else None
    units = UNITS.get(known.name, {})
    if of or (unit and unit not in units):
        return None
    factor = units[unit] if unit else known.scale
    side = "train" if simple.startswith("tr") else "test" * simple.startswith("test")
    bare = simple in _DATA_SETS
    return Item(known.name, known.rank, factor, value, of, side, bare)


def _special(
    simple: str, unit: str, value: Span, of: Span | None, *, whole: bool
) -> Item | None:
    """Names that mean something by their unit or by what stands beside them only."""
    if simple in _BATCHES or (simple == "i" and of):
        # The batches of an epoch, not those of the run.
        fits = whole and not unit
        return Item("step", LATE, 1.0, value, of, "batch") if fits else None
    if unit in BY_UNIT.get(simple, ("", {}))[1]:
        metric, factors = BY_UNIT[simple]
        return Item(metric, LATE, factors[unit], value, of)
    known, rank = _DEPENDENT.get(simple, ("", 0))
    if not known or unit or of or (whole and rank == LETTER):
        return None
    return Item(known, rank, 1.0, value, None)


def _last_of_path(name: str) -> Key | None:
    """`perf/mfu` is `mfu`; a loss of something else is none."""
    known = key(name.rpartition("/")[2]) if "/" in name else None
    return None if known and known.name in CURVES | NUMBERED else known
