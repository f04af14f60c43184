"""Printed dictionaries and progress bars, as the Hugging Face Trainer prints them."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Ints
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.engine.templates import Raw
from parsers.format import Fields, LinePattern
from parsers.keyvalue.merged import Merged
from parsers.keyvalue.records import Entry, entry
from parsers.keyvalue.rows import SCALE, fields
from parsers.keyvalue.vocabulary import CURVES, depends_on_digits, key


_ITEM: Final = re.compile(
    rb"'([\w/ .()-]{1,64})': ?(?:np\.float\d+\()?(['\"]?)([-+]?[\w.+-]+)"
    rb"(?:/\d+)?\2\)?(?=[,}])"
)
# LLaMA-Factory repeats a record with four decimals of the learning rate.
_SAME_LR: Final = 6e-5
_SAME: Final = ("loss", "val_loss", "epoch")
_ABSENT: Final = -np.inf
BAR: Final = re.compile(
    rb"(?:^|\]:? ?|\d: ?|\) ?)\s*\d+%(?:\|[^|]*\|)?\s*(\d{1,15})/(\d{1,15}) "
    rb"\[[^\]]{0,99}(?:it/s|s/it)"
)
SUMMARY: Final = b"'train_runtime'"


def may_be_bar(text: bytes) -> bool:
    """A quick test."""
    return b"%|" in text or (b"% " in text and b" [" in text)


def _locate(text: bytes) -> Fields | None:
    """Where the values of a dictionary stand, if columns can read it."""
    if b"{'" not in text or SUMMARY in text or may_be_bar(text):
        return None
    items = list(_ITEM.finditer(text, text.find(b"{'")))
    names = [item[1].decode("ascii", "replace") for item in items]
    if any(map(depends_on_digits, names)):
        return None
    found = [
        (meant, item.span(3))
        for name, item in zip(names, items, strict=True)
        if (meant := key(name)) and number(item[3]) is not None
    ]
    return fields(found) if not CURVES.isdisjoint(k.name for k, _ in found) else None


def _locate_bar(text: bytes) -> Fields | None:
    """The count of a bar, if it is the only one in its line."""
    if b"{'" in text or not may_be_bar(text):
        return None
    bars = list(BAR.finditer(text))
    return (
        [("step", *bars[0].span(1)), ("max_steps", *bars[0].span(2))]
        if len(bars) == 1
        else None
    )


def _locate_other(text: bytes) -> Fields | None:
    """A number in a line that is a bar of something else, and nothing more."""
    if b"{'" in text or b"_loss " in text or not may_be_bar(text) or BAR.search(text):
        return None
    found = re.search(rb"\d++", text)
    return [("step", *found.span())] if found else None


ROWS: Final = LinePattern("dictionary", _locate, scale=SCALE)
BARS: Final = LinePattern("bar", _locate_bar)
OTHERS: Final = LinePattern("other bar", _locate_other)


def parsed(text: bytes) -> Entry:
    """What the dictionary in a line states."""
    found = []
    for name, _, value in _ITEM.findall(text, text.find(b"{'")):
        meant, is_worth = key(name.decode("ascii", "replace")), number(value)
        if meant and is_worth is not None:
            found.append((meant, is_worth))
    return entry(found)


def left_lines(piece: Piece, tables: Iterable[Raw]) -> list[int]:
    """Lines that columns do not read and that are not empty, by their index."""
    left = np.ones(len(piece), dtype=bool)
    for table in tables:
        left[table.lines - piece.first] = False
    lines = piece.lines if left.any() else ()
    return [i for i in np.flatnonzero(left).tolist() if lines[i].strip()]


def same(one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether two dictionaries are one record, printed twice and perhaps rounded."""
    if [str(one.get(n)) for n in _SAME] != [str(other.get(n)) for n in _SAME]:
        return False
    return math.isclose(one.get("lr", 0), other.get("lr", 0), rel_tol=_SAME_LR)


def repeated(rows: Merged, free: Ints, first: Mapping[str, float]) -> NDArray[np.bool_]:
    """Which rows are the record before them, printed twice; `first` is before all."""
    again = np.ones(len(free), dtype=bool)
    for name in _SAME:
        column = rows.column(name, _ABSENT)[free]
        before = np.append(first.get(name, _ABSENT), column[:-1])
        again &= (column == before) | (np.isnan(column) & np.isnan(before))
    lr = rows.column("lr", 0.0)[free]
    before = np.append(first.get("lr", 0.0), lr[:-1])
    most = np.maximum(np.abs(lr), np.abs(before))
    again &= (lr == before) | (np.abs(lr - before) <= _SAME_LR * most)
    return again
