"""What watching costs, and how quick it is; each figure beside its bar.

    python tests/bench/bench_daemon.py [--quick] [NAME ...]

Other work on the machine makes everything slower: the load is printed, too.
"""

import contextlib
import itertools
import json
import multiprocessing
import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path


ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "tests"), str(ROOT)]

from oracle import Bench  # noqa: E402
from watching import (  # noqa: E402
    Commits,
    Daemon,
    cpu_s,
    daemon,
    line,
    quantile,
    rss_mb,
)

from watcher.daemon.analyst import Analyst  # noqa: E402
from watcher.daemon.jobs import Job, Options  # noqa: E402


QUICK = "--quick" in sys.argv
# One picture of each log is drawn at once; then none.
DRAWN = "SELECT count(*) FROM analyses WHERE state LIKE '%figure%'"
UNDRAWN = ("--interval", "10h", "--every", "0")


def show(what: str, value: float, bar: float, unit: str = "") -> None:
    """One figure, its bar, and their ratio: below 1 is good."""
    print(
        f"{what:<62} {value:>8.3g} {unit:<5} bar {bar:<6g} ratio {value / bar:.2f}",
        flush=True,
    )


def write(logs: list[str], hz: float, seconds: float, notes: str) -> None:
    """Appends lines to logs in turn, and notes when, and the size after each."""
    files = [os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT) for path in logs]
    sizes = [os.fstat(fd).st_size for fd in files]
    steps = [size and 10**6 for size in sizes]
    rows, started = [], time.time()
    for turn in range(int(seconds * hz)):
        for i, fd in enumerate(files):
            due = started + (turn + i / len(files)) / hz
            if (early := due - time.time()) > 0:
                time.sleep(early)
            sizes[i] += os.write(fd, line(steps[i]))
            steps[i] += 1
            rows.append(f"{i} {time.time():.6f} {sizes[i]}\n")
    Path(notes).write_text("".join(rows))


def written(notes: Path, count: int) -> list[list[tuple[float, int]]]:
    """When each log got what, from the notes of `write`."""
    found: list[list[tuple[float, int]]] = [[] for _ in range(count)]
    for row in notes.read_text().splitlines():
        i, at, size = row.split()
        found[int(i)].append((float(at), int(size)))
    return found


def follow(
    watched: Daemon, names: list[str], hz: float, seconds: float
) -> tuple[list[float], float, float]:
    """Delays of all lines, and shares of a core: the daemon's, the worker's."""
    notes = watched.logs.parent / "notes.txt"
    paths = [str(watched.logs / name) for name in names]
    writer = multiprocessing.Process(target=write, args=(paths, hz, seconds, notes))
    commits = Commits(watched.store)
    before, started = [cpu_s(pid) for pid in watched.pids()], time.monotonic()
    writer.start()
    until = started + seconds + 3.0
    while time.monotonic() < until:
        commits.look()
        time.sleep(0.002 if len(names) == 1 else 0.03)
    spent = [cpu_s(pid) for pid in watched.pids()]
    took = time.monotonic() - started
    writer.join()
    delays = []
    for name, rows in zip(names, written(notes, len(names)), strict=True):
        delays += commits.delays(name, rows)
    used = [(b - a) / took for a, b in zip(before, spent, strict=False)]
    return delays, used[0], sum(used[1:])


def busy(folder: Path) -> None:
    """Many logs at ten lines a second."""
    count, seconds = (40, 15.0) if QUICK else (200, 60.0)
    names = [f"{i:03}.log" for i in range(count)]
    (folder / "logs").mkdir()
    for name in names:
        (folder / "logs" / name).write_bytes(b"".join(map(line, range(100))))
    with daemon(folder, *UNDRAWN) as watched:
        watched.wait_for_bytes(count * len(b"".join(map(line, range(100)))))
        watched.wait_for(DRAWN, 1)
    judge_as_the_first(watched.store)
    with daemon(folder, *UNDRAWN) as watched:
        delays, mine, workers = follow(watched, names, 10.0, seconds)
        lost = delays.count(float("inf"))
    what = f"{count} logs x 10 lines/s"
    scale = 200 / count
    show(f"{what}: CPU of daemon", 100 * mine * scale, 6.0, "%")
    show(f"{what}: CPU of daemon and worker", 100 * (mine + workers) * scale, 6.0, "%")
    show(f"{what}: append -> committed, p50", 1e3 * quantile(delays, 0.5), 300.0, "ms")
    show(f"{what}: append -> committed, p99", 1e3 * quantile(delays, 0.99), 700.0, "ms")
    print(f"{what}: {lost} of {len(delays)} lines lost")
    size = sum(p.stat().st_size for p in watched.store.parent.iterdir())
    values = 3 * (len(delays) + 100 * count)
    show(f"{what}: store, read line by line", size / values, 12.0, "B/val")


