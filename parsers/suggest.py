"""Proposes a format for a log that no known one reads.

Lines that are equal but for their digits are printed by one statement of a program.
The most frequent of these that hold a loss and a rising number become line patterns,
in the syntax of RE2, and are tried on the log itself.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from parsers.format import Format, line
from parsers.keyvalue.vocabulary import CURVES, key
from parsers.parser import Parser


_NUMBER: Final = rb"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_VALUE: Final = r"[-+]?[\d.]+(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf)"
_NUMBERS: Final = re.compile(_NUMBER)
_WORDS: Final = re.compile(
    rb"[A-Za-z][A-Za-z_./-]{0,31}(?: [A-Za-z_./-]{1,31})?\W{0,8}$"
)
_DIGITS: Final = re.compile(rb"\d+")
_HELD_OUT: Final = re.compile(r"val|test|eval|dev|held")
_LONGEST: Final = 1024
_LOOKED_AT: Final = 20_000  # lines
_LEAST: Final = 3
_STEP_DIGITS: Final = 15
_PATTERNS: Final = 3
_LITERAL: Final = 24  # bytes of a line before a number


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Line patterns that would read a log.

    Attributes:
        patterns: in the syntax of `[[formats]]`.
        points: metric to the number of records that they give.
        first: metric to the step and value of its first record.
    """

    patterns: tuple[str, ...]
    points: dict[str, int]
    first: dict[str, tuple[int, float]]


def suggest(lines: Sequence[bytes]) -> Suggestion | None:
    """Patterns for the lines of a log that hold a loss, None if none seem to."""
    groups: dict[bytes, list[bytes]] = defaultdict(list)
    for text in lines[:_LOOKED_AT]:
        if len(text) <= _LONGEST and _DIGITS.search(text):
            groups[_DIGITS.sub(b"0", text)].append(text)
    alike = sorted(groups.values(), key=len, reverse=True)
    found = [p for group in alike if len(group) >= _LEAST and (p := _pattern(group))]
    patterns = tuple(dict.fromkeys(found))[:_PATTERNS]
    return _tried(patterns, lines) if patterns else None


def _pattern(group: Sequence[bytes]) -> str | None:
    """The pattern of equal lines; None without a step and a loss."""
    text = group[0]
    spans = [m.span() for m in _NUMBERS.finditer(text)]
    names = [_name(text[:start]) for start, _ in spans]
    step = _step(group, names)
    losses = {
        metric: at
        for at, name in reversed(list(enumerate(names)))
        if at != step and (metric := _metric(name))
    }
    if step is None or CURVES.isdisjoint(losses):
        return None
    chosen = {step: "step"} | {at: metric for metric, at in losses.items()}
    parts = []
    for at in sorted(chosen):
        kind = r"\d+" if chosen[at] == "step" else _VALUE
        parts.append(f"{_literal(text[: spans[at][0]])}(?P<{chosen[at]}>{kind})")
    return ".*?".join(parts)


def _step(group: Sequence[bytes], names: Sequence[str]) -> int | None:
    """The number that is called a step, or else the first whole one that rises."""
    for at, name in enumerate(names):
        known = key(name)
        if known and known.name in {"step", "epoch"}:
            return at
    rows = [_NUMBERS.findall(text) for text in group]
    for at in range(len(names)):
        column = [row[at] for row in rows if len(row) == len(names)]
        digits = (c for c in column if c.isdigit() and len(c) <= _STEP_DIGITS)
        whole = [int(cell) for cell in digits]
        if len(whole) == len(column) and all(np.diff(whole) > 0):
            return at
    return None


def _name(before: bytes) -> str:
    """The words in front of a number."""
    words = _WORDS.search(before[-_LONGEST:])
    return words[0].decode("ascii", "replace").strip(" :=|([<>-") if words else ""


def _metric(name: str) -> str | None:
    known = key(name) or key(name.rpartition(" ")[2])
    if known:
        return known.name if known.name != "epoch" and known.scale == 1 else None
    lower = name.lower()
    if "loss" not in lower and lower not in {"l", "nll", "err", "cost", "error"}:
        return None
    return "val_loss" if _HELD_OUT.search(lower) else "loss"


def _literal(before: bytes) -> str:
    """What stands in front of a number, without digits, as a pattern."""
    tail = re.split(rb"\d", before)[-1][-_LITERAL:]
    text = tail.decode("ascii", "replace").rpartition("\ufffd")[2]
    return re.sub(r"\\?[ \t]+", r"\\s+", re.escape(text))


def _tried(patterns: tuple[str, ...], lines: Sequence[bytes]) -> Suggestion | None:
    rows = tuple(line(pattern, pattern.encode()) for pattern in patterns)
    parser = Parser((Format("suggested", "", samples=(), patterns=rows),))
    delta = parser.feed(b"\n".join([*lines, b""]))
    points: dict[str, int] = defaultdict(int)
    first: dict[str, tuple[int, float]] = {}
    for batch in delta.batches:
        for name, column in batch.values.items():
            points[name] += len(column)
            first.setdefault(name, (int(batch.steps[0]), float(column[0])))
    return Suggestion(patterns, dict(points), first) if points else None
