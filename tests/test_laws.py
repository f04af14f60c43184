"""The laws that hold for every format, and for bytes that are no log at all."""

import json
import random
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracle import known, once

from parsers.formats import FORMATS
from parsers.parser import Parser
from watcher.analysis.pipeline import analyse
from watcher.outputs.report.json import document, to_json
from watcher.storage.columns import Run


FIXTURES = sorted((Path(__file__).parent / "data").glob("*/train.log"))
SAMPLES = [sample.encode() for form in FORMATS for sample in form.samples]

assert FIXTURES, "no fixtures under tests/data"


def read(chunks: Iterable[bytes], *, sittings: bool = False) -> bytes:
    """The data document of a log given in chunks; a new sitting after each."""
    parser, run = Parser(), Run()
    for chunk in chunks:
        delta = parser.feed(chunk)
        assert all((np.diff(batch.lines) > 0).all() for batch in delta.batches)
        run.add(delta)
        if sittings:
            parser = Parser.restore(json.loads(json.dumps(parser.state())))
    run.add(parser.flush())
    analysis = analyse(run, name="run", path="run")
    source: dict[str, Any] = {
        "lines": parser.lines,
        "unread": parser.unread,
        "examples": parser.unread_examples,
    }
    return to_json(document(analysis, source))


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """The bytes cut at some places."""
    cuts = sorted({min(place, len(data)) for place in places})
    starts, ends = [0, *cuts], [*cuts, len(data)]
    return [data[s:e] for s, e in zip(starts, ends, strict=True)]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.parent.name)
def test_any_chunking_gives_the_same_document(path: Path) -> None:
    """Reading byte by byte or in odd pieces equals reading at once."""
    data = path.read_bytes()

    whole = read([data])

    for size in (1, 7, 64, 1000):
        assert whole == read(cut(data, range(size, len(data), size)))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: p.parent.name)
def test_two_sittings_equal_one(path: Path) -> None:
    """Reading on from a saved state gives what reading at once gives."""
    data = path.read_bytes()
    places = range(0, len(data), max(1, len(data) // 23))

    assert read([data]) == read(cut(data, places), sittings=True)


def varied(line: bytes, rng: random.Random) -> bytes:
    """The line with other digits, now and then with one more."""
    return re.sub(rb"\d", lambda _: b"%d" % rng.choice((rng.randrange(10), 42)), line)


@settings(max_examples=examples(30), deadline=None)
@given(
    st.lists(st.sampled_from(SAMPLES), min_size=1, max_size=4),
    st.integers(0, 1 << 32),
    st.integers(1, 12),
)
# Exponents of many digits: the variance of such losses is infinite.
@example([b"train 000 2.314571e+00 10.937500 51.562500"], 0, 1)
# A piece without a dictionary, of a log with some.
@example([b"step 0: train loss 4.3480, val loss 4.3422", b"{'loss': 8.2617}"], 0, 1)
def test_many_lines_at_once_give_what_a_few_give(
    lines: list[bytes], seed: int, few: int
) -> None:
    """Reading by columns and reading line by line give the very same numbers."""
    rng = random.Random(seed)
    written = [varied(rng.choice(lines), rng) + b"\n" for _ in range(200)]
    pieces = [b"".join(written[i : i + few]) for i in range(0, len(written), few)]

    assert read([b"".join(written)]) == read(pieces)


@pytest.mark.parametrize(
    "text",
    [
        # N of the run, then N of an epoch.
        "loss: 2.5 [4/100]\nEpoch 2\nloss: 2.4 [6/20]\n",
        "loss: 2.5 [4/100]\nloss: 2.4 [5/0]\n",
        # Times of whole seconds, then of milliseconds.
        """\
10:00:01 epoch 1 - iter 1/9 - loss 0.5
10:00:03,500 epoch 1 - iter 2/9 - loss 0.4
""",
        # The first step is that of a rank that is not followed.
        """\
(0/4) Epoch 1, validation: loss=0.91, over
(1/4) Epoch 1, batch 50, loss[loss=1.2, over 5012.00 frames. ]
(0/4) Epoch 1, validation: loss=0.91, over
step:1 - actor/pg_loss:-0.0123
""",
    ],
)
def test_a_line_means_the_same_alone_and_among_others(text: str) -> None:
    """All that is known of a run, also what no document shows."""
    run, parser = Run(), Parser()
    for line in text.splitlines(keepends=True):
        run.add(parser.feed(line.encode()))
    run.add(parser.flush())

    assert known(run) == once(text.encode())


mixed = st.lists(
    st.one_of(st.sampled_from(SAMPLES), st.binary(max_size=30)), max_size=12
)
joints = st.sampled_from([b"\n", b"\r", b"", b"\r\n"])


@settings(max_examples=examples(150), deadline=None)
@given(mixed, joints, st.lists(st.integers(0, 400), max_size=5))
def test_no_bytes_raise_and_cuts_do_not_matter(
    pieces: list[bytes], joint: bytes, places: list[int]
) -> None:
    """Whatever the bytes, reading ends with a document, the same for any cuts."""
    data = joint.join(pieces)

    assert read([data]) == read(cut(data, places), sittings=True)
