"""No line costs more than its length: every regex is linear, whatever it meets."""

import importlib
import inspect
import pkgutil
import random
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from attacks import Text, texts

import parsers
from parsers import milestones
from parsers.formats import FORMATS
from parsers.hyperparameters import patterns
from parsers.hyperparameters.reader import _LONG_STATEMENT
from parsers.hyperparameters.values import _LONGEST as LONGEST_VALUE
from parsers.keyvalue.freeform import _LONGEST as LONGEST_SENTENCE
from parsers.parser import Parser


# Of all the texts of a pattern so many are tried; the slow test tries all.
SOME = 800
BYTES = 2048
# A pattern and its texts take a few seconds of CPU time at most.
SECONDS = 60
# So many of the slowest texts are measured, each for so long.
CLOSER = 4
ENOUGH_NS = 60_000_000
# What takes less time is not looked at closer: linear patterns are far below it.
SUSPICIOUS_MS = 4.0
# Four times as much text may take so many times as long; quadratic would be sixteen.
GROWTH = 8.0
# Anchored by how they are called, or called for short texts only.
ANCHORED = {
    "parsers.hyperparameters.reader._ARITHMETIC",
    "parsers.keyvalue.counts._AFTER_EPOCH",
    "parsers.keyvalue.heads._PLAIN",
    "parsers.formats.csv._NAME",
}
LONGEST = {
    "parsers.hyperparameters.values._OPTIMIZER": LONGEST_VALUE,
    "parsers.hyperparameters.reader._ASSIGNED": _LONG_STATEMENT,
    "parsers.keyvalue.freeform._CURVE": LONGEST_SENTENCE,
}