def slow(folder: Path) -> None:
    """One log that gets a line now and then."""
    (folder / "logs").mkdir()
    (folder / "logs" / "a.log").write_bytes(b"".join(map(line, range(100))))
    with daemon(folder, *UNDRAWN) as watched:
        delays, _, _ = follow(watched, ["a.log"], 0.9, 15.0 if QUICK else 60.0)
    show(
        "one slow log: append -> committed, p50", 1e3 * quantile(delays, 0.5), 50, "ms"
    )
    show(
        "one slow log: append -> committed, p95", 1e3 * quantile(delays, 0.95), 50, "ms"
    )


def alarm(folder: Path) -> None:
    """A loss that is not finite, in logs that are drawn as usual."""
    count = 6 if QUICK else 18  # no more than are notified in an hour
    notified = folder / "notified.txt"
    command = f"(date +%s.%N; cat; echo) >> {notified}"
    (folder / "logs").mkdir()
    names = [f"{i:03}.log" for i in range(count)]
    for name in names:
        (folder / "logs" / name).write_bytes(b"".join(map(line, range(100))))
    sent: dict[str, float] = {}
    with daemon(folder, "--on-alert", command, "--interval", "10s") as watched:
        watched.wait_for(DRAWN, count)
        for name in names:
            with (watched.logs / name).open("ab") as file:
                file.write(line(100))
                time.sleep(0.7)
                file.write(b"iter 101: loss nan, time 251.42ms, mfu 12.34%\n")
            sent[name] = time.time()
            time.sleep(0.8)
        time.sleep(5.0)
    rows = notified.read_text().splitlines() if notified.exists() else []
    times = {
        json.loads(text)["run"]: float(at)
        for at, text in itertools.pairwise(rows)
        if text.startswith("{") and "not_finite" in text
    }
    delays = [times.get(name, float("inf")) - at for name, at in sent.items()]
    show("NaN appended -> alert sent, p50", quantile(delays, 0.5), 1.0, "s")
    show("NaN appended -> alert sent, p95", quantile(delays, 0.95), 1.0, "s")


