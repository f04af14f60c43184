"""Random schedules of faults against the real daemon; the oracle is one reading.

Every training line has a loss that no other line has, so that what is lost, doubled or
mixed up can be named.  A world notes each step that it takes as a line of a script.
"""

import contextlib
import functools
import gzip
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from daemons import Started, workers
from forked import ForkedDaemon, UndrawnDaemon
from oracle import WAIT_S, known, once

from watcher.errors import StorageError
from watcher.storage.database import Database
from watcher.storage.recovery import NAME
from watcher.storage.rows import Row


# So much is read before a file is rotated or replaced, or nothing identifies it.
KNOWN_BYTES = 64
_LOSS = re.compile(rb"loss (\d+)\.(\d{4})")


class Log:
    """One log, its writer, and the bytes that its current generation consists of.

    Attributes:
        path: of the file that is written; `shown`: where the daemon finds it.
        parts: texts of rotated files.
        destroyed: losses in bytes that may or may not have been read.
    """

    def __init__(self, world: "World", path: Path, shown: Path) -> None:
        self._world = world
        self._dice = world.dice
        self._step = 0
        self._dates = 0
        self._is_dated = self._dice.random() < 0.3
        self.path, self.shown = path, shown
        self.parts: list[bytes] = []
        self.destroyed: set[int] = set()
        self.write()

    @property
    def text(self) -> bytes:
        """What one reading has to find."""
        return b"".join(self.parts) + self.path.read_bytes()

    def lines(self, count: int) -> bytes:
        """Lines that never come again, with characters of several bytes."""
        found = []
        for _ in range(count):
            loss = self._world.next_loss()
            found.append(
                b"iter %d: loss %d.%04d, time 25.50ms, mfu 9.00%%\n"
                % (self._step, loss // 10_000, loss % 10_000)
            )
            if self._dice.random() < 0.1:
                found.append("контрольная точка ✓ 100 %\n".encode())
            self._step += 1
        return b"".join(found)

    def put(self, path: Path, data: bytes) -> None:
        """Appends in two pieces, which may split a number or a character."""
        at = self._dice.randrange(len(data))
        with path.open("ab", buffering=0) as file:
            file.write(data[:at])
            time.sleep(self._dice.choice([0.0, 0.0, 0.05, 0.4]))
            file.write(data[at:])

    def write(self) -> None:
        """The training goes on."""
        self.put(self.path, self.lines(self._dice.choice([2, 5, 30, 1000])))

    def resume(self) -> None:
        """The training begins again at an earlier step."""
        self._step = max(0, self._step - self._dice.randrange(1, 50))
        self.write()

    def rotate(self) -> None:
        """Renamed; its writer may still write a line to the old file."""
        old = self._free_name()
        with self.path.open("ab", buffering=0) as writer:
            self.path.rename(old)
            if self._dice.random() < 0.5:
                self.path.write_bytes(self.lines(3))
                time.sleep(self._dice.choice([0.0, 0.1, 0.6]))
            if self._dice.random() < 0.5:
                writer.write(self.lines(2))
        self._next(old)

    def copytruncate(self) -> None:
        """Copied, then emptied."""
        old = self._free_name()
        shutil.copyfile(self.path, old)
        os.truncate(self.path, 0)
        self._next(old)

    def compress(self) -> None:
        """What was rotated last is packed."""
        first = self.path.with_name(f"{self.path.name}.1")
        if not first.exists():
            return
        packed = first.with_name(f".{first.name}.gz")
        packed.write_bytes(gzip.compress(first.read_bytes()))
        shutil.copystat(first, packed)
        packed.rename(first.with_name(f"{first.name}.gz"))
        first.unlink()

    def save(self) -> None:
        """An editor or rsync replaces it by the same text and more."""
        other = self.path.with_name(f".{self.path.name}.new")
        other.write_bytes(self.path.read_bytes() + self.lines(4))
        other.rename(self.path)

    def copy_over(self) -> None:
        """`scp` fills it again with the same text and more."""
        data = self.path.read_bytes() + self.lines(10)
        with self.path.open("wb", buffering=0) as file:
            for at in range(0, len(data), 20_000):
                file.write(data[at : at + 20_000])
                time.sleep(0.02)

    def rerun(self) -> None:
        """The next training truncates it."""
        self._destroy()
        self.path.write_bytes(self.lines(20))

    def delete(self) -> None:
        """Deleted, and made again."""
        self._destroy()
        self.path.unlink()
        time.sleep(self._dice.choice([0.0, 0.3, 1.2]))
        self.path.write_bytes(self.lines(20))

    def replace(self) -> None:
        """Another file takes its name at once."""
        self._destroy()
        other = self.path.with_name(f".{self.path.name}.new")
        other.write_bytes(self.lines(20))
        other.rename(self.path)

    def _destroy(self) -> None:
        self.destroyed |= losses(self.text)
        self.parts, self._step = [], 0

    def _free_name(self) -> Path:
        """The next name of a rotated file: a date, or 1 after the others moved up."""
        if self._is_dated:
            self._dates += 1
            stamp = f"2026-05-04_12-{self._dates:02}"
            return self.path.with_name(f"{self.path.stem}.{stamp}{self.path.suffix}")
        for number in range(30, 0, -1):
            for suffix in ("", ".gz"):
                old = self.path.with_name(f"{self.path.name}.{number}{suffix}")
                if old.exists():
                    new = f"{self.path.name}.{number + 1}{suffix}"
                    old.rename(old.with_name(new))
        return self.path.with_name(f"{self.path.name}.1")

    def _next(self, old: Path) -> None:
        self.parts.append(old.read_bytes())
        self.put(self.path, self.lines(4))


LOG_STEPS: dict[Callable[[Log], None], int] = {
    Log.write: 12,
    Log.resume: 2,
    Log.rotate: 7,
    Log.copytruncate: 3,
    Log.compress: 3,
    Log.save: 2,
    Log.copy_over: 2,
    Log.rerun: 2,
    Log.delete: 2,
    Log.replace: 2,
}


class World:
    """Two watched directories, a symlink, a daemon, and what may happen to them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        # Drawing takes more CPU than all the rest, which other schedules get instead.
        self._draws = seed % 4 == 0
        self.kills = 0
        self.script: list[str] = []
        self._loss = 0
        self._folder = folder
        self._stopped = self._ended = False
        self._clock = folder / "clock.txt"
        self._began = time.monotonic()
        places = [folder / name for name in ("logs", "second", "far")]
        for place in places:
            place.mkdir()
        paths = [places[0] / "a b.log", places[0] / "лог.log", places[1] / "a b.log"]
        self.logs = [Log(self, p, p) for p in paths[: self.dice.randrange(2, 4)]]
        link = places[1] / "link.log"
        self.logs.append(Log(self, places[2] / "out.log", link))
        link.symlink_to(self.logs[-1].path)
        self.daemon = self._started()

    def next_loss(self) -> int:
        """A loss, in ten-thousandths, that no other line has."""
        self._loss += 1
        return 10_000 + self._loss

    def run(self, steps: int) -> None:
        """Takes so many steps."""
        for _ in range(steps):
            if self.dice.random() < 0.35:
                self._note(self._fault())
            else:
                self._step(self.dice.choice(self.logs))
            time.sleep(self.dice.choice([0.0, 0.0, 0.1, 0.5]))
        self._up()
        self._note("end")

    def wrong(self) -> str:
        """What is wrong at the end, "" when all is well."""
        end = time.monotonic() + WAIT_S
        while (found := self._difference()) and time.monotonic() < end:
            time.sleep(1.0)
        return found

    def _step(self, log: Log) -> None:
        step = self.dice.choices(list(LOG_STEPS), list(LOG_STEPS.values()))[0]
        if step not in (Log.write, Log.resume, Log.compress):
            self._up()
            self._wait_until_known(log, whole=step in WHOLE)
        self._note(f"{step.__name__} {log.shown.relative_to(self._folder)}")
        step(log)

    def _wait_until_known(self, log: Log, *, whole: bool) -> None:
        """Until the daemon knows a log, or all of it: else what is what is a guess."""
        text, whole_size = log.path.read_bytes(), len(log.text)
        inode = log.path.stat().st_ino
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            row = self._rows().get(log.shown)
            cursor = row.cursor if row else None
            # What was rewritten has the old inode, and perhaps as many bytes.
            if row and cursor and cursor.inode == inode:
                read = text[: cursor.offset]
                same = read.startswith(cursor.head) and read.endswith(cursor.marker)
                ready = row.bytes == whole_size if whole else len(read) >= KNOWN_BYTES
                if same and ready:
                    return
            time.sleep(0.15)
        message = f"{log.shown}: not read within {WAIT_S:.0f} s"
        raise AssertionError(message)

    def _fault(self) -> str:
        """Something happens to the daemon."""
        self._up()
        return self.dice.choice(FAULTS)(self)

    def kill(self) -> str:
        """It dies at any moment."""
        self.kills += 1
        self._ended = True
        self.daemon.kill()
        return "kill -9 daemon"

    def kill_workers(self) -> str:
        """What analyses and draws dies at any moment."""
        for child in workers(self.daemon.process.pid):
            with contextlib.suppress(ProcessLookupError):
                if os.getsid(child) == child:  # the fork server is no worker
                    os.kill(child, signal.SIGKILL)
        self.kills += 1
        return "kill -9 worker"

    def suspend(self) -> str:
        """It gets no CPU for a while."""
        self.daemon.process.send_signal(signal.SIGSTOP)
        self._stopped = True
        return "kill -STOP daemon"

    def reload(self) -> str:
        """It begins again with its settings."""
        self.daemon.watches()
        self.daemon.process.send_signal(signal.SIGHUP)
        return "kill -HUP daemon"

    def stop(self) -> str:
        """It is stopped as systemd would."""
        self._ended = True
        self.daemon.stop()
        return "kill -TERM daemon"

    def step_clock(self) -> str:
        """The wall clock is set; what was written keeps its times."""
        seconds = self.dice.choice([-3600.0, -60.0, 0.0, 60.0, 3600.0])
        other = self._clock.with_suffix(".new")
        other.write_text(str(seconds), "ascii")
        other.replace(self._clock)
        return f"set the clock {seconds:+.0f} s from the true time"

    def lock_store(self) -> str:
        """Another process writes to its database for a while."""
        store = self.daemon.state / NAME
        connection = sqlite3.connect(store, isolation_level=None)
        with contextlib.closing(connection), contextlib.suppress(sqlite3.Error):
            connection.execute("BEGIN IMMEDIATE")
            self._write_meanwhile()
            connection.execute("ROLLBACK")
        return "lock the database for a while"

    def fill_disk(self) -> str:
        """Files that grow beyond this size fail, as on a full disk."""
        pid = self.daemon.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024, hard))
        self._write_meanwhile()
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        return "fill the disk for a while"

    def _write_meanwhile(self) -> None:
        for log in self.logs:
            log.put(log.path, log.lines(3))
        time.sleep(self.dice.choice([0.2, 1.0, 6.0]))

    def _up(self) -> None:
        """The daemon goes on, or starts again."""
        if self._stopped:
            self.daemon.process.send_signal(signal.SIGCONT)
            self._stopped = False
        code = self.daemon.process.poll()
        if code is not None:
            assert self._ended, f"the daemon ended by itself, with code {code}"
            self._ended = False
            self.daemon = self._started()
            self._note("start daemon")

    def _started(self) -> Started:
        second = ("--dir", str(self._folder / "second"), "--interval", "5s")
        make = ForkedDaemon if self._draws else UndrawnDaemon
        return make(self._folder, after=second).watches()

    def _note(self, text: str) -> None:
        self.script.append(f"{time.monotonic() - self._began:6.2f} s  {text}")

    def _rows(self) -> dict[Path, Row]:
        with self._store() as store:
            rows = store.current_runs() if store else []
        return {Path(row.root) / row.path: row for row in rows}

    @contextlib.contextmanager
    def _store(self) -> Iterator[Database | None]:
        try:
            store = Database(self.daemon.state, read_only=True)
        except StorageError:
            yield None
            return
        with contextlib.closing(store):
            yield store

    def _difference(self) -> str:
        """How the database differs from one reading of the bytes."""
        with self._store() as store:
            if store is None:
                return "no database"
            runs = [(row, store.load(row.id)[0]) for row in store.runs()]
        current = {Path(r.root) / r.path: known(run) for r, run in runs if r.current}
        for log in self.logs:
            if log.shown not in current:
                return f"{log.shown}: not there"
            if current[log.shown] != _once(log.text):
                return f"{log.shown}: other than one reading of its bytes"
        columns = [run.column("loss")[2] for _, run in runs if "loss" in run.metrics()]
        found = [round(value * 1e4) for column in columns for value in column]
        doubled = sorted(loss for loss, times in Counter(found).items() if times > 1)
        there = set().union(*(losses(log.text) | log.destroyed for log in self.logs))
        strange = sorted(set(found) - there)
        if doubled or strange:
            return f"doubled {doubled[:5]}, invented {strange[:5]}"
        return ""


FAULTS: tuple[Callable[[World], str], ...] = (
    World.kill,
    World.kill,
    World.kill_workers,
    World.suspend,
    World.reload,
    World.stop,
    World.step_clock,
    World.lock_store,
    World.fill_disk,
)
# What destroys bytes, or changes which bytes are where.
WHOLE = frozenset({Log.rerun, Log.delete, Log.replace, Log.copy_over, Log.save})


@functools.lru_cache(maxsize=8)
def _once(text: bytes) -> dict[str, Any]:
    return once(text)


def losses(text: bytes) -> set[int]:
    """The losses in a text, in ten-thousandths."""
    return {int(a) * 10_000 + int(b) for a, b in _LOSS.findall(text)}