class _TooLongError(Exception):
    """A line took more CPU time than any line may."""


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Ends what runs longer on the CPU: an exponential pattern would never end."""

    def stop(*_: object) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize(
    "line",
    [
        b"saved to out/run_0123456789012345678901T.pt with train loss 0.5",
        b"epoch 3 loss 2.31 sha " + b"e3b0c44298fc1c149afbf4c8996fb924" * 2 + b" ok",
        b"epoch 3 loss 2.31 saved to exp_20260102030405123456 model",
        b"epoch 3 loss 2.31 device GPU1234567890123456789012345 ok",
        b"loss 2.31 id_12345678901234567890123 x",
        b"loss" + b" " * 30_000 + b"x",
    ],
)
def test_line_that_hung_daemon_is_read_at_once(line: bytes) -> None:
    with _at_most(2):
        Parser().feed(line + b"\n")


def every_pattern() -> Iterator[tuple[str, re.Pattern[bytes] | re.Pattern[str]]]:
    """All that any module compiles, any shape looks for, and any table holds."""
    for info in pkgutil.walk_packages(parsers.__path__, "parsers."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                yield f"{module.__name__}.{name}", value
    for form in FORMATS:
        for pattern in form.patterns:
            for name, value in inspect.getclosurevars(pattern.locate).nonlocals.items():
                if isinstance(value, bytes):
                    yield f"{form.name}, {pattern.name}, {name}", re.compile(value)
    for rule in milestones._RULES:
        yield f"{rule.kind} {rule.need}, fits", re.compile(rule.fits)
        yield f"{rule.kind} {rule.need}, but", re.compile(rule.but)
    for need, regex, _ in patterns.STATEMENTS:
        yield f"statement {need}", re.compile(regex)


def unique_patterns() -> list[tuple[str, re.Pattern[bytes] | re.Pattern[str]]]:
    """Each of them once, by its first name."""
    found: dict[re.Pattern[bytes] | re.Pattern[str], str] = {}
    for name, pattern in every_pattern():
        found.setdefault(pattern, name)
    return [(name, pattern) for pattern, name in found.items()]


PATTERNS = unique_patterns()

assert len(PATTERNS) > 200, "patterns are not found any more"


def grown(text: Text, size: int) -> bytes:
    before, run, after = text
    return before + run * (size // len(run)) + after


def wall(look: Callable[[bytes], object], text: bytes, times: int = 1) -> float:
    """Time of looking at a text, the least of some, in ms: cheap, and never too low."""
    least = float("inf")
    for _ in range(times):
        begin = time.perf_counter_ns()
        look(text)
        least = min(least, (time.perf_counter_ns() - begin) / 1e6)
    return least


def cost(look: Callable[[bytes], object], text: bytes) -> float:
    """CPU time of looking at a text, in ms: a mean over many ticks."""
    begin, times, spent = time.process_time_ns(), 0, 0
    while spent < ENOUGH_NS:
        look(text)
        times, spent = times + 1, time.process_time_ns() - begin
    return spent / 1e6 / times


def is_linear(look: Callable[[bytes], object], text: Text, size: int) -> bool:
    """Whether four times as long a run costs about four times as much.

    It is asked for longer runs than a pattern's own bounds.
    """
    short, long = grown(text, 2 * size), grown(text, 8 * size)
    return cost(look, long) < GROWTH * cost(look, short)


def slowest(
    look: Callable[[bytes], object], found: Sequence[Text], size: int
) -> list[Text]:
    """The few texts that cost most, of those that are worth a closer look."""
    costs = []
    for text in found:
        line = grown(text, size)
        spent = wall(look, line)
        if spent >= SUSPICIOUS_MS and (spent := wall(look, line, 5)) >= SUSPICIOUS_MS:
            costs.append((spent, text))
    return [text for _, text in sorted(costs, reverse=True)[:CLOSER]]


def not_linear(
    look: Callable[[bytes], object], found: Sequence[Text], size: int
) -> list[Text] | str:
    """Texts that cost more than their length."""
    try:
        with _at_most(SECONDS):
            worst = slowest(look, found, size)
            return [text for text in worst if not is_linear(look, text, size)]
    except _TooLongError:
        return "some text takes for ever"


def search(
    name: str, pattern: re.Pattern[bytes] | re.Pattern[str]
) -> Callable[[bytes], object]:
    """Looks at a text as the parser does with this pattern."""
    if isinstance(pattern.pattern, bytes):
        known: re.Pattern[bytes] = re.compile(pattern.pattern, pattern.flags)
        return known.fullmatch if name in ANCHORED else known.search
    return lambda text: pattern.search(text.decode("latin-1"))


def hard_texts(pattern: re.Pattern[bytes] | re.Pattern[str]) -> list[Text]:
    flags = pattern.flags & ~re.UNICODE
    return texts(pattern.pattern, flags, variants=4)


@pytest.mark.parametrize(
    ("name", "pattern"), PATTERNS, ids=[f"{i}-{n}" for i, (n, _) in enumerate(PATTERNS)]
)
def test_pattern_is_linear_in_length_of_text(
    name: str, pattern: re.Pattern[bytes] | re.Pattern[str]
) -> None:
    """Runs of anything, between any two pieces of what it matches."""
    found = hard_texts(pattern)
    some = random.Random(name).sample(found, min(SOME, len(found)))
    look, size = search(name, pattern), LONGEST.get(name, 8 * BYTES) // 8

    assert [] == not_linear(look, some, size)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "pattern"), PATTERNS, ids=[f"{i}-{n}" for i, (n, _) in enumerate(PATTERNS)]
)
def test_pattern_is_linear_in_every_text(
    name: str, pattern: re.Pattern[bytes] | re.Pattern[str]
) -> None:
    """As above, with every text that can be made of the pattern."""
    look, size = search(name, pattern), LONGEST.get(name, 16 * BYTES) // 8

    assert [] == not_linear(look, hard_texts(pattern), size)


SAMPLES = sorted({s for form in FORMATS for s in form.samples if "\n" not in s})
PIECES = re.compile(r"\d+|\s+|[\[\](){}<>|]+|['\"]|[A-Za-z_]+|[^\w\s]")


def doubled(sample: str, times: int) -> Iterator[bytes]:
    """The line with one run, blank, bracket, quote or word so many times as long."""
    for found in PIECES.finditer(sample):
        grown_one = found[0] * (times // len(found[0]))
        yield (sample[: found.start()] + grown_one + sample[found.end() :]).encode()


def read_line(line: bytes) -> None:
    Parser().feed(line + b"\n")


@pytest.mark.slow
@pytest.mark.parametrize("sample", SAMPLES)
def test_sample_line_with_one_part_doubled_costs_twice_as_much(sample: str) -> None:
    """All that a whole line meets: every format, settings and milestones."""
    with _at_most(SECONDS):
        pairs = zip(
            doubled(sample, 3 * BYTES), doubled(sample, 12 * BYTES), strict=True
        )
        costs = [(wall(read_line, long), short, long) for short, long in pairs]
        suspicious = [c for c in sorted(costs, reverse=True)[:CLOSER] if c[0] > 20]

        assert [] == [
            long
            for _, short, long in suspicious
            if cost(read_line, long) > GROWTH * cost(read_line, short)
        ]
