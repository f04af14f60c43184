"""Reading by columns gives, bit for bit, what the expression gives line by line."""

import random
import re
import struct
from fractions import Fraction

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.engine.numbers import number
from parsers.format import Format, PatternError, check, line
from parsers.formats import FORMATS
from parsers.formats.nanogpt import NANOGPT
from parsers.parser import Parser
from watcher.storage.columns import Run


PATTERN = (
    rb"\bit (?P<step>\d+) loss (?P<loss>\S+?)(?:, lr (?P<lr>[-+\d.e,]+|n/a))?"
    rb"(?: (?P<iter_ms>[\d,.]+)ms)?$"
)
FORM = Format("plain", "a test", samples=(), patterns=(line("it", PATTERN),))

numerals = st.one_of(
    st.from_regex(r"[-+]?\d{1,22}(\.\d{0,24})?([eE][-+]?\d{1,3})?", fullmatch=True),
    st.floats(allow_nan=False).map(repr),
    st.floats(0, 100).map(repr),
    st.from_regex(r"\d{1,3}(,\d{3}){1,2}(\.\d{1,2})?", fullmatch=True),
    st.sampled_from(["nan", "-inf", "NaN", "n/a", "1e-05", "-0.0", "0", ".5", "5."]),
)
records = st.builds(
    "it {} loss {}{}{}".format,
    st.integers(0, 10**7),
    numerals,
    numerals.map(", lr {}".format) | st.just(""),
    st.from_regex(r"\d{1,5}\.\d{2}", fullmatch=True).map(" {}ms".format) | st.just(""),
)


def bits(value: float) -> bytes:
    """A float as its bytes, so that nan equals nan and -0.0 is not 0.0."""
    return struct.pack("d", value)


def one_by_one(text: bytes) -> dict[str, list[bytes]]:
    """What the expression alone gives, line by line."""
    found: dict[str, list[bytes]] = {}
    for row in text.split(b"\n"):
        match = re.search(PATTERN, row)
        for name, field in match.groupdict().items() if match else ():
            value = None if field is None else number(field)
            if name != "step" and value is not None:
                found.setdefault(name, []).append(bits(value))
    return found


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(records, min_size=1, max_size=4), st.integers(1, 30))
def test_columns_equal_the_expression(rows: list[str], times: int) -> None:
    """Many lines of one template, or few: every value has the same bits."""
    text = "".join(f"{row}\n" for row in rows * times).encode()
    parser, run = Parser([FORM]), Run()

    run.add(parser.feed(text))

    columns = {n: [bits(v) for v in run.column(n)[2].tolist()] for n in run.metrics()}
    assert one_by_one(text) == columns


def halfway(mantissa: int, power: int) -> str:
    """The decimal in the middle between two floats, to its last digit."""
    middle = Fraction(2 * mantissa + 1) * Fraction(2) ** power
    digits = 0
    while middle.denominator > 1:
        middle, digits = middle * 10, digits + 1
    text = str(middle.numerator).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text


HARD = [halfway((1 << 52) + k, power) for k in range(12) for power in range(-6, 1)]
HARD += ["9007199254740993", "9007199254740993.0", "0.1234567890123456789", "1.0"]
HARD += [f"{digits}" for digits in (10**19 - 1, 10**19, 2**64 - 1, 2**64, 10**23)]
HARD += [f"0.000{'123456789' * 2}{k}" for k in range(10)]


@pytest.mark.parametrize("exponent", ["", "e-05", "e+05", "e-30", "e-300"])
def test_long_numbers_are_rounded_as_float_rounds_them(exponent: str) -> None:
    """Those in the middle between two floats, those of more digits than fit, others."""
    rng = random.Random(1)
    texts = [
        *HARD,
        *(repr(rng.random() * 10 ** rng.randrange(-6, 9)) for _ in range(3000)),
    ]
    texts = [text + exponent for text in texts if "e" not in text or not exponent]
    run = Run()

    run.add(
        Parser([FORM]).feed("".join(f"it 1 loss {t}\n" for t in texts * 9).encode())
    )

    assert [float(t) for t in texts * 9] == run.column("loss")[2].tolist()


def test_digits_of_each_line_are_its_own() -> None:
    """Lines of a template differ in their digits, and so do their values."""
    rows = [f"iter {i}: loss {i / 7:.4f}, time 12.50ms, mfu 9.10%" for i in range(2000)]
    run = Run()

    run.add(Parser([NANOGPT]).feed("\n".join([*rows, ""]).encode()))

    _, steps, losses = run.column("loss")
    assert list(range(2000)) == steps.tolist()
    assert [float(f"{i / 7:.4f}") for i in range(2000)] == losses.tolist()


@pytest.mark.parametrize(
    "pattern", [rb"gpt2 (?P<loss>\d+)", rb"[1-5]", rb"(a)\1", rb"(", rb"(?:x|y3)+"]
)
def test_refuses_patterns_that_tell_digits_apart(pattern: bytes) -> None:
    """A pattern that would read another line of its template wrongly is refused."""
    with pytest.raises(PatternError):
        check(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(s.regex, id=f"{f.name}: {s.name}")
        for f in FORMATS
        for s in f.patterns
    ],
)
def test_the_formats_treat_digits_alike(pattern: bytes) -> None:
    """Every pattern of the registry may be read by columns."""
    check(pattern)
