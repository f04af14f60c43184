"""Words are found in a block wherever they stand, in small letters and capitals."""

import random

import pytest

from parsers.engine.known import KnownMasks
from parsers.engine.pieces import Block
from parsers.engine.words import WordFinder
from parsers.hyperparameters.names import STEMS
from parsers.milestones import WORDS


LISTS = {
    "all that state something": (*WORDS, *STEMS),
    "two letters": ("lr", "lrx", "k lr"),
    "no letters of their own": ("abc", "bcd", "abd", "xabc", "abcd", "dab", "cabd"),
    "with signs": ("_a_", "gptwatch: {", "  ", "/s"),
}


def cased(word: str, chosen: random.Random) -> str:
    """The word, some of its letters as capitals."""
    return "".join(chosen.choice([c, c.upper()]) for c in word)


@pytest.mark.parametrize("words", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("count", [1, 40, 3000])
def test_each_line_that_holds_a_word_is_marked(
    words: tuple[str, ...], count: int
) -> None:
    chosen = random.Random(count)
    noise = "abcdelrsnt _{:\u00e4\n"
    rows = "".join(
        "".join(chosen.choices(noise, k=chosen.randrange(30)))
        + cased(chosen.choice(words), chosen) * (chosen.random() < 0.3)
        + "\n" * (chosen.random() < 0.9)
        for _ in range(count)
    ).splitlines()
    block = Block("".join(row + "\n" for row in rows).encode(), 1, KnownMasks())

    marked = WordFinder(frozenset(words)).may_hold(block).tolist()

    holding = [any(word in row.lower() for word in words) for row in rows]
    assert [True] * sum(holding) == [
        m for m, h in zip(marked, holding, strict=True) if h
    ]


def test_few_other_lines_are_marked() -> None:
    """Where the same three letters stand in another word, the rest is compared."""
    rows = [b"it trains on the main road, moreover", b"losing crosses"] * 100
    block = Block(b"\n".join([*rows, b""]), 1, KnownMasks())
    words = frozenset({"train-", " train ", "memory", "loss"})

    assert not WordFinder(words).may_hold(block).any()
