"""How fast logs are read, against what a person would write for one format.

    python tests/bench/bench_reading.py [MEGABYTES] [FORMAT ...] [--old CHECKOUT]

The logs are generated with numbers of natural widths (see `logs.py`).  They are read
with all formats; against them stands one expression a line, or for JSON and CSV the
standard library.  Ratios of CPU time within one run, the variants taking turns; medians
of the rounds.  With `--old` another checkout reads the same logs in the same run.
"""

import os


os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import csv
import io
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path


sys.path.insert(0, os.environ.get("GPTWATCH_CHECKOUT", str(Path(__file__).parents[2])))
sys.path.insert(1, str(Path(__file__).parent))

from logs import ROWS, SHAPES, Shape, by_expression, by_json, log

from parsers.engine.lines import CHUNK_BYTES
from parsers.format import Format
from parsers.formats import FORMATS
from parsers.parser import Parser
from watcher.storage.columns import Run


ROUNDS = 5
FIRST_LINES = 100
PROSE = "the log of a program that trains nothing, in words without a number"
OTHER = "2026-05-20 12:00:{i:02} INFO worker-{i} served {n} in {ms:.1f} ms status=200"


def ours(data: bytes, formats: tuple[Format, ...] = FORMATS) -> Run:
    """Reads as gptwatch does."""
    parser, run = Parser(formats), Run()
    for at in range(0, len(data), CHUNK_BYTES):
        run.add(parser.feed(data[at : at + CHUNK_BYTES]))
    run.add(parser.flush())
    return run


def by_csv(data: bytes) -> int:
    """Reads a table with the standard library."""
    head, *rows = csv.reader(io.StringIO(data.decode()))
    columns: list[list[float]] = [[] for _ in head]
    for row in rows:
        for column, cell in zip(columns, row, strict=True):
            column.append(float(cell))
    return sum(map(len, columns))


def obvious(name: str, shape: Shape) -> Callable[[bytes], int]:
    """What a person would write for logs of this shape."""
    if name == "csv":
        return by_csv
    return by_json if name in {"jsonl", "llama_factory"} else by_expression(shape)


def timed(read: Callable[..., object], *data: object) -> float:
    """CPU seconds of one reading."""
    start = time.process_time()
    read(*data)
    return time.process_time() - start


def medians(*variants: Callable[[], float]) -> list[float]:
    """Median seconds of each variant, taking turns."""
    times = [[variant() for variant in variants] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


class Other:
    """Another checkout, which reads the same logs in a process of its own."""

    def __init__(self, checkout: str) -> None:
        environment = os.environ | {"GPTWATCH_CHECKOUT": checkout}
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def spent(self, path: str) -> float:
        """CPU seconds of one reading of a file there."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def serve() -> None:
    """Reads the files that are named on standard input, and prints the seconds."""
    for path in sys.stdin:
        data = Path(path.strip()).read_bytes()
        print(timed(ours, data), flush=True)


def formats(
    megabytes: float, names: list[str], other: Other | None
) -> Iterator[tuple[str, ...]]:
    """The rows of the table: each format against the obvious reader."""
    for name, shape in (SHAPES | ROWS).items():
        if names and name not in names:
            continue
        data = log(shape, int(megabytes * 1e6 / (len(log(shape, 200)) / 200)))
        read = obvious(name, shape)
        variants = [partial(timed, ours, data), partial(timed, read, data)]
        with tempfile.NamedTemporaryFile(suffix=".log") as file:
            file.write(data)
            file.flush()
            if other:
                variants.append(partial(other.spent, file.name))
            mine, plain, *old = medians(*variants)
        ratios = [f"{plain / mine:.2f}", *(f"{seconds / mine:.2f}" for seconds in old)]
        yield name, f"{len(data) / 1e6 / mine:.0f}", *ratios


def detection(megabytes: float) -> Iterator[str]:
    """What it costs to find out the format, and to read what has none."""
    form = next(f for f in FORMATS if f.name == "nanogpt")
    data = log(SHAPES["nanogpt"], int(megabytes * 1e6 / 50))
    one = partial(timed, ours, data, (form,))
    one_s, every_s = medians(one, partial(timed, ours, data))
    yield f"all formats against one, {len(data) / 1e6:.0f} MB: {every_s / one_s:.2f}"
    first = data[: data.index(b"\n", 45 * FIRST_LINES) + 1]
    (seconds,) = medians(partial(timed, ours, first))
    yield f"first reading of {first.count(10)} lines: {seconds * 1e3:.1f} ms"
    read = by_expression(SHAPES["nanogpt"])
    for name, line in (("another program", OTHER), ("prose", PROSE)):
        unknown = text(line, int(megabytes * 1e6 / len(line)))
        mine, plain = medians(
            partial(timed, ours, unknown), partial(timed, read, unknown)
        )
        yield f"{name}, {len(unknown) / 1e6 / mine:.1f} MB/s: {plain / mine:.2f}"


def text(line: str, count: int) -> bytes:
    """Lines of no training: numbers that change, words in another order."""
    chosen = random.Random(4)
    rows = []
    for i in range(count):
        row = line.format(i=i % 60, n=i * 7919, ms=chosen.gauss(99, 30))
        words = row.split()
        rows.append(row if "{" in line else " ".join(chosen.sample(words, len(words))))
    return "\n".join([*rows, ""]).encode()


def main() -> None:
    """Prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("megabytes", nargs="?", type=float, default=4.0)
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--old")
    arguments.add_argument("--serve", action="store_true")
    chosen = arguments.parse_args()
    if chosen.serve:
        serve()
        return
    other = Other(chosen.old) if chosen.old else None
    print(f"{'format':20} MB/s  times as fast as the obvious reader, as the other")
    for name, speed, *ratios in formats(chosen.megabytes, chosen.names, other):
        print(f"{name:20} {speed:>4}  {'  '.join(ratios)}", flush=True)
    for row in () if chosen.names else detection(2.0):
        print(row, flush=True)


if __name__ == "__main__":
    main()
