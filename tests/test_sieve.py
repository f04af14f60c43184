"""What is found out by masks is what each line alone shows."""

import random
import re

import pytest

from parsers.engine.known import KnownMasks
from parsers.engine.pieces import Block
from parsers.engine.sieve import Sieve


def lines(count: int, seed: int) -> list[bytes]:
    """Lines of many masks, short and long, some of them empty."""
    chosen = random.Random(seed)
    words = ["loss", "0.25", "17", "", "step", "x" * 40, "y" * 1100, "9"]
    return [
        " ".join(chosen.choices(words, k=chosen.randrange(5))).encode()
        for _ in range(count)
    ]


@pytest.mark.parametrize("words", [None, frozenset({"loss", "other"})])
@pytest.mark.parametrize("count", [3, 40, 5000])
def test_lines_are_picked_as_one_by_one(
    count: int, words: frozenset[str] | None
) -> None:
    """In the first block of a log and in later ones."""
    known = KnownMasks()
    sieve = Sieve(lambda line: b"loss" in line, words)
    for seed in range(3):
        rows = lines(count, seed)
        block = Block(b"".join(row + b"\n" for row in rows), 1, known)
        assert [i for i, row in enumerate(rows) if b"loss" in row] == sieve.lines(block)


def test_lines_of_one_number_have_one_mask() -> None:
    """And lines of one mask have one number, in all blocks."""
    known = KnownMasks()
    numbers: dict[bytes, set[int]] = {}
    for seed in range(3):
        rows = lines(5000, seed)
        block = Block(b"".join(row + b"\n" for row in rows), 1, known)
        for row, number in zip(rows, block.numbers.tolist(), strict=True):
            if number:
                numbers.setdefault(re.sub(rb"\d", b"0", row), set()).add(number)
    assert len(numbers) > 256
    assert {1} == set(map(len, numbers.values()))
    assert len(numbers) == len(set.union(*numbers.values()))


def test_an_outline_holds_what_has_no_digits() -> None:
    """Each mask stands in it, and each line without one."""
    rows = 25 * lines(200, 1)
    block = Block(b"".join(row + b"\n" for row in rows), 1, KnownMasks())
    shown = {re.sub(rb"\d", b"0", row) for row in block.outline.split(b"\n")}
    assert {re.sub(rb"\d", b"0", row) for row in rows} <= shown
    assert len(block.outline) < len(block.data)
