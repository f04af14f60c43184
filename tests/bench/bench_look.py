"""What a look at a grown log costs, against an earlier commit, in one run.

    python tests/bench/bench_look.py [--against COMMIT] [--logs 200] [--lines 5]

CPU of one process; both versions in turn, so that the load of the machine hits both.
"""

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path


ROOT = Path(__file__).parents[2]
TURNS = 40
ROUNDS = 5
BAR_US = 120.0


def line(step: int) -> bytes:
    """A line of a nanoGPT training."""
    loss = 2 + 1 / (1 + step)
    return b"iter %d: loss %.4f, time 251.42ms, mfu 12.34%%\n" % (step, loss)


def measure(logs: int, lines: int) -> None:
    """Prints the median of the microseconds that a look takes; in a child process."""
    from oracle import Bench

    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        paths = [bench.logs / f"{i:04}.log" for i in range(logs)]
        files = [
            os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT) for path in paths
        ]
        step = 0

        def append(count: int) -> None:
            nonlocal step
            text = b"".join(map(line, range(step, step + count)))
            step += count
            for fd in files:
                os.write(fd, text)

        for _ in range(3):
            append(100)
            bench.look()
        tails, spent = list(bench.reader.tails.values()), []
        for _ in range(TURNS):
            append(lines)
            before = time.process_time()
            bench.reader.read(tails)
            while bench.reader.backlog:
                bench.reader.read(())
            spent.append(time.process_time() - before)
        rows = bench.rows().values()
        assert {step} == {row.lines for row in rows}
        print(1e6 * sorted(spent)[TURNS // 2] / logs)
        bench.stop()


def child(root: Path, logs: int, lines: int) -> float:
    """What a look costs with the code in a directory."""
    paths = os.pathsep.join([str(root / "tests"), str(root)])
    command = [sys.executable, __file__, "--child", str(logs), str(lines)]
    env = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    found = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return float(found.stdout)


def unpack(commit: str, folder: Path) -> Path:
    """The files of a commit."""
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit], check=True, capture_output=True
    )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def main() -> None:
    """Measures both in turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--against", default="ae59f8f")
    parser.add_argument("--logs", type=int, default=200)
    parser.add_argument("--lines", type=int, default=5)
    parser.add_argument("--child", type=int, nargs=2)
    given = parser.parse_args()
    if given.child:
        measure(*given.child)
        return
    with tempfile.TemporaryDirectory() as folder:
        roots = [unpack(given.against, Path(folder)), ROOT]
        rounds = [
            [child(root, given.logs, given.lines) for root in roots]
            for _ in range(ROUNDS)
        ]
    before, now = (sorted(values)[ROUNDS // 2] for values in zip(*rounds, strict=True))
    what = f"a look at a log that grew by {given.lines} lines"
    print(f"{what}: {now:.0f} us, bar {BAR_US:.0f}, ratio {now / BAR_US:.2f}")
    print(f"the same with {given.against}: {before:.0f} us, {before / now:.2f} times")


if __name__ == "__main__":
    main()
