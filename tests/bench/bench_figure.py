"""What a picture costs: ten million points against ten thousand, in CPU time.

`python tests/bench/bench_figure.py` prints the ratio (bar: 1.5) and the CPU seconds of
one picture at both lengths (bar: 0.5).
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path


SHORT, LONG = 10_000, 10_000_000
ROUNDS = 9


def cpu_s(draw: Callable[[], bytes]) -> float:
    """CPU seconds of one picture."""
    start = time.process_time()
    draw()
    return time.process_time() - start


def pictures(*lengths: int) -> list[Callable[[], bytes]]:
    """Ways to draw runs of some lengths, made before the clock runs."""
    tests = Path(__file__).parents[1]
    sys.path[:0] = [str(tests.parent), str(tests)]
    from made_runs import nanogpt

    from watcher.outputs.plot.figure import figure

    runs = [nanogpt(n) for n in lengths]
    return [
        lambda run=run: figure(run, headline="", drawn_by="bench")  # type: ignore[misc]
        for run in runs
    ]


def main() -> None:
    """Draw both runs in turn, so that a neighbour's load meets both alike."""
    short, long = pictures(SHORT, LONG)
    cpu_s(short)  # the first picture reads the fonts
    pairs = [(cpu_s(short), cpu_s(long)) for _ in range(ROUNDS)]
    few, many = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"{SHORT:>10,} points: {few:.3f} s CPU")
    print(f"{LONG:>10,} points: {many:.3f} s CPU")
    print(f"ratio {ratio:.2f} (bar 1.5), one picture {many:.2f} s (bar 0.5)")


if __name__ == "__main__":
    main()
