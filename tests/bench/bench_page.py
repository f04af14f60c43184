"""What open pages cost the daemon, and the web server itself.

    python tests/bench/bench_page.py [--pages 5] [--turns 3] [--seconds 20] [--hz 4]

A run grows; with and without pages in turn, so that the load of the machine hits both.
A page is a client that asks what the one in a browser asks: the stream of events, the
new points of events that bring none, and the mean of the curve once in a while.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests"), str(ROOT)]

from watching import Commits, Daemon, cpu_s, daemon, line, quantile  # noqa: E402


LOG = "a.log"
WINDOW = f"/api/1/series?run={LOG}&x=step&w=1200&m=loss"
MEAN_S = 3.0
UNCHANGED = 1.05


@dataclass
class Turn:
    """What was seen while the log grew: seconds, and shares of a core."""

    committed: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    daemon: list[float] = field(default_factory=list)
    web: list[float] = field(default_factory=list)


@contextmanager
def served(watched: Daemon) -> Iterator[tuple[int, int]]:
    """The page's process: its id, and its port."""
    command = [sys.executable, "-m", "watcher", "web", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--out", str(watched.out)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        port = urlsplit(process.stdout.readline().strip()).port
        assert port is not None
        yield process.pid, port
    finally:
        process.terminate()
        process.wait()


def open_pages(count: int, port: int, ready: Any, shown: Any) -> None:
    """Pages of one browser window each; notes when each has which line."""
    for _ in range(count):
        threading.Thread(target=page, args=(port, ready, shown), daemon=True).start()
    threading.Event().wait()


def page(port: int, ready: Any, shown: Any) -> None:
    """One page on a run."""
    asked = http.client.HTTPConnection("127.0.0.1", port)
    stream = http.client.HTTPConnection("127.0.0.1", port)
    revision = json.loads(ask(asked, "/api/1/runs"))["rev"]
    ask(asked, WINDOW)
    stream.request("GET", f"/api/1/events?since={revision}")
    events = stream.getresponse()
    last, averaged = 0, time.monotonic()
    ready.release()
    while row := events.readline():
        if not row.startswith(b"data:"):
            continue
        changed = json.loads(row[5:]).get("runs", {}).get(LOG, {})
        if "lines" not in changed:
            continue
        tail = changed.get("tail")
        if not tail or tail["after"] > last:
            tail = json.loads(ask(asked, f"{WINDOW}&after={last}"))
        last = tail["lines"]
        shown.put((last, time.time()))
        if time.monotonic() - averaged > MEAN_S:
            ask(asked, f"{WINDOW}&smooth=20")
            averaged = time.monotonic()


def ask(connection: http.client.HTTPConnection, path: str) -> bytes:
    """An answer, packed as a browser asks for it; unpacked only if it is small."""
    connection.request("GET", path)
    return connection.getresponse().read()


def grow(watched: Daemon, seconds: float, hz: float) -> list[tuple[float, int, int]]:
    """Appends lines; when each was there, the size of the log, and its number."""
    rows = []
    path = watched.logs / LOG
    count = path.read_bytes().count(b"\n")
    with path.open("ab", buffering=0) as file:
        started = time.time()
        for turn in range(int(seconds * hz)):
            time.sleep(max(0.0, started + turn / hz - time.time()))
            file.write(line(count))
            count += 1
            rows.append((time.time(), file.tell(), count))
    return rows


def turn(watched: Daemon, web: int, found: Turn, seconds: float, hz: float) -> Any:
    """One stretch of time, added to what was found; when which line was there."""
    commits, rows = Commits(watched.store), list[tuple[float, int, int]]()
    writer = threading.Thread(
        target=lambda: rows.extend(grow(watched, seconds, hz)), daemon=True
    )
    before = cpu_s(watched.process.pid), cpu_s(web)
    started = time.monotonic()
    writer.start()
    while time.monotonic() < started + seconds + 1.0:
        commits.look()
        time.sleep(0.002)
    writer.join()
    took = time.monotonic() - started
    found.daemon.append((cpu_s(watched.process.pid) - before[0]) / took)
    found.web.append((cpu_s(web) - before[1]) / took)
    found.committed += commits.delays(LOG, [(at, size) for at, size, _ in rows])
    return {number: at for at, _, number in rows}


def drained(shown: Any) -> list[tuple[int, float]]:
    """What the pages noted so far."""
    found = []
    while not shown.empty():
        found.append(shown.get())
    return found


def with_pages(
    watched: Daemon, web: tuple[int, int], found: Turn, options: argparse.Namespace
) -> None:
    """One turn with pages open."""
    ready = multiprocessing.Semaphore(0)
    shown: Any = multiprocessing.Queue()
    pages = multiprocessing.Process(
        target=open_pages, args=(options.pages, web[1], ready, shown)
    )
    pages.start()
    for _ in range(options.pages):
        ready.acquire()
    written = turn(watched, web[0], found, options.seconds, options.hz)
    for number, at in drained(shown):
        if number in written:
            found.shown.append(at - written[number])
    pages.kill()
    pages.join()


def report(without: Turn, those: Turn, pages: int) -> None:
    """Figures beside their bars."""
    for name, found in (("no page", without), (f"{pages} pages", those)):
        delays = [1e3 * quantile(found.committed, share) for share in (0.5, 0.9, 0.99)]
        print(
            f"{name}: append -> committed p50 {delays[0]:.0f}, p90 {delays[1]:.0f}, "
            f"p99 {delays[2]:.0f} ms; daemon {100 * quantile(found.daemon, 0.5):.2f} %,"
            f" web {100 * quantile(found.web, 0.5):.2f} % of a core"
        )
    ratio = quantile(those.committed, 0.5) / quantile(without.committed, 0.5)
    print(f"ratio of p50 {ratio:.3f} (bar {UNCHANGED})")
    share = 100 * quantile(those.web, 0.5) / pages
    print(f"web CPU a page {share:.2f} % (bar 1)")
    late = [1e3 * quantile(those.shown, share) for share in (0.5, 0.9, 0.99)]
    print(f"append -> page p50 {late[0]:.0f}, p90 {late[1]:.0f}, p99 {late[2]:.0f} ms")


def main() -> None:
    """Turns without and with pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=5)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--hz", type=float, default=4.0)
    options = parser.parse_args()
    without, those = Turn(), Turn()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        (folder / "logs" / LOG).write_bytes(b"".join(map(line, range(2000))))
        undrawn = ("--interval", "10h", "--every", "0")
        with daemon(folder, *undrawn) as watched, served(watched) as web:
            for _ in range(options.turns):
                turn(watched, web[0], without, options.seconds, options.hz)
                with_pages(watched, web, those, options)
                print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    report(without, those, options.pages)


if __name__ == "__main__":
    main()
