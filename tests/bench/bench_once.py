"""What `gptwatch once` costs as a whole process, against a plain script.

    python tests/bench/bench_once.py [LINES ...]

The script stands for what people write: two expressions over the whole text, pyplot,
2 x 2 panels of 16 x 12 inches at 300 dpi.  Also: start-up of `--help` and `export`, and
the peak memory of exporting a large log (`--large`, 200 MB).
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parent))

from logs import SHAPES
from logs import log as generated


ROUNDS = 3
SCRIPT = """
import re, sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
text = open(sys.argv[1]).read()
num = r"(-?[\\d.]+)"
it = re.findall(rf"iter (\\d+): loss {num}, time {num}ms, mfu {num}%", text)
ev = re.findall(r"step (\\d+): train loss ([\\d.]+), val loss ([\\d.]+)", text)
x, loss, ms, mfu = (np.array([float(r[k]) for r in it]) for k in range(4))
s, tr, va = (np.array([float(r[k]) for r in ev]) for k in range(3))
w = max(1, min(50, len(x) // 10))
mean = lambda y: np.convolve(y, np.ones(w) / w, mode="valid")
fig, axes = plt.subplots(2, 2, figsize=(16, 12))
axes[0, 0].plot(s, tr); axes[0, 0].plot(s, va); axes[0, 0].set_yscale("log")
for ax, y in ((axes[0, 1], loss), (axes[1, 0], ms), (axes[1, 1], mfu)):
    ax.plot(x, y, alpha=0.3); ax.plot(x[w - 1:], mean(y))
axes[0, 1].set_yscale("log")
plt.tight_layout()
plt.savefig(sys.argv[2], dpi=300)
"""


def timed(command: list[str]) -> tuple[float, float]:
    """CPU seconds and peak memory (MB) of a command."""
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        _, _, usage = os.wait4(child.pid, 0)
        child.returncode = 0
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare(lines: int, folder: Path) -> None:
    """Prints one row: ours against the script for a log of so many lines."""
    log = folder / f"{lines}.log"
    log.write_bytes(generated(SHAPES["nanogpt"], lines))
    script = folder / "script.py"
    script.write_text(SCRIPT)
    gptwatch = str(Path(sys.executable).with_name("gptwatch"))
    mine = [gptwatch, "once", "--out", str(folder / "plots"), str(log)]
    theirs = [sys.executable, str(script), str(log), str(folder / "plot.png")]
    pairs = [(timed(mine), timed(theirs)) for _ in range(ROUNDS)]
    ratio = statistics.median(a[0] / b[0] for a, b in pairs)
    memory = [max(p[k][1] for p in pairs) for k in (0, 1)]
    seconds = [statistics.median(p[k][0] for p in pairs) for k in (0, 1)]
    print(
        f"{lines:>8,} lines: {ratio:.2f} of the script's time "
        f"({seconds[0]:.2f} s, {seconds[1]:.2f} s); "
        f"peak {memory[0]:.0f} MB, {memory[1]:.0f} MB",
        flush=True,
    )


def start_up(folder: Path) -> None:
    """Prints how long the quick commands take."""
    gptwatch = str(Path(sys.executable).with_name("gptwatch"))
    log = folder / "small.log"
    log.write_bytes(generated(SHAPES["nanogpt"], 200))
    for command in (["--help"], ["export", str(log)]):
        wall = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            timed([gptwatch, *command])
            wall.append(time.perf_counter() - start)
        cpu = statistics.median(timed([gptwatch, *command])[0] for _ in range(ROUNDS))
        print(f"gptwatch {command[0]}: {min(wall):.2f} s, {cpu:.2f} s CPU", flush=True)


def large(folder: Path) -> None:
    """Prints the peak memory of exporting 200 MB."""
    gptwatch = str(Path(sys.executable).with_name("gptwatch"))
    log = folder / "large.log"
    piece = generated(SHAPES["nanogpt"], 350_000)
    with log.open("wb") as file:
        for _ in range(10):
            file.write(piece)
    seconds, memory = timed([gptwatch, "export", str(log)])
    print(f"export of 200 MB: {seconds:.1f} s CPU, peak {memory:.0f} MB", flush=True)


def main() -> None:
    """Runs all of it."""
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start_up(folder)
        for lines in numbers or (201, 66_000, 450_000):
            compare(lines, folder)
        if "--large" in sys.argv:
            large(folder)


if __name__ == "__main__":
    main()
