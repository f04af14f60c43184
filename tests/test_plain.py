"""Looks that are read the short way give what the general way gives."""

import json
import random
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.batch import Floats
from parsers.delta import Delta
from parsers.engine import plain
from parsers.engine.templates import Templates
from parsers.formats import FORMATS
from parsers.parser import Parser


FIXTURES = sorted((Path(__file__).parent / "data").glob("*/train.log"))
SAMPLES = [sample.encode() for form in FORMATS for sample in form.samples]
NANOGPT = b"iter %d: loss %s, time %d.%02dms, mfu %d.20%%\n"


def looks(rows: Sequence[bytes], rng: random.Random) -> list[bytes]:
    """Lines as a daemon reads them: a few at a time, behind many."""
    start = len(rows) // 3
    found = [b"".join(rows[:start])]
    while start < len(rows):
        end = start + rng.randint(1, 8)
        found.append(b"".join(rows[start:end]))
        start = end
    return found


def bits(column: tuple[str, Floats]) -> tuple[str, bytes]:
    """The name of a metric, and its values."""
    return column[0], column[1].tobytes()


def content(delta: Delta) -> Any:
    """A delta as plain values, bit by bit; of several batches in any order."""
    batches = [
        (b.pattern, b.lines.tobytes(), b.steps.tobytes(), *map(bits, b.values.items()))
        for b in delta.batches
    ]
    kept = delta.reset, delta.format, delta.planned, delta.lines
    return kept, sorted(batches), delta.milestones, delta.hyperparameters


def followed(pieces: Sequence[bytes], *, short: bool) -> list[Any]:
    """What each look adds, and the parser's state behind it."""
    with pytest.MonkeyPatch.context() as patch:
        if not short:
            patch.setattr(plain, "is_plain", lambda _: False)
            patch.setattr(Templates, "_alike", lambda *_: None)
        parser = Parser()
        return [
            (content(parser.feed(piece)), json.dumps(parser.state()))
            for piece in pieces
        ]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.parent.name)
def test_every_format_is_followed_alike(path: Path) -> None:
    """The records of each look, and all that later looks need, are the same."""
    pieces = looks(path.read_bytes().splitlines(keepends=True), random.Random(7))

    assert followed(pieces, short=True) == followed(pieces, short=False)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.sampled_from(SAMPLES), min_size=1, max_size=3), st.integers(0, 1 << 32)
)
def test_mixed_lines_are_followed_alike(lines: list[bytes], seed: int) -> None:
    """The same of lines of several formats, with any digits, and restarts."""
    rng = random.Random(seed)
    rows = [
        re.sub(rb"\d", lambda _: b"%d" % rng.choice((rng.randrange(10), 42)), line)
        + b"\n"
        for line in rng.choices(lines, k=150)
    ]
    pieces = looks(rows, rng)

    assert followed(pieces, short=True) == followed(pieces, short=False)


@pytest.mark.parametrize("loss", [b"2.5", b"nan", b"inf", b"1e-05", b"12345678901.5"])
def test_the_short_way_is_taken(loss: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of nanoGPT, of any widths, need no array of steps."""
    parser = Parser()
    parser.feed(b"".join(NANOGPT % (i, b"3.25", 250, 7, 11) for i in range(200)))
    monkeypatch.setattr("parsers.engine.steps.anchors", None)

    delta = parser.feed(NANOGPT % (200, loss, 1000, 5, 9))

    (batch,) = delta.batches
    assert batch.steps.tolist() == [200]
    assert batch.values["loss"].tobytes() == struct.pack("<d", float(loss))
