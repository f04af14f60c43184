"""What `gptwatch top` costs: CPU, memory, bytes to the terminal, time of a key.

    python tests/bench/bench_top.py [RUNS]
    python tests/bench/bench_top.py --minutes 60    # 50 logs get a line a second

A pty stands for the terminal.  Bars: 150 ms of CPU to the first frame, 40 MB, 0.1 ms/s
while nothing changes, 3 ms/s and 1.5 kB/s with 20 changes a second, 20 ms a key.
"""

import itertools
import os
import pty
import random
import select
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path


ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]

from oracle import Bench  # noqa: E402
from screens import DEMO, judge, whole  # noqa: E402
from watching import daemon, line  # noqa: E402

from watcher.storage.database import Database  # noqa: E402


RUNNING = 50
# The crosshair enters the chart at its last point, and moves from there.
_KEYS = (("j", b"j"), ("open", b"\r"), ("left", b"H"), ("lens", b"\r"))


def fleet(folder: Path, runs: int) -> Path:
    """A database of so many runs, most of them finished."""
    bench = Bench(folder)
    dice = random.Random(1)
    for number in range(runs):
        share = 1.0 if number >= RUNNING else dice.uniform(0.3, 0.9)
        path = bench.logs / f"sweep-{number % 7}/seed-{number:03}.log"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(whole(DEMO[: int(len(DEMO) * share)]))
    bench.look(2)
    for number, row in enumerate(bench.store.runs()):
        judge(bench, row.name, "running" if number < RUNNING else "finished")
    bench.stop()
    return bench.state


class Watched:
    """The program on a pty of 120 x 40, and the bytes that it wrote."""

    def __init__(self, state: Path, compiled: Path) -> None:
        """`compiled`: of its modules, as an installed program has them."""
        self.bytes = 0
        self.last = time.perf_counter()
        self._source, sink = pty.openpty()
        termios.tcsetwinsize(sink, (40, 120))
        command = [sys.executable, "-m", "watcher", "top", "--state", str(state)]
        env = os.environ | {
            "TERM": "xterm-256color",
            "PYTHONPATH": str(ROOT),
            "PYTHONPYCACHEPREFIX": str(compiled),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        quiet = subprocess.DEVNULL
        subprocess.run([*command, "--once"], check=True, env=env, stdout=quiet)
        self.process = subprocess.Popen(command, stdin=sink, stdout=sink, env=env)
        os.close(sink)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                self.bytes += len(os.read(self._source, 65536))
            except OSError:
                return
            self.last = time.perf_counter()

    def cpu_s(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.process.pid}/schedstat").read_text().split()
        return int(fields[0]) / 1e9

    def rss_mb(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1000

    def settle(self, at_most: float = 60) -> None:
        """Waits until it writes nothing for a second, or for so many seconds."""
        start = time.perf_counter()
        while not self.bytes or time.perf_counter() - self.last < 1:
            if time.perf_counter() - start > at_most:
                return
            select.select([], [], [], 0.05)

    def during(self, seconds: float) -> tuple[float, float]:
        """CPU in ms and bytes, each a second."""
        cpu, written = self.cpu_s(), self.bytes
        select.select([], [], [], seconds)
        return (self.cpu_s() - cpu) / seconds * 1e3, (self.bytes - written) / seconds

    def key(self, text: bytes) -> tuple[float, float, int]:
        """Milliseconds until a key shows, of CPU, and bytes."""
        cpu, written, start = self.cpu_s(), self.bytes, time.perf_counter()
        os.write(self._source, text)
        while self.bytes == written and time.perf_counter() - start < 5:
            select.select([], [], [], 0.0005)
        shown = time.perf_counter() - start
        select.select([], [], [], 0.5)
        return shown * 1e3, (self.cpu_s() - cpu) * 1e3, self.bytes - written

    def close(self) -> None:
        """Ends it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        os.close(self._source)


def change(state: Path, seconds: float, per_s: int) -> None:
    """Writes to the rows of random running runs, as a daemon does."""
    dice = random.Random(2)
    store = Database(state)
    runs = store.runs()[:RUNNING]
    for n in range(int(seconds * per_s)):
        row = dice.choice(runs)
        latest = dict(row.latest) | {"step": 400 + n, "loss": dice.uniform(1, 2)}
        with store.transaction():
            cursor = row.cursor.state() if row.cursor else {}
            cursor |= {"offset": row.bytes + n}
            store.set(row.id, latest=latest, bytes=row.bytes + n, cursor=cursor)
        time.sleep(1 / per_s)
    store.close()


def main(runs: int) -> None:
    """Prints what was measured."""
    with tempfile.TemporaryDirectory() as folder:
        state = fleet(Path(folder), runs)
        watched = Watched(state, Path(folder) / "compiled")
        watched.settle()
        cpu, memory = watched.cpu_s() * 1e3, watched.rss_mb()
        print(f"{runs} runs: first frame {cpu:.0f} ms CPU, {memory:.1f} MB")
        print("idle: {:.2f} ms/s, {:.0f} B/s".format(*watched.during(20)))
        select.select([], [], [], 50)
        print("idle for a minute: {:.3f} ms/s, {:.0f} B/s".format(*watched.during(30)))
        writer = threading.Thread(target=change, args=(state, 24, 20))
        writer.start()
        select.select([], [], [], 2)
        print("20 changes/s: {:.2f} ms/s, {:.0f} B/s".format(*watched.during(20)))
        writer.join()
        watched.settle()
        for name, key in _KEYS:
            figures = watched.key(key)
            print("{}: {:.1f} ms, {:.1f} ms CPU, {} B".format(name, *figures))
        print(f"then {watched.rss_mb():.1f} MB")
        watched.close()


def live(minutes: int) -> None:
    """Prints for each minute what it costs beside a daemon that reads 50 logs."""
    end = threading.Event()
    with tempfile.TemporaryDirectory() as folder, daemon(Path(folder)) as watching:
        writer = threading.Thread(target=write, args=(watching.logs, end))
        writer.start()
        try:
            select.select([], [], [], 10)
            state = watching.store.parent
            watched = Watched(state, Path(folder) / "compiled")
            watched.settle(at_most=20)
            start = watched.cpu_s()
            for minute in range(1, minutes + 1):
                figures = *watched.during(60), watched.rss_mb()
                text = "minute {}: {:.2f} ms/s, {:.0f} B/s, {:.1f} MB"
                print(text.format(minute, *figures), flush=True)
            mean = (watched.cpu_s() - start) / minutes / 60 * 1e3
            print(f"in all: {mean:.2f} ms/s")
            watched.close()
        finally:
            end.set()
            writer.join()


def write(logs: Path, end: threading.Event) -> None:
    """A line a second to each of the logs, until the end."""
    files = [(logs / f"run-{n:02}.log").open("ab", 0) for n in range(RUNNING)]
    for step in itertools.count():
        for file in files:
            file.write(line(step))
            if end.wait(1 / len(files)):
                return


if __name__ == "__main__":
    if sys.argv[1:2] == ["--minutes"]:
        live(int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
