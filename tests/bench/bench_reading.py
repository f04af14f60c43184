"""How fast logs are read, against one compiled expression a line; equal results.

    python tests/bench/bench_reading.py [MEGABYTES]

Ratios of CPU time within one run, the variants taking turns; medians of the rounds.
"""

import os


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from parsers.format import Format, LinePattern
from parsers.formats import FORMATS
from parsers.parser import CHUNK_BYTES, Parser
from watcher.storage.columns import Run


ROUNDS = 5
NUMBER = rb"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|nan|inf)"
PLAIN = {
    "iter": re.compile(
        rb"iter (\d+): loss (%b), time (%b)ms, mfu (%b)%%" % ((NUMBER,) * 3)
    ),
    "step": re.compile(
        rb"step (\d+): train loss (%b), val loss (%b)" % ((NUMBER,) * 2)
    ),
}


def nanogpt_log(megabytes: float) -> bytes:
    """A log in nanoGPT's shape, an evaluation every ten iterations."""
    rng = np.random.default_rng(1)
    lines = int(megabytes * 1e6 / 56)
    values = rng.uniform((0.5, 25.0, 9.0), (4.0, 400.0, 41.0), (lines, 3))
    rows = []
    for i, (loss, ms, mfu) in enumerate(values.tolist()):
        if i % 10 == 0:
            rows.append(f"step {i}: train loss {loss:.4f}, val loss {loss + 0.1:.4f}\n")
        rows.append(f"iter {i}: loss {loss:.4f}, time {ms:.2f}ms, mfu {mfu:.2f}%\n")
    return "".join(rows).encode()


def samples_log(form: Format, megabytes: float) -> bytes:
    """The sample lines of a format with other digits, over and over."""
    rng = np.random.default_rng(2)
    digits = iter(rng.integers(0, 10, 4096).tolist() * 10_000)
    block = "".join(f"{sample}\n" for sample in form.samples) * 40
    varied = "".join(
        str(next(digits)) if c.isdigit() and block[i - 1 : i].isdigit() else c
        for i, c in enumerate(block)
    )
    return (varied * (1 + int(megabytes * 1e6 / len(varied)))).encode()


def ours(data: bytes, formats: tuple[Format, ...]) -> Run:
    """Reads as gptwatch does."""
    parser, run = Parser(formats), Run()
    for at in range(0, len(data), CHUNK_BYTES):
        run.add(parser.feed(data[at : at + CHUNK_BYTES]))
    run.add(parser.flush())
    return run


def plain(data: bytes) -> dict[str, list[tuple[float, ...]]]:
    """Reads line by line with two compiled expressions and `float`."""
    found: dict[str, list[tuple[float, ...]]] = {"iter": [], "step": []}
    for row in data.split(b"\n"):
        for kind, pattern in PLAIN.items():
            match = pattern.match(row)
            if match:
                found[kind].append(tuple(map(float, match.groups())))
                break
    return found


def line_by_line(data: bytes, form: Format) -> int:
    """Reads with the expressions of one format, a line at a time; how many values."""
    finders = [finder(pattern, data) for pattern in form.patterns]
    count = 0
    for row in data.split(b"\n"):
        for find in finders:
            fields = find(row)
            if fields:
                values = [number(field) for field in fields if field]
                count += len(values)
                break
    return count


def finder(pattern: LinePattern, data: bytes) -> Callable[[bytes], Sequence[bytes]]:
    """One compiled expression, or the shape itself where it is more than one."""
    regex = re.compile(pattern.regex)
    rows = data[:100_000].split(b"\n")
    several = any(len(pattern.locate(row) or ()) > regex.groups for row in rows)

    def by_locate(row: bytes) -> Sequence[bytes]:
        return [row[start:end] for _, start, end in pattern.locate(row) or ()]

    def by_pattern(row: bytes) -> Sequence[bytes]:
        found = regex.search(row)
        return found.groups() if found else ()

    return by_locate if several else by_pattern


def number(text: bytes) -> float | None:
    """The value of a field, as plain Python reads it."""
    try:
        return float(text.replace(b",", b""))
    except ValueError:
        return None


def medians(*variants: Callable[[], object]) -> list[float]:
    """Median CPU seconds of each variant, taking turns."""
    times: list[list[float]] = [[] for _ in variants]
    for _ in range(ROUNDS):
        for k, variant in enumerate(variants):
            start = time.process_time()
            variant()
            times[k].append(time.process_time() - start)
    return [statistics.median(t) for t in times]


def same(run: Run, found: dict[str, list[tuple[float, ...]]]) -> bool:
    """Whether both ways gave the very same numbers."""
    iters = np.array(found["iter"])
    pairs = [("loss", 1), ("iter_ms", 2), ("mfu", 3)]
    return all(
        np.array_equal(run.column(n)[2], iters[:, k], equal_nan=True) for n, k in pairs
    )


def report(megabytes: float) -> Iterator[str]:
    """The rows of the table."""
    form = next(f for f in FORMATS if f.name == "nanogpt")
    data = nanogpt_log(megabytes)
    assert same(ours(data, FORMATS), plain(data)), "results differ"
    one, every, regex = medians(
        lambda: ours(data, (form,)), lambda: ours(data, FORMATS), lambda: plain(data)
    )
    size = len(data) / 1e6
    yield f"nanogpt, {size:.0f} MB: {size / every:.0f} MB/s CPU"
    yield f"  against one expression a line: {regex / every:.2f} times as fast"
    yield f"  all formats against one: {every / one:.2f} of the time"
    for other in FORMATS:
        if other.patterns and all(p.regex for p in other.patterns):
            log = samples_log(other, megabytes / 10)
            a, b = medians(
                partial(ours, log, (other,)), partial(line_by_line, log, other)
            )
            yield f"  {other.name}: {b / a:.2f} times as fast"


if __name__ == "__main__":
    for row in report(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0):
        print(row, flush=True)
