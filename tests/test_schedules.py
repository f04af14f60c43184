"""Whatever happens to a log, the store holds what one reading of its bytes would give.

A model of the file system's side plays any schedule of writes, rotations, rewrites,
deletions and restarts; after each the runs in the store must equal `gptwatch once` on
the bytes of each generation.
"""

import gzip
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from oracle import FakeClock, known, once

from parsers.formats import FORMATS
from watcher.ingest import earlier
from watcher.ingest.discovery import Scanner
from watcher.ingest.reader import Reader
from watcher.ingest.tailer import Tailer
from watcher.storage.database import Database


pytestmark = pytest.mark.slow


EXAMPLES = int(os.environ.get("GPTWATCH_SCHEDULES", "2000"))
# Text of a copy is only compared where there is some.
ENOUGH = 16


class Schedules(RuleBasedStateMachine):
    """One log, what may happen to it between two looks, and one reader.

    `before` holds earlier parts of the current generation, `seen` what was read of the
    file where the reader stands (None: it never looked), `chain` the contents of that
    file and of those after it which lost their name to a rotation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        (self.folder / "state").mkdir()
        self.path = self.logs / "train.log"
        self.clock = FakeClock()
        self.count = self.moves = 0
        self.generations: list[bytes] = []
        self.before = b""
        self.seen: bytes | None = None
        self.chain: list[bytes] = []
        self.plain = True  # the newest of the chain still has its inode
        self.lost: bytes | None = None  # what a file held that another replaced
        self.held = False
        self.touched = False
        self.quiet = False  # the renamed file was, for long
        self.older = 0  # files of a rotation before the first look that belong to it
        self.fresh = True  # nothing destroyed anything since the last look
        self.open()

    def open(self) -> None:
        """Starts the reader."""
        self.store = Database(self.folder / "state")
        scanner = Scanner()
        tailer = Tailer(
            self.store, self.clock, wanted=lambda p: scanner.wants(self.logs, p)
        )
        self.reader = Reader([self.logs], scanner, self.store, tailer, self.clock)
        self.held = self.quiet = False

    def teardown(self) -> None:
        """A last look, and all is well."""
        self.settle()
        self.reader.close()
        self.store.close()
        shutil.rmtree(self.folder)

    def text(self, lines: int, cut: int) -> bytes:
        """Lines that never come again, the last one perhaps cut."""
        found = b""
        for _ in range(lines):
            self.count += 1
            n = self.count
            found += b"iter %d: loss %d.%04d, time %d.50ms, mfu 9.00%%\n" % (
                n % 40,
                n // 10_000,
                n % 10_000,
                n,
            )
            if n % 7 == 0:
                found += b"step %d: train loss 2.%04d, val loss 3.%04d\n" % (n, n, n)
        return found[: len(found) - cut]

    # What happens to the file.

    @rule(lines=st.integers(1, 60), cut=st.integers(0, 30))
    def write(self, lines: int, cut: int) -> None:
        """The trainer writes on, perhaps half a line."""
        with self.path.open("ab") as file:
            file.write(self.text(lines, cut))
        self.touched = True

    @precondition(lambda self: self.path.exists() and not self.chain and self.fresh)
    @rule(lines=st.integers(0, 60))
    def rewrite(self, lines: int) -> None:
        """The file is emptied, and something else is written to it."""
        self.path.write_bytes(self.text(lines, 0))
        self.touched = True
        self.fresh = False

    @precondition(lambda self: self.path.exists() and not self.chain and self.fresh)
    @rule()
    def delete(self) -> None:
        """The file is removed."""
        self.lost = self.path.read_bytes()
        self.path.unlink()
        self.fresh = False

    @precondition(lambda self: self.path.exists() and not self.chain and self.fresh)
    @rule(lines=st.integers(0, 40), same=st.booleans())
    def replace(self, lines: int, same: bool) -> None:  # noqa: FBT001
        """Another file takes the name at once: an editor saves, a copy comes in."""
        old = self.path.read_bytes()
        other = self.logs / ".new"
        other.write_bytes((old if same else b"") + self.text(lines, 0))
        other.replace(self.path)
        self.touched = True
        self.lost = old
        self.fresh = False

    @precondition(lambda self: self.path.exists() and self.fresh)
    @rule(late=st.booleans(), create=st.booleans())
    def rotate(self, late: bool, create: bool) -> None:  # noqa: FBT001
        """The file is renamed; its writer may still write to it."""
        self.shift()
        first = self.path.with_name(f"{self.path.name}.1")
        self.path.rename(first)
        self.quiet = False
        if late:
            with first.open("ab") as file:
                file.write(self.text(2, 0))
        self.chain.append(first.read_bytes())
        self.plain, self.quiet = True, False
        if create:
            self.path.touch()
            self.touched = True

    @precondition(lambda self: self.chain and self.plain)
    @rule()
    def write_late(self) -> None:
        """A writer did not notice yet that its file was renamed."""
        first = self.path.with_name(f"{self.path.name}.1")
        with first.open("ab") as file:
            file.write(self.text(1, 0))
        self.chain[-1] = first.read_bytes()
        self.quiet = False

    @precondition(lambda self: self.path.exists() and self.fresh)
    @precondition(lambda self: self.chain or len(self.seen or b"") >= ENOUGH)
    @rule()
    def copytruncate(self) -> None:
        """The file is copied, then emptied."""
        self.shift()
        first = self.path.with_name(f"{self.path.name}.1")
        shutil.copyfile(self.path, first)
        self.chain.append(first.read_bytes())
        self.plain = False
        os.truncate(self.path, 0)
        self.touched = True

    @precondition(lambda self: len(self.chain) > 1 or len(self.seen or b"") >= ENOUGH)
    @precondition(lambda self: self.chain and self.plain)
    @rule()
    def compress(self) -> None:
        """What was rotated last is packed."""
        first = self.path.with_name(f"{self.path.name}.1")
        packed = first.with_name(f"{first.name}.gz")
        packed.write_bytes(gzip.compress(first.read_bytes()))
        shutil.copystat(first, packed)
        first.unlink()
        self.plain = False

    @precondition(lambda self: self.path.exists() and not self.chain and self.fresh)
    @rule()
    def move(self) -> None:
        """The log is given another name."""
        self.moves += 1
        new = self.logs / f"moved{self.moves}.log"
        self.path.rename(new)
        self.touched = True
        self.path = new
        self.fresh = False

    @rule(seconds=st.sampled_from([-3600.0, 3600.0]))
    def jump(self, seconds: float) -> None:
        """The wall clock is set."""
        self.clock.jump += seconds

    # What the reader does.

    @rule()
    def restart(self) -> None:
        """The daemon ends, and another begins."""
        self.reader.close()
        self.store.close()
        self.open()

    @precondition(lambda self: self.chain and self.plain and self.path.exists())
    @rule()
    def glance(self) -> None:
        """The reader looks while lines may still come to a renamed file."""
        self.look()
        if self.quiet:
            self.follow(self.path.read_bytes())
            self.quiet = False
        elif self.seen is not None:
            self.before += b"".join(self.chain[:-1])
            self.chain = self.chain[-1:]
            self.seen = self.chain[0]
            self.generations[-1] = self.before + self.seen
        elif self.older:
            self.find(self.chain[-1], self.chain[-self.older : -1])
            self.chain = [self.generations[-1][len(self.before) :]]
        else:
            self.find(self.path.read_bytes())
            self.held = True
        self.check()

    @rule()
    def settle(self) -> None:
        """The reader looks until nothing more is to come."""
        for _ in range(4):
            self.look()
            self.clock.up += 6.0
        content = self.path.read_bytes() if self.path.exists() else None
        if self.seen is None:
            if content is not None:
                self.find(content, self.chain[len(self.chain) - self.older :])
        elif self.chain:
            self.follow(content)
        elif content is not None and content.startswith(self.seen):
            self.seen = content
            self.generations[-1] = self.before + content
        else:
            if self.held and self.lost is not None:
                self.generations[-1] = self.before + self.lost
            if content is not None:
                self.find(content)
            elif self.held and self.lost is not None:
                self.seen = self.lost
        if content is not None:
            # What looks unchanged after a restart is not even opened.
            self.lost, self.held = None, self.held or self.touched
            self.touched = False
        self.fresh = content is not None or bool(self.chain)
        self.quiet = content is None and bool(self.chain) and self.seen is not None
        self.check()

    def find(self, content: bytes, older: Sequence[bytes] = ()) -> None:
        """A generation begins, perhaps in older files."""
        self.before, self.seen, self.chain = b"".join(older), content, []
        self.generations.append(self.before + content)

    def follow(self, content: bytes | None) -> None:
        """The run goes on in the files that came after it."""
        whole = self.before + b"".join(self.chain)
        if content is None:
            self.before += b"".join(self.chain[:-1])
            self.seen = self.chain[-1]
            self.chain = [self.seen]
        else:
            self.before, self.seen, self.chain = whole, content, []
        self.generations[-1] = whole + (content or b"")

    def shift(self) -> None:
        """Rotated files move up by one."""
        name = self.path.name
        for n in range(30, 0, -1):
            for suffix in ("", ".gz"):
                old = self.logs / f"{name}.{n}{suffix}"
                if old.exists():
                    old.rename(self.logs / f"{name}.{n + 1}{suffix}")

    def look(self) -> None:
        """The reader looks at everything once."""
        if self.seen is None:
            self.older = self.earlier()
        self.reader.read(self.reader.scan())

    def earlier(self) -> int:
        """How many files of a log that was not read yet are the first of its run."""
        return len(earlier.parts(self.path, FORMATS)) if self.path.exists() else 0

    def check(self) -> None:
        """The store holds what one reading of each generation's bytes gives."""
        runs = self.store.runs()
        held = [known(self.store.load(run.id)[0]) for run in runs]
        assert [once(data) for data in self.generations] == held
        assert [len(data) for data in self.generations] == [r.bytes for r in runs]


Schedules.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
test_any_schedule_ends_as_one_reading_would = Schedules.TestCase