def known(folder: Path) -> None:
    """A thousand logs of 1 MB: read, begun again, left alone."""
    count, size = (200, 10**6) if QUICK else (1000, 10**6)
    text = b"".join(map(line, range(size // 46)))
    (folder / "logs").mkdir()
    for i in range(count):
        path = folder / "logs" / f"{i:04}.log"
        path.write_bytes(b"run %d\n" % i + text)
        os.utime(path, (1e9, 1e9))
    total = sum(path.stat().st_size for path in (folder / "logs").iterdir())
    with daemon(folder, *UNDRAWN) as watched:
        watched.wait_for_bytes(total)
        watched.wait_for(DRAWN, 1)
    size = watched.store.stat().st_size
    show(
        "store, read in large pieces",
        size / (3 * count * text.count(b"\n")),
        20,
        "B/val",
    )
    judge_as_the_first(watched.store)
    started = time.monotonic()
    with daemon(folder, *UNDRAWN) as watched:
        took = time.monotonic() - started
        show(f"restart over {count} known logs until READY", took, 2.0, "s")
        pid = watched.process.pid
        show(f"{count} known logs: memory before a picture", rss_mb(pid), 150.0, "MB")
        rows = Path(f"/proc/{pid}/io").read_text().splitlines()
        print(
            f"restart read {int(rows[0].split()[1]) / 1e6:.0f} MB of {total / 1e6:.0f}"
        )
        time.sleep(12.0)
        before, at = sum(map(cpu_s, watched.pids())), time.monotonic()
        time.sleep(20.0 if QUICK else 60.0)
        used = sum(map(cpu_s, watched.pids())) - before
        share = 100 * used / (time.monotonic() - at)
        show(f"{count} idle logs: CPU", share, 0.5, "%")


def judge_as_the_first(store: Path) -> None:
    """Spares us a thousand pictures: all logs are alike."""
    with contextlib.closing(sqlite3.connect(store)) as connection, connection:
        connection.execute(
            "INSERT OR REPLACE INTO analyses (run, diagnosis, state) "
            "SELECT id, json_set(diagnosis, '$.bytes', bytes), "
            "json_set(state, '$.drawn', bytes) FROM runs, "
            "(SELECT * FROM analyses WHERE state LIKE '%figure%' LIMIT 1)"
        )


def grown(folder: Path) -> None:
    """Ten lines behind few and behind many."""
    found = {n: appended(folder / str(n), n) for n in (1000, 10**6 if QUICK else 10**7)}
    small, large = found.values()
    for i, what in enumerate(("read and committed", "measured and judged")):
        times = f"{1e3 * small[i]:.3g} ms and {1e3 * large[i]:.3g} ms of CPU"
        print(f"10 lines {what}: {times} behind {' and '.join(map(str, found))} lines")
        show(f"10 lines {what}: ratio of long to short", large[i] / small[i], 1.5)


def appended(folder: Path, count: int) -> tuple[float, float]:
    """CPU of reading ten more lines, and of judging the run then."""
    (folder / "logs").mkdir(parents=True)
    path = folder / "logs" / "a.log"
    with path.open("wb") as file:
        for start in range(0, count, 10**5):
            file.writelines(map(line, range(start, min(count, start + 10**5))))
    bench = Bench(folder)
    while bench.rows().get("a.log") is None or bench.rows()["a.log"].lines < count:
        bench.look()
    judged = Analyst(Options(str(bench.state)))
    reading, judging = [], []
    for turn in range(30):
        with path.open("ab") as file:
            file.writelines(line(count + 10 * turn + i) for i in range(10))
        at = time.process_time()
        bench.look()
        reading.append(time.process_time() - at)
        if turn % 10 == 0:
            judging.append(judged.run(Job(1, "a.log", str(path))).cost_s)
    assert bench.rows()["a.log"].lines == count + 300
    bench.stop()
    return quantile(reading, 0.5), quantile(judging, 0.5)


def finished(folder: Path) -> None:
    """Logs that are over when the daemon starts: all are analysed and drawn."""
    count = 40 if QUICK else 200
    (folder / "logs").mkdir()
    for i in range(count):
        path = folder / "logs" / f"{i:03}.log"
        path.write_bytes(b"".join(line(step) for step in range(1000 + i)))
        os.utime(path, (1e9 + i, 1e9 + i))
    watched = Daemon(folder)
    started = time.monotonic()
    watched.wait_until_it_watches()
    watched.wait_for(DRAWN, count)
    took = time.monotonic() - started
    show(f"{count} finished logs analysed and drawn", took, 60.0 * count / 200, "s")
    watched.stop()


def idle(folder: Path) -> None:
    """A thousand logs that stand still while a process has them open."""
    count = 200 if QUICK else 1000
    (folder / "logs").mkdir()
    paths = [folder / "logs" / f"{i:04}.log" for i in range(count)]
    for path in paths:
        path.write_bytes(b"".join(map(line, range(100))))
    files = [os.open(path, os.O_WRONLY | os.O_APPEND) for path in paths]
    with daemon(folder, *UNDRAWN) as watched:
        watched.wait_for_bytes(sum(path.stat().st_size for path in paths))
        watched.wait_for(DRAWN, 1)
    judge_as_the_first(watched.store)
    writer = os.fork()
    if not writer:
        signal.pause()
    for fd in files:
        os.close(fd)
    try:
        with daemon(folder, *UNDRAWN) as watched:
            time.sleep(30.0)
            before, at = cpu_s(watched.process.pid), time.monotonic()
            time.sleep(30.0 if QUICK else 60.0)
            used = cpu_s(watched.process.pid) - before
            share = 100 * used / (time.monotonic() - at)
            show(f"{count} idle logs with a writer: CPU", share, 0.5, "%")
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)


def resumed(folder: Path) -> None:
    """A thousand old logs that get a line every ten seconds."""
    count, seconds = (200, 30.0) if QUICK else (1000, 60.0)
    names = [f"{i:04}.log" for i in range(count)]
    (folder / "logs").mkdir()
    for name in names:
        path = folder / "logs" / name
        path.write_bytes(b"".join(map(line, range(100))))
        os.utime(path, (1e9, 1e9))
    with daemon(folder, *UNDRAWN) as watched:
        watched.wait_for(DRAWN, 1)
    judge_as_the_first(watched.store)
    with daemon(folder, *UNDRAWN) as watched:
        delays, mine, _ = follow(watched, names, 0.1, seconds)
    what = f"{count} resumed logs x 0.1 line/s"
    show(f"{what}: CPU of daemon", 100 * mine, 6.0, "%")
    show(f"{what}: append -> committed, p50", 1e3 * quantile(delays, 0.5), 300.0, "ms")
    show(f"{what}: append -> committed, p99", 1e3 * quantile(delays, 0.99), 1e3, "ms")


def backlog(folder: Path) -> None:
    """A live log beside one of gigabytes that was never read."""
    size = 300 * 10**6 if QUICK else 5 * 10**9
    (folder / "logs").mkdir()
    text = b"".join(map(line, range(10**5)))
    with (folder / "logs" / "large.log").open("wb") as file:
        for _ in range(size // len(text)):
            file.write(text)
    (folder / "logs" / "a.log").write_bytes(b"".join(map(line, range(100))))
    watched = Daemon(folder, *UNDRAWN)
    watched.wait_until_it_watches()
    delays, mine, _ = follow(watched, ["a.log"], 5.0, 20.0)
    show("live beside a backlog: p50", 1e3 * quantile(delays, 0.5), 300.0, "ms")
    show("live beside a backlog: p99", 1e3 * quantile(delays, 0.99), 1e3, "ms")
    print(f"live beside a backlog: {100 * mine:.0f} % of a core")
    watched.process.kill()
    watched.process.wait()


BENCHES: dict[str, Callable[[Path], None]] = {
    "slow": slow,
    "busy": busy,
    "alarm": alarm,
    "known": known,
    "grown": grown,
    "finished": finished,
    "idle": idle,
    "resumed": resumed,
    "backlog": backlog,
}


def main() -> None:
    """Runs all benches, or those that are named."""
    chosen = [name for name in sys.argv[1:] if name in BENCHES]
    for name in chosen or BENCHES:
        load = os.getloadavg()[0]
        print(f"-- {name}: {BENCHES[name].__doc__} (load {load:.1f})", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            BENCHES[name](Path(folder))


if __name__ == "__main__":
    main()
