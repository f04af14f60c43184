"""Numbers of many widths: lines are read as the expression alone reads them."""

import random
import re
from collections.abc import Callable

import pytest

from parsers.engine.numbers import number
from parsers.engine.widths import extremes, may_count, runs_of
from parsers.format import Format, line
from parsers.parser import Parser
from parsers.patterns import COUNT, NUMBER, later, named
from watcher.storage.columns import Run


Make = Callable[[random.Random], str]


def digits(chosen: random.Random, most: int) -> str:
    """A run of digits, short ones as often as long ones."""
    return "".join(chosen.choices("0123456789", k=chosen.randint(1, most)))


def decimal(chosen: random.Random) -> str:
    """A number with a point."""
    return f"{digits(chosen, 4)}.{digits(chosen, 26)}"


CASES: dict[str, tuple[bytes, Make]] = {
    "free": (
        rb"it (?P<step>" + COUNT + rb") loss " + named("loss") + rb" lr " + named("lr"),
        lambda c: (
            f"it {digits(c, 18)} loss {decimal(c)} lr {decimal(c)}e-{digits(c, 2)}"
        ),
    ),
    "how far apart": (
        rb"it (?P<step>" + COUNT + rb") .{0,40}?loss " + named("loss"),
        lambda c: f"it {digits(c, 7)} a {decimal(c)} b {decimal(c)} loss {decimal(c)}",
    ),
    "the first that is near": (
        rb"it (?P<step>" + COUNT + rb").*?loss (?:.{0,20}? )??" + named("loss") + rb";",
        lambda c: f"it {digits(c, 7)} loss {decimal(c)} {decimal(c)}; {decimal(c)};",
    ),
    "least and greatest": (
        rb"it (?P<step>" + COUNT + rb") (?:\d+\.\d{1,9} |\d+\.\d{12,} |)"
        rb"loss " + named("loss"),
        lambda c: f"it {digits(c, 7)} {decimal(c)} loss {decimal(c)}",
    ),
    "exactly so many": (
        rb"it (?P<step>"
        + COUNT
        + rb") (?:\d\.\d{7} loss "
        + named("loss")
        + rb"|.*; "
        + named("loss__b")
        + rb")",
        lambda c: (
            f"it {digits(c, 7)} {digits(c, 1)}.{digits(c, 9)} loss {decimal(c)}"
            f"; {decimal(c)}"
        ),
    ),
    "later": (
        rb"it (?P<step>"
        + COUNT
        + rb") loss "
        + named("loss")
        + later(rb"lr " + NUMBER),
        lambda c: f"it {digits(c, 9)} loss {decimal(c)}, lr {decimal(c)}",
    ),
}


def _loss(match: re.Match[bytes]) -> bytes:
    return next(text for n, text in match.groupdict().items() if text and n != "step")


@pytest.mark.parametrize("case", CASES)
def test_reads_every_width_as_the_expression_does(case: str) -> None:
    """A class of masks is read as each of its masks, or mask by mask."""
    expression, make = CASES[case]
    form = Format("plain", "a test", (), (line("it", expression),))
    chosen = random.Random(7)
    rows = [make(chosen) for _ in range(4000)]
    text = "\n".join([*rows, ""]).encode()
    run = Run()
    parser = Parser((form,))
    run.add(parser.feed(text))
    run.add(parser.flush())
    lines, steps, losses = run.column("loss")
    found = {
        at: (int(match["step"]), number(_loss(match)))
        for at, row in enumerate(rows, 1)
        if (match := re.search(expression, row.encode()))
    }
    assert len(found) > len(rows) // 50
    assert list(found) == lines.tolist()
    pairs = zip(steps.tolist(), losses.tolist(), strict=True)
    assert list(found.values()) == list(pairs)


@pytest.mark.parametrize(
    ("line", "narrow", "wide"),
    [
        (
            b"step 12: loss 9.81",
            b"step 1: loss 9.8",
            b"step 120000000: loss 900000000.810000000",
        ),
        (b"12/5000 (8%)", b"1/5 (8%)", b"120000000/500000000 (800000000%)"),
        (b"t 1234567890 1234567890123", *(2 * [b"t 1234567890 1234567890123"])),
        (
            b"2026-05-20 07:08:09,123 [20/05/26]",
            *(2 * [b"2026-05-20 07:08:09,123 [20/05/26]"]),
        ),
        (b"x1 14,336 v1.2.3", *(2 * [b"x1 14,336 v1.2.3"])),
        (b"0.12345678901234", b"0.1234567890", b"000.12345678901234000000"),
    ],
)
def test_a_class_has_a_narrowest_and_a_widest_line(
    line: bytes, narrow: bytes, wide: bytes
) -> None:
    """Dates, times, names and groups of thousands stay as they are."""
    assert (narrow, wide) == extremes(line)
    masks = [re.sub(rb"\d", b"0", one) for one in (line, narrow, wide)]
    assert 3 * [masks[1]] == runs_of(masks).narrowest


@pytest.mark.parametrize(
    "regex",
    [
        *(rb"\d{7}", rb"\d{6,9}", rb"\d{8,}", rb"\d\d:", rb"[0-9]{8}"),
        *(rb"^.... loss", rb"\S\S\S", rb"[\d.][\d.]x", rb"[^ ]\w:"),
    ],
)
def test_an_expression_that_counts_digits_is_known(regex: bytes) -> None:
    """Such expressions look at each mask."""
    assert may_count(regex)


@pytest.mark.parametrize("regex", [COUNT, NUMBER, rb".{0,999}"])
def test_an_expression_that_bounds_widths_counts_none(regex: bytes) -> None:
    """Their classes have a narrowest and a widest line."""
    assert not may_count(regex)


def test_runs_of_many_lines_are_those_of_each() -> None:
    """They are found at once, and do not depend on the lines around."""
    chosen = random.Random(5)
    signs = [*".../:-,a =_", "\u00e9", " x"]
    lines = [
        "".join(
            digits(chosen, 23) if chosen.random() < 0.6 else chosen.choice(signs)
            for _ in range(chosen.randrange(14))
        ).encode()
        for _ in range(5000)
    ]
    found = runs_of(lines)
    each = [runs_of([line]) for line in lines]

    spans = [run.span() for line in lines for run in re.finditer(rb"\d+", line)]
    assert [end for _, end in spans] == found.ends.tolist()
    assert [end - start for start, end in spans] == found.widths.tolist()
    assert [len(one.ends) for one in each] == found.counts.tolist()
    for name in ("least", "most", "narrowest"):
        assert [v for one in each for v in getattr(one, name)] == [
            *getattr(found, name)
        ]
