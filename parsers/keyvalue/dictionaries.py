"""Python dictionaries of named values, as programs print them one a record."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.engine.templates import Raw, Templates
from parsers.format import Fields, Format, LinePattern
from parsers.keyvalue.records import Entry, entry
from parsers.keyvalue.rows import SCALE, fields
from parsers.keyvalue.vocabulary import depends_on_digits, is_curve, key


ITEM: Final = re.compile(
    rb"'([\w/ .()-]{1,64})': ?(?:np\.float\d+\()?(['\"]?)([-+]?[\w.+-]+)"
    rb"(?:/\d+)?\2\)?(?=[,}])"
)
# `step 10 {'loss': 2.3}`
STEP: Final = re.compile(
    rb"(?i)(?<![a-z-])(?:step|iter|iteration)s?[ :=#]{1,4}(\d{1,15})(?![\d.])"
)
# `rl_loss: -0.003, reward_data: {'total_num': 64}` is no record of the Trainer.
OWN_LOSS: Final = re.compile(rb"loss\w{0,32}+ ?[:=] ?[-+]?\d")
SUMMARY: Final = b"'train_runtime'"


def located(text: bytes) -> Fields | None:
    """Where the values of a dictionary stand."""
    items = list(ITEM.finditer(text, text.find(b"{'")))
    names = [item[1].decode("ascii", "replace") for item in items]
    if any(map(depends_on_digits, names)):
        return None
    return fields(
        (meant, item.span(3))
        for name, item in zip(names, items, strict=True)
        if (meant := key(name)) and number(item[3]) is not None
    )


def parsed(text: bytes) -> Entry:
    """What the dictionary in a line states."""
    found = []
    for name, _, value in ITEM.findall(text, text.find(b"{'")):
        meant, is_worth = key(name.decode("ascii", "replace")), number(value)
        if meant and is_worth is not None:
            found.append((meant, is_worth))
    return entry(found)


def same(one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether two dictionaries are one record, printed twice and perhaps rounded."""
    losses = [n for n in {*one, *other} if n == "epoch" or is_curve(n)]
    if [str(one.get(n)) for n in losses] != [str(other.get(n)) for n in losses]:
        return False
    loss = one.get("loss", 1.0)
    if (loss == 0 or math.isnan(loss)) and one.keys() == other.keys():
        return False  # a loss that stays at 0, or NaN, is no repetition
    # LLaMA-Factory repeats a record with four decimals of the learning rate.
    return f"{one.get('lr', 0):.4e}" == f"{other.get('lr', 0):.4e}"


def _located_record(text: bytes) -> Fields | None:
    """Where the values of a record that names no step stand."""
    start = text.find(b"{'")
    if start < 0 or SUMMARY in text:
        return None
    if OWN_LOSS.search(text, 0, start) or STEP.search(text, 0, start):
        return None
    found = located(text) or ()
    names = [group.partition("__")[0] for group, _, _ in found]
    if {"step", "max_steps"} & set(names) or not any(map(is_curve, names)):
        return None
    return found


@dataclass(frozen=True, slots=True)
class Dictionary:
    """A dictionary in a line, or several of one training that follow each other.

    Attributes:
        line: of the first.
        table, rows: where they stand; no rows for one that is read by itself.
    """

    line: int
    table: Raw | None = None
    rows: slice = field(default_factory=lambda: slice(0))


class Runs:
    """Finds dictionaries of one training that follow each other, by columns."""

    def __init__(self) -> None:
        pattern = LinePattern("row", _located_record, step="none", scale=SCALE)
        self._templates = Templates((Format("rows", "", (), (pattern,)),))

    def read(self, piece: Piece) -> Iterator[Dictionary]:
        """The dictionaries of a piece, in the order of the log.

        Those in a run are of training, each with a value other than the one before, and
        no epoch is before another.
        """
        tables = self._templates.read(piece).taken[0]
        left = np.ones(len(piece), dtype=bool)
        for table in tables:
            left[table.lines - piece.first] = False
        single = [i for i in np.flatnonzero(left).tolist() if b"{'" in piece.lines[i]]
        lines = [table.lines for table in tables]
        lines.append(np.array(single, dtype=np.int64) + piece.first)
        order = np.concatenate(lines).argsort(kind="stable")
        if not len(order):
            return
        which = np.repeat(np.arange(len(lines)), [len(part) for part in lines])[order]
        row = np.concatenate([np.arange(len(part)) for part in lines])[order]
        goes_on = np.concatenate([*map(_goes_on, tables), np.zeros(len(single), bool)])
        goes_on = goes_on[order] & (np.diff(which, prepend=-1) == 0)
        begins = np.flatnonzero(np.diff(goes_on, prepend=False) | ~goes_on).tolist()
        for start, end in zip(begins, [*begins[1:], len(order)], strict=True):
            k, first = int(which[start]), int(row[start])
            line = int(lines[k][first])
            if goes_on[start]:
                rows = slice(first, first + end - start)
                yield Dictionary(line, tables[k], rows)
            else:
                yield Dictionary(line)


def _goes_on(table: Raw) -> NDArray[np.bool_]:
    """Rows of training that are certainly no repetition of the one before."""
    other = np.zeros(len(table.lines), dtype=bool)
    if "loss" not in table.columns:
        return other
    for name, column in table.columns.items():
        if name == "epoch" or is_curve(name):
            now, before = column[1:], column[:-1]
            other[1:] |= (now != before) & ~(np.isnan(now) & np.isnan(before))
    if "epoch" in table.columns:
        epoch = table.columns["epoch"]
        other[1:] &= ~(epoch[1:] < epoch[:-1])
    return other
